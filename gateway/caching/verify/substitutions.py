"""Which words of a text the other one lacks, and what it has in their place: the nearest word, and how near.

Two questions of the same words but one differ in what was put in its place; which substitutions change what is asked is learnt (`learnt`).
A word that both have counts as well where its surroundings make it another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.caching.verify.alignment import EARLY, LAST, OWN
from gateway.caching.verify.pairing import Pairing, Side

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

    words: Any  # float32, layers × substitutions × 384
    there: Any  # what the other text has in its place
    facts: Any  # float32, substitutions × FACTS


def between(pairing: Pairing) -> Substitutions:
    import numpy as np

    one, other, tables = pairing.one, pairing.other, pairing.tables
    if not one.text.words or not other.text.words:
        nothing = one.text.raw[:, :0]
        return Substitutions(nothing, nothing, np.zeros((0, len(FACTS)), dtype=np.float32))
    near = sum(share * table for share, table in zip(_NEARNESS, tables, strict=True))
    forth = _places(one, other, near.argmax(axis=1))
    back = _places(other, one, near.argmax(axis=0))
    return Substitutions(
        np.concatenate([one.text.raw[:, forth[0]], other.text.raw[:, back[0]]], axis=1),
        np.concatenate([other.text.raw[:, forth[1]], one.text.raw[:, back[1]]], axis=1),
        np.concatenate([_facts(one, other, forth, tables), _facts(other, one, back, tables.transpose(0, 2, 1))]),
    )


def joined(parts: list[Substitutions]) -> Substitutions:
    """Those of many pairs, one after the other."""
    import numpy as np

    return Substitutions(
        np.concatenate([part.words for part in parts], axis=1),
        np.concatenate([part.there for part in parts], axis=1),
        np.concatenate([part.facts for part in parts]),
    )


def _places(side: Side, other: Side, nearest: Any) -> tuple[list[int], list[int]]:
    """Words that are not in the other text, or are another one there; and where what it has instead stands."""
    is_only = set(side.only)
    moved = (side.best[EARLY] <= _UNMOVED).tolist()
    here = [at for at in range(len(side.text.words)) if at in is_only or moved[at]]
    return here, nearest[here].tolist()


def _facts(side: Side, other: Side, places: tuple[list[int], list[int]], tables: Any) -> Any:
    """In the order of FACTS; of each in `places`."""
    import numpy as np

    here, there = places
    mine, others = side.text.facts[here], other.text.facts[there]
    is_only, is_only_there = set(side.only), set(other.only)
    found = np.empty((len(here), len(FACTS)), dtype=np.float32)
    found[:, :3] = tables[:, here, there].T
    found[:, 3] = side.best[OWN, here]
    for column, fact in ((4, 0), (6, 1), (10, 2)):  # weight, is_content, place
        found[:, column], found[:, column + 1] = mine[:, fact], others[:, fact]
    found[:, 8] = [at not in is_only for at in here]
    found[:, 9] = [at not in is_only_there for at in there]
    found[:, 12], found[:, 13], found[:, 14] = len(side.text.words), len(other.text.words), mine[:, 3]
    return found
