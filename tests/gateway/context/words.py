"""An embedder that needs no model: a text's words, weighed, as a unit vector. Similar words give similar vectors, on every machine."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter

DIMENSIONS = 512
COMMON = frozenset((
    "the", "of", "a", "an", "is", "was", "it", "to", "and", "in", "on", "for", "that", "what", "so", "you",
    "me", "my", "i", "from", "be", "now", "at", "by", "with", "this", "can", "about",
))  # fmt: skip
_WORD = re.compile(r"[^\W_]+")


async def embed(texts: list[str]) -> list[list[float]]:
    return [vector(text) for text in texts]


def vector(text: str) -> list[float]:
    out = [0.0] * DIMENSIONS
    for word, count in Counter(_WORD.findall(text.lower())).items():
        if word not in COMMON:
            place = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=4).digest(), "big") % DIMENSIONS
            out[place] += 1 + math.log(count)
    length = math.sqrt(sum(number * number for number in out)) or 1.0
    return [number / length for number in out]
