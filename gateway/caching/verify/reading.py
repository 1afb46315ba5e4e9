"""Texts as the model takes them: read, run through the network, compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.caching.verify import alignment, features, guards, pairing, substitutions, words
from gateway.caching.verify.alignment import Aligned
from gateway.caching.verify.substitutions import Substitutions
from gateway.caching.verify.words import Reading
from gateway.embedders import minilm


@dataclass(frozen=True, slots=True)
class Compared:
    """What a scorer takes, the very same whichever text comes first."""

    values: list[float]  # in the order of `features.NAMES`
    differences: list[Any]  # in the order of `features.DIFFERENCES`
    substitutions: Substitutions


def of_texts(texts: Sequence[str]) -> list[Aligned]:
    """Blocks: about 4 ms a short text. Raises `FileNotFoundError` if the network is not installed."""
    return [alignment.align(words.read(text), pieces) for text, pieces in zip(texts, minilm.pieces(texts), strict=True)]


def aligned(text: Reading | Aligned, vector: Any = None) -> Aligned:
    """A text that has been read so far, with its vectors. The network is not run if the text's vector, given, has just been made by it."""
    if isinstance(text, Aligned):
        return text
    found = minilm.pieces_of(vector) if vector is not None else None
    return alignment.align(text, found if found is not None else minilm.pieces([text.text])[0])


def compared(asked: Aligned, cached: Aligned, vetoes: Sequence[str] | None = None) -> Compared:
    """`vetoes`: of the guards, if they have been asked."""
    pair = pairing.pair(asked, cached)
    if vetoes is None:
        vetoes = guards.vetoes(asked.reading, cached.reading)
    return Compared(features.extract(pair, vetoes), features.differences(pair), substitutions.between(pair))
