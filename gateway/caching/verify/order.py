"""Whether two texts give the same words other parts to play: "from Paris to London" and "from London to Paris".

A word's part is told by the preposition it follows, and among words without one by their order. Reordering that leaves the parts alone
("in Ahmedabad, which is the best college") is no swap, nor is the order of what stands side by side ("A and B").
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.caching.verify.vocabulary import listed
from gateway.caching.verify.words import Reading, stem

# Followed by whom or what takes a part. "of" and "'s" mean the same.
_MARKERS = frozenset(
    listed("""
    from to into onto than over under by with without for against before after instead of in on at about as versus through via like
    """)
)
_SWAPPING = frozenset(listed("from to into onto than over under by with for against before after instead as of"))
_SYMMETRIC = frozenset(listed("and or nor between versus vs both & ,"))
# Words that say what something is like are put before or after it: "the best novel", "which novel is best".
_PREDICATES = frozenset(
    map(stem, listed("best better good great bad worst worse top possible true false main important famous popular"))
)
_DISTANCES = frozenset(
    ("far", "distance", "distances", "away", "close", "near")
)  # from here to there as from there to here
_ALIKE = 0.6  # share of content words in common from which parts are compared
_BREAKS = frozenset(".?!;:\n")


def is_swapped(asked: Reading, cached: Reading) -> bool:
    """Whether the same words play other parts. False where the words are too different to tell."""
    here, there = set(asked.content_stems), set(cached.content_stems)
    if len(here & there) < max(2, _ALIKE * len(here | there)) or not asked.plains.isdisjoint(_DISTANCES):
        return False
    mine, others = list(_parts(asked)), list(_parts(cached))
    return (
        _fillers_swapped(mine, others)
        or _fillers_swapped(others, mine)
        or _sequence_swapped(asked, cached, mine, others)
    )


def _parts(reading: Reading) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(marker, stems of content words that follow it), in order; the marker is empty where there is none."""
    marker, filler = "", list[str]()
    end = 0
    for word in reading.words:
        between = reading.text[end : word.start]
        end = word.end
        if any(char in _BREAKS for char in between) and filler:
            yield marker, tuple(filler)
            marker, filler = "", []
        if word.plain in _MARKERS:
            if filler:
                yield marker, tuple(filler)
            marker, filler = word.plain, []
        elif word.is_content and word.plain not in _SYMMETRIC:
            filler.append(word.stem)
        elif (
            marker
            and filler
            and not word.is_content
            and word.plain not in ("the", "a", "an", "my", "your", *_SYMMETRIC)
        ):
            yield marker, tuple(filler)  # a verb or pronoun ends what the preposition governs
            marker, filler = "", []
    if filler:
        yield marker, tuple(filler)


def _fillers_swapped(mine: list[tuple[str, tuple[str, ...]]], others: list[tuple[str, tuple[str, ...]]]) -> bool:
    """What follows a marker here follows it not there, although it is there, and what follows it there is here."""
    for marker in _SWAPPING:
        here = {root for own, filler in mine if own == marker for root in filler}
        there = {root for own, filler in others if own == marker for root in filler}
        if not here or not there:
            continue
        elsewhere_here = {root for own, filler in mine if own != marker for root in filler}
        elsewhere_there = {root for own, filler in others if own != marker for root in filler}
        if (here - there) & (elsewhere_there - elsewhere_here) and (there - here) & (elsewhere_here - elsewhere_there):
            return True
    return False


def _sequence_swapped(
    asked: Reading,
    cached: Reading,
    mine: list[tuple[str, tuple[str, ...]]],
    others: list[tuple[str, tuple[str, ...]]],
) -> bool:
    """The same content words, each once, and those without a preposition in another order, not just side by side."""
    if sorted(asked.content_stems) != sorted(cached.content_stems):
        return False
    if any(filler for marker, filler in mine if marker == "of") != any(
        filler for marker, filler in others if marker == "of"
    ):
        return False  # "India's language", "the language of India"
    here = [root for marker, filler in mine if not marker for root in filler if root not in _PREDICATES]
    there = [root for marker, filler in others if not marker for root in filler if root not in _PREDICATES]
    if here == there or sorted(here) != sorted(there) or len(set(here)) != len(here):
        return _negated_swap(asked, cached, mine, others)
    moved = [root for root, other in zip(here, there, strict=True) if root != other]
    return not _stands_side_by_side(asked, moved)


def _negated_swap(
    asked: Reading,
    cached: Reading,
    mine: list[tuple[str, tuple[str, ...]]],
    others: list[tuple[str, tuple[str, ...]]],
) -> bool:
    """The same prepositions with the same words, in another order, and a "not" or "than" somewhere between them: "this and not that"."""
    if "not" not in asked.plains and "than" not in asked.plains:
        return False
    return mine != others and sorted(mine) == sorted(others)


def _stands_side_by_side(reading: Reading, moved: list[str]) -> bool:
    """Whether the words that changed places are joined by "and", "or", "vs" or a comma in this text."""
    places = [place for place, word in enumerate(reading.words) if word.stem in moved]
    first, last = min(places), max(places)
    between = {word.plain for word in reading.words[first + 1 : last]}
    text = reading.text[reading.words[first].end : reading.words[last].start]
    return bool(between & _SYMMETRIC) or "," in text or "&" in text or "/" in text
