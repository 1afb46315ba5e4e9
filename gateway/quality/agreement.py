"""How far a judge and people agree, and what a judge's figure is worth after that. Pure arithmetic.

*Agreement* is Cohen's κ (Educational and Psychological Measurement 20, 1960) with its large-sample interval (Fleiss, Cohen & Everitt,
Psychological Bulletin 72, 1969).

*Correction*: people say of a few of the judged answers whether they were good. That the judge is too kind or too strict is seen there, and
taken out of its figure for all of them, by prediction-powered inference with power tuning (Angelopoulos et al., "Prediction-powered
inference", Science 382, 2023; Angelopoulos, Duchi & Zrnic, "PPI++", arXiv 2311.01453): ȳ + λ (f̄ of the others − f̄ of the labelled). λ says
how much the judge is trusted: 1 where it tells what people would say, 0 where it does not, and then only people count. For its variance
half an answer is added to each cell of the table, or few labels that happen to agree would promise certainty. It holds as far as those
who vote are like those who don't: a judge's bias is measured, a voter's is not.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from gateway.caching.evidence import Z95

LEAST_LABELLED = 30  # judged answers with votes, for a correction


class Confusion(NamedTuple):
    """Judged answers that people voted on: what the judge said, and what they said."""

    good_up: int = 0
    good_down: int = 0
    bad_up: int = 0
    bad_down: int = 0

    @property
    def total(self) -> int:
        return sum(self)

    def __add__(self, other: object) -> Confusion:  # cell by cell, not one after the other
        assert isinstance(other, Confusion)
        return Confusion(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class Estimate(NamedTuple):
    """A figure, and where it is in 95 of 100 cases."""

    value: float
    low: float
    high: float


def kappa(seen: Confusion) -> Estimate | None:
    """None where it says nothing: there is nothing to compare, or one of the two always says the same."""
    count = seen.total
    if not count:
        return None
    cells = [[seen.good_up / count, seen.good_down / count], [seen.bad_up / count, seen.bad_down / count]]
    judge = [sum(row) for row in cells]
    people = [cells[0][at] + cells[1][at] for at in (0, 1)]
    if 0 in judge or 0 in people:
        return None
    agreed = cells[0][0] + cells[1][1]
    chance = sum(one * other for one, other in zip(judge, people, strict=True))
    value = (agreed - chance) / (1 - chance)
    same = sum(cells[at][at] * (1 - (judge[at] + people[at]) * (1 - value)) ** 2 for at in (0, 1))
    other = sum(cells[at][1 - at] * (people[at] + judge[1 - at]) ** 2 for at in (0, 1))
    variance = same + (1 - value) ** 2 * other - (value - chance * (1 - value)) ** 2
    error = math.sqrt(max(0.0, variance) / count) / (1 - chance)
    return Estimate(value, max(-1.0, value - Z95 * error), min(1.0, value + Z95 * error))


def corrected(seen: Confusion, *, good: int, judged: int) -> Estimate | None:
    """The share of good answers, as people would say. `good` of `judged` answers the judge found good, those that people voted on among
    them. None with fewer than `LEAST_LABELLED` of those."""
    labelled = seen.total
    others = judged - labelled
    others_good = good - seen.good_up - seen.good_down
    if labelled < LEAST_LABELLED or others < 0 or not 0 <= others_good <= others:
        return None
    up = (seen.good_up + seen.bad_up) / labelled
    kind = (seen.good_up + seen.good_down) / labelled
    trust, spread = _tuned(seen, others, others_good)
    value = up + (trust * (others_good / others - kind) if others else 0.0)
    half = Z95 * math.sqrt(spread)
    value = min(1.0, max(0.0, value))
    return Estimate(value, max(0.0, value - half), min(1.0, value + half))


def _tuned(seen: Confusion, others: int, others_good: int) -> tuple[float, float]:
    """λ, and the variance of the figure with it."""
    good_up, good_down, bad_up, bad_down = (cell + 0.5 for cell in seen)
    labelled = good_up + good_down + bad_up + bad_down
    up, kind = (good_up + bad_up) / labelled, (good_up + good_down) / labelled
    of_people, of_judge = up * (1 - up), kind * (1 - kind)
    shared = good_up / labelled - up * kind
    if not others:
        return 0.0, of_people / labelled
    elsewhere = (others_good + 1) / (others + 2)
    of_others = elsewhere * (1 - elsewhere)
    trust = min(1.0, max(0.0, shared / (of_judge + labelled / others * of_others)))
    rest = of_people - 2 * trust * shared + trust**2 * of_judge
    return trust, rest / labelled + trust**2 * of_others / others
