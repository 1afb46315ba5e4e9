"""Which word of one text answers to which of the other, by the vectors that the embedding model gives their word pieces.

A sentence's vector hides the one word that makes another question of it; here each word looks for its nearest in the other text, and what
finds none near is what the texts differ in. Words beyond what the model reads are left out.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from gateway.caching.verify.words import QUESTION_WORDS, Reading, Word
from gateway.embedders.minilm import Pieces

OWN, EARLY, LAST = range(3)  # layers of `Pieces`
# Word pieces are numbered by falling frequency from here on; before it come marks, signs and letters.
_FIRST_WORD = 1996
_COMMON = 100  # as many of the commonest weigh about the same
_SIGN_WEIGHT = 0.5
_PER_EXTRA_PIECE = 0.5  # a word that is taken apart is a rare one
MOST_WORDS = 256  # of a text that are compared in detail; the network reads fewer
_OPENERS = (*sorted(QUESTION_WORDS), "is", "are", "do", "does", "did", "can", "could", "should", "would", "will", "if")
_SENTENCE = re.compile(r"[.?!]+(?:\s|$)")


@dataclass(frozen=True)
class Aligned:
    """A text with the vectors of its words. All arrays go by the place in `words`, those of several layers by the layer before that.

    What a text says of itself is found out once, and kept with it: it is compared with many.
    """

    reading: Reading
    words: tuple[Word, ...]
    weights: Any  # how rare each word is, from 0.5
    content: Any  # bool; all True if no word is a content word
    raw: Any  # layers × words × 384: means of their pieces
    whole: Any  # layers × 384, the mean of all pieces, scaled to length 1
    first: Any  # layers × 384, the mark of the beginning, scaled to length 1
    end: Any  # the mark of the end after the last layer
    peak: Any  # the largest value of each dimension after the last layer

    @property
    def vector_bytes(self) -> int:
        """What its vectors take."""
        return int(self.raw.nbytes + self.whole.nbytes + self.first.nbytes + self.end.nbytes + self.peak.nbytes)

    @cached_property
    def stems(self) -> list[str]:
        return [word.stem for word in self.words]

    @cached_property
    def stem_set(self) -> frozenset[str]:
        return frozenset(self.stems)

    @cached_property
    def plains(self) -> frozenset[str]:
        return frozenset(word.plain for word in self.words)

    @cached_property
    def content_stems(self) -> dict[str, int]:
        """Each once, with its number, in their order."""
        stems = dict.fromkeys(word.stem for word in self.words if word.is_content)
        return {stem: number for number, stem in enumerate(stems)}

    @cached_property
    def name_stems(self) -> frozenset[str]:
        return frozenset(word.stem for word in self.reading.names)

    @cached_property
    def pairs(self) -> frozenset[tuple[str, str]]:
        return frozenset(pairwise(self.stems))

    @cached_property
    def trigrams(self) -> frozenset[str]:
        text = f" {' '.join(word.plain for word in self.reading.words[:MOST_WORDS])} "
        return frozenset(text[at : at + 3] for at in range(len(text) - 2))

    @cached_property
    def sentences(self) -> int:
        return len(_SENTENCE.findall(self.reading.text))

    @cached_property
    def opener(self) -> str:
        return next((word.plain for word in self.reading.words if word.plain in _OPENERS), "")

    @cached_property
    def question_words(self) -> frozenset[str]:
        return self.reading.plains & QUESTION_WORDS

    @cached_property
    def weight(self) -> float:
        """Of all words together."""
        return float(self.weights.sum())

    @cached_property
    def facts(self) -> Any:
        """float32, words × 4: weight, whether it is a content word, how far into the text it stands, whether it is a name."""
        import numpy as np

        count = len(self.words)
        rows = [
            (weight, word.is_content, at / count, word.is_name)
            for at, (word, weight) in enumerate(zip(self.words, self.weights.tolist(), strict=True))
        ]
        return np.array(rows, dtype=np.float32).reshape(-1, 4)


def align(reading: Reading, pieces: Pieces) -> Aligned:
    import numpy as np

    words, rows = _pieces_of_words(reading, pieces)
    weights = np.array([max(_weight(pieces.ids[at]) for at in own) + _PER_EXTRA_PIECE * (len(own) - 1) for own in rows])
    content = np.array([word.is_content for word in words], dtype=bool)
    spread = np.zeros((len(words), len(pieces.ids)), dtype=np.float32)
    for place, own in enumerate(rows):
        spread[place, own] = 1 / len(own)
    last = pieces.layers[LAST]
    return Aligned(
        reading=reading,
        words=words,
        weights=weights,
        content=content if content.any() else ~content,
        raw=np.stack([spread @ layer for layer in pieces.layers]),
        whole=scaled(np.stack([layer.mean(axis=0) for layer in pieces.layers])),
        first=scaled(np.stack([layer[0] for layer in pieces.layers])),
        end=last[-1].copy(),  # not all of its pieces are to be kept with it
        peak=last.max(axis=0),
    )


def scaled(vectors: Any) -> Any:
    import numpy as np

    return vectors / np.maximum(np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True)), 1e-9)


def cosine(left: Any, right: Any) -> float:
    lengths = math.sqrt(float(left @ left) * float(right @ right))
    return float(left @ right) / max(lengths, 1e-9)


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
