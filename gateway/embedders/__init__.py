"""Text → vector. Two implementations of one interface: `minilm` (embedded, the default) and `api` (any OpenAI-compatible embeddings API).

An embedder has a `name`, which tells its vectors from those of others, and two ways to embed: `embed`, from an event loop, and `embed_now`,
which blocks. Vectors are unit vectors in float32, in the order of the texts, so that a dot product is the cosine. Nothing heavy is
imported, and no weights are read, before the first text comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

Vector = Any  # a numpy array of float32, which is not imported here


class EmbedderError(Exception):
    """The texts cannot be embedded just now."""


class Embedder(Protocol):
    @property
    def name(self) -> str: ...
    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Raises `EmbedderError`. Cancelled, it lets the work of others go on."""
        ...

    def embed_now(self, texts: Sequence[str]) -> list[Vector]:
        """The same for a thread of one's own."""
        ...


def make() -> Embedder:
    """The embedder that the settings name."""
    from django.conf import settings  # not above: who scores texts with the embedded model knows no Django

    from gateway.embedders import api, batches, minilm

    kind, _, rest = settings.EMBEDDER.partition(" ")
    if kind == "api":
        base_url, _, model = rest.partition(" ")
        return api.ApiEmbedder(base_url=base_url, model=model.strip(), credential=settings.EMBEDDER_API_KEY)
    return batches.Batched(minilm.NAME, minilm.embed)
