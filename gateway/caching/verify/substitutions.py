"""Which words of a text the other one lacks, and what it has in their place: the nearest word, and how near.

Two questions of the same words but one differ in what was put in its place; which substitutions change what is asked is learnt (`learnt`).
A word that both have counts as well where its surroundings make it another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.caching.verify.alignment import EARLY, LAST, OWN, Aligned

LAYERS = (OWN, EARLY, LAST)
FACTS = (
    "near_own", "near_early", "near_last", "nearest_own", "weight", "weight_there", "is_content", "is_content_there", "is_there", "is_here",
    "place", "place_there", "words", "words_there", "is_name",
)  # fmt: skip
_NEARNESS = (0.2, 0.3, 0.5)  # of each layer, in looking for the nearest
_UNMOVED = 0.75  # a word that both have is as good as the same from this nearness on, after the early layers


@dataclass(frozen=True, slots=True)
class Substitutions:
    """Of both texts together, the same whichever comes first."""

    words: tuple[Any, ...]  # by layer, float32, substitutions × 384
    there: tuple[Any, ...]  # what the other text has in its place
    facts: Any  # float32, substitutions × FACTS


def between(asked: Aligned, cached: Aligned) -> Substitutions:
    import numpy as np

    if cached.reading.text < asked.reading.text:  # whichever comes first, the very same arithmetic
        asked, cached = cached, asked
    one, other = _from(asked, cached), _from(cached, asked)
    return Substitutions(
        tuple(np.concatenate(pair) for pair in zip(one.words, other.words, strict=True)),
        tuple(np.concatenate(pair) for pair in zip(one.there, other.there, strict=True)),
        np.concatenate([one.facts, other.facts]),
    )


def joined(parts: list[Substitutions]) -> Substitutions:
    """Those of many pairs, one after the other."""
    import numpy as np

    return Substitutions(
        tuple(np.concatenate([part.words[layer] for part in parts]) for layer in range(len(LAYERS))),
        tuple(np.concatenate([part.there[layer] for part in parts]) for layer in range(len(LAYERS))),
        np.concatenate([part.facts for part in parts]),
    )


def _from(side: Aligned, other: Aligned) -> Substitutions:
    import numpy as np

    if not side.words or not other.words:
        nothing = np.zeros((0, side.whole[LAST].shape[0]), dtype=np.float32)
        return Substitutions((nothing,) * 3, (nothing,) * 3, np.zeros((0, len(FACTS)), dtype=np.float32))
    tables = [side.unit[layer] @ other.unit[layer].T for layer in LAYERS]
    nearest = sum(share * table for share, table in zip(_NEARNESS, tables, strict=True)).argmax(axis=1)
    moved = tables[EARLY].max(axis=1) <= _UNMOVED
    stems, own = other.reading.stem_set, side.reading.stem_set
    here = [at for at, word in enumerate(side.words) if word.stem not in stems or moved[at]]
    there = nearest[here]
    facts = [
        (
            *(table[at, to] for table in tables), tables[OWN][at].max(), side.weights[at], other.weights[to],
            side.words[at].is_content, other.words[to].is_content, side.words[at].stem in stems, other.words[to].stem in own,
            at / len(side.words), to / len(other.words), len(side.words), len(other.words), side.words[at].is_name,
        )
        for at, to in zip(here, there, strict=True)
    ]  # fmt: skip
    return Substitutions(
        tuple(side.raw[layer][here] for layer in LAYERS),
        tuple(other.raw[layer][there] for layer in LAYERS),
        np.array(facts, dtype=np.float32).reshape(-1, len(FACTS)),
    )
