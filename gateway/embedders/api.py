"""Any OpenAI-compatible embeddings API, by the official SDK."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.embedders import EmbedderError, Vector
from gateway.embedders.batches import Batched

TIMEOUT_SECONDS = 10.0


class ApiEmbedder(Batched):
    """Calls `model` at `base_url`. Its credential is the operator's and goes nowhere else: redirects are not followed."""

    def __init__(self, *, base_url: str, model: str, credential: str) -> None:
        super().__init__(f"api:{model}", self._call)
        self._base_url = base_url
        self._model = model
        self._credential = credential
        self._client: Any = None

    def _call(self, texts: Sequence[str]) -> list[Vector]:
        import numpy as np

        if self._client is None:
            self._client = self._connect()
        answer = self._client.embeddings.create(model=self._model, input=list(texts), encoding_format="float")
        vectors = [
            np.asarray(item.embedding, dtype=np.float32) for item in sorted(answer.data, key=lambda item: item.index)
        ]
        if len(vectors) != len(texts) or len({vector.shape for vector in vectors}) > 1:
            raise EmbedderError(f"{self._model} sent {len(vectors)} vectors for {len(texts)} texts")
        return [vector / max(float(np.linalg.norm(vector)), 1e-12) for vector in vectors]

    def _connect(self) -> Any:
        import httpx2
        import openai

        return openai.OpenAI(
            base_url=self._base_url,
            api_key=self._credential or "none",
            organization="",
            project="",
            timeout=TIMEOUT_SECONDS,
            max_retries=1,
            http_client=httpx2.Client(follow_redirects=False, trust_env=False, timeout=TIMEOUT_SECONDS),
        )
