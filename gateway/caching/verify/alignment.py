"""Which word of one text answers to which of the other, by the vectors that the embedding model gives their word pieces.

A sentence's vector hides the one word that makes another question of it; here each word looks for its nearest in the other text, and what
finds none near is what the texts differ in. Words beyond what the model reads are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from gateway.caching.verify.words import Reading, Word
from gateway.embedders.minilm import Pieces

OWN, EARLY, LAST = range(3)  # layers of `Pieces`
# Word pieces are numbered by falling frequency from here on; before it come marks, signs and letters.
_FIRST_WORD = 1996
_COMMON = 100  # as many of the commonest weigh about the same
_SIGN_WEIGHT = 0.5
_PER_EXTRA_PIECE = 0.5  # a word that is taken apart is a rare one


@dataclass(frozen=True, slots=True)
class Aligned:
    """A text with the vectors of its words. All arrays go by the place in `words`."""

    reading: Reading
    words: tuple[Word, ...]
    weights: Any  # how rare each word is, from 0.5
    content: Any  # bool; all True if no word is a content word
    raw: tuple[Any, Any, Any]  # by layer, words × 384: means of their pieces
    unit: tuple[Any, Any, Any]  # the same scaled to length 1
    whole: tuple[Any, Any, Any]  # by layer, the mean of all pieces, scaled to length 1
    first: tuple[Any, Any, Any]  # by layer, the mark of the beginning, scaled to length 1
    end: Any  # the mark of the end after the last layer
    peak: Any  # the largest value of each dimension after the last layer

    def having(self, stems: frozenset[str], *, is_in: bool) -> list[int]:
        """Places of words whose stem is among these, or is not."""
        return [place for place, word in enumerate(self.words) if (word.stem in stems) is is_in]


def align(reading: Reading, pieces: Pieces) -> Aligned:
    import numpy as np

    words, rows = _pieces_of_words(reading, pieces)
    weights = np.array([max(_weight(pieces.ids[at]) for at in own) + _PER_EXTRA_PIECE * (len(own) - 1) for own in rows])
    content = np.array([word.is_content for word in words], dtype=bool)
    spread = np.zeros((len(words), len(pieces.ids)), dtype=np.float32)
    for place, own in enumerate(rows):
        spread[place, own] = 1 / len(own)
    raw = tuple(spread @ layer for layer in pieces.layers)
    return Aligned(
        reading=reading,
        words=words,
        weights=weights,
        content=content if content.any() else ~content,
        raw=(raw[0], raw[1], raw[2]),
        unit=(scaled(raw[0]), scaled(raw[1]), scaled(raw[2])),
        whole=_by_layer(pieces, lambda layer: scaled(layer.mean(axis=0))),
        first=_by_layer(pieces, lambda layer: scaled(layer[0])),
        end=pieces.layers[LAST][-1],
        peak=pieces.layers[LAST].max(axis=0),
    )


def scaled(vectors: Any) -> Any:
    import numpy as np

    return vectors / np.maximum(np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True)), 1e-9)


def cosine(left: Any, right: Any) -> float:
    lengths = math.sqrt(float(left @ left) * float(right @ right))
    return float(left @ right) / max(lengths, 1e-9)


def _by_layer(pieces: Pieces, make: Any) -> tuple[Any, Any, Any]:
    own, early, last = pieces.layers
    return make(own), make(early), make(last)


def _pieces_of_words(reading: Reading, pieces: Pieces) -> tuple[tuple[Word, ...], list[list[int]]]:
    """Words that the model has read, and the places of each one's pieces. Both go from left to right once."""
    words, rows = [], []
    at, count = 0, len(pieces.spans)
    for word in reading.words:
        while at < count and pieces.spans[at][1] <= word.start:
            at += 1
        own = []
        ahead = at
        while ahead < count and pieces.spans[ahead][0] < word.end:
            if pieces.spans[ahead][1] > pieces.spans[ahead][0]:
                own.append(ahead)
            ahead += 1
        if own:
            words.append(word)
            rows.append(own)
    return tuple(words), rows


def _weight(piece: int) -> float:
    if piece < _FIRST_WORD:
        return _SIGN_WEIGHT
    return math.log(piece - _FIRST_WORD + 996 + _COMMON) - math.log(_COMMON)
