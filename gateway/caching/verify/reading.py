"""Texts as the model takes them: read, run through the network, compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.caching.verify import alignment, features, guards, substitutions, words
from gateway.caching.verify.alignment import Aligned
from gateway.caching.verify.substitutions import Substitutions
from gateway.embedders import minilm


@dataclass(frozen=True, slots=True)
class Compared:
    """What a scorer takes, the same whichever text comes first (but for the signs of differences)."""

    values: list[float]  # in the order of `features.NAMES`
    differences: list[Any]  # in the order of `features.DIFFERENCES`
    substitutions: Substitutions


def of_texts(texts: Sequence[str]) -> list[Aligned]:
    """Blocks: about 4 ms a short text. Raises `FileNotFoundError` if the network is not installed."""
    return [alignment.align(words.read(text), pieces) for text, pieces in zip(texts, minilm.pieces(texts), strict=True)]


def of_vector(text: str, vector: Any) -> Aligned | None:
    """The same without running the network again, if the text's vector has just been made by it."""
    found = minilm.pieces_of(vector)
    return alignment.align(words.read(text), found) if found is not None else None


def compared(asked: Aligned, cached: Aligned) -> Compared:
    vetoes = guards.vetoes(asked.reading, cached.reading)
    return Compared(
        features.extract(asked, cached, vetoes),
        features.differences(asked, cached),
        substitutions.between(asked, cached),
    )
