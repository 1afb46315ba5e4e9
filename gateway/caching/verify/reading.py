"""Texts as the model takes them: read, run through the network, compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.caching.verify import alignment, features, guards, words
from gateway.caching.verify.alignment import Aligned
from gateway.embedders import minilm


def of_texts(texts: Sequence[str]) -> list[Aligned]:
    """Blocks: about 4 ms a short text. Raises `FileNotFoundError` if the network is not installed."""
    return [alignment.align(words.read(text), pieces) for text, pieces in zip(texts, minilm.pieces(texts), strict=True)]


def compared(asked: Aligned, cached: Aligned) -> tuple[list[float], list[Any]]:
    """What a scorer takes."""
    vetoes = guards.vetoes(asked.reading, cached.reading)
    return features.extract(asked, cached, vetoes), features.differences(asked, cached)
