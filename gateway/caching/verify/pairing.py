"""Two texts side by side: which words only one of them has, and how near each word's nearest in the other is, layer by layer.

Made once for a pair, for all that looks at it. Whichever text comes first, the very same arithmetic: the pair is turned into one order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.caching.verify.alignment import Aligned, scaled


@dataclass(frozen=True, slots=True)
class Side:
    """A text beside another one. Lists are places in `text.words`, arrays of nearness go by layer and word."""

    text: Aligned
    only: list[int]  # words whose stem is nowhere in the other text
    only_content: list[int]
    shared: list[int]
    unread: list[int]  # as `only`, and those that are in the other text only beyond what the network reads
    unread_content: list[int]
    best: Any  # layers × words: how near the nearest word of the other text is
    only_mean: Any  # layers × 384: of `only`; nothing if there are none


@dataclass(frozen=True, slots=True)
class Pairing:
    one: Side
    other: Side
    tables: Any  # layers × words of one × words of the other: how near they are


def pair(asked: Aligned, cached: Aligned) -> Pairing:
    if cached.reading.text < asked.reading.text:
        asked, cached = cached, asked
    # Scaled before they are multiplied: trees tell the last digits of a nearness of 1 apart.
    tables = scaled(asked.raw) @ scaled(cached.raw).transpose(0, 2, 1)
    is_empty = not asked.words or not cached.words
    return Pairing(
        _side(asked, cached, None if is_empty else tables.max(axis=2)),
        _side(cached, asked, None if is_empty else tables.max(axis=1)),
        tables,
    )


def _side(text: Aligned, other: Aligned, best: Any) -> Side:
    stems = other.reading.stem_set
    only = [place for place, stem in enumerate(text.stems) if stem not in stems]
    unread = only
    if len(other.words) < len(other.reading.words):
        unread = [place for place, stem in enumerate(text.stems) if stem not in other.stem_set]
    return Side(
        text=text,
        only=only,
        only_content=(content := [place for place in only if text.words[place].is_content]),
        shared=[place for place, stem in enumerate(text.stems) if stem in stems],
        unread=unread,
        unread_content=content if unread is only else [place for place in unread if text.words[place].is_content],
        best=best,
        only_mean=text.raw[:, only].mean(axis=1) if only else 0 * text.whole,
    )
