"""Judges whether answers of a task have become worse for weeks: the share of thumbs up of a week beside that of the eight weeks before.

A week is bad when its share is lower beyond chance, by the score test of two proportions with their common variance (the root of
Pearson's chi-squared; e.g. Agresti, "Categorical Data Analysis", 3.2), and by so many points that somebody would care. Two such weeks in
a row begin an episode. Played through with a look each day, 2500 steady years (40 to 420 votes a week, shares from 0.7 to 0.95) gave 6
false alarms; a fall from 85 % to 60 % was found after 10 days at the median and 16 at most, one to 70 % after 12 days, but of eight such
falls one was not found within three weeks; at 105 votes a week. (`tests/dashboards/alarms/test_a_year.py` plays some of it.) Votes are
taken as independent: where one person casts many, there may be more.

While an episode is open its weeks are compared with what was usual when it began, or it would end by itself as soon as what is bad has
become the usual.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dashboards.alarms.deciding import Patience, Verdict

Z = 3.0
LEAST_VOTES, LEAST_USUAL = 30, 200
USUAL_WEEKS = 8
TIMES_WORSE = 3
WEEKS = Patience(begins_after=2, ends_after=2)


@dataclass(frozen=True)
class Votes:
    of: int = 0
    up: int = 0

    def __add__(self, other: Votes) -> Votes:
        return Votes(self.of + other.of, self.up + other.up)

    @property
    def share(self) -> float:
        return self.up / self.of if self.of else 0.0


def verdict(week: Votes, usual: Votes, least_drop: float) -> Verdict | None:
    """`least_drop`: as a share. None where there are too few votes to tell."""
    if week.of < LEAST_VOTES or usual.of < LEAST_USUAL:
        return None
    drop = usual.share - week.share
    common = (week + usual).share
    error = math.sqrt(common * (1 - common) * (1 / week.of + 1 / usual.of))
    if drop >= least_drop and drop > Z * error:
        return Verdict.WORSE if drop >= TIMES_WORSE * least_drop else Verdict.BAD
    return Verdict.GOOD if drop < least_drop / 2 else Verdict.UNSURE


def usual(weeks: Sequence[Votes]) -> Votes:
    """What is usual before the last weeks, which are to be judged. `weeks`: the newest last."""
    before = weeks[: -WEEKS.begins_after][-USUAL_WEEKS:]
    return sum(before, Votes())


def verdicts(weeks: Sequence[Votes], of: Votes, least_drop: float) -> list[Verdict]:
    """Of the last weeks; those with too few votes are passed over."""
    found = (verdict(week, of, least_drop) for week in weeks[-WEEKS.begins_after :])
    return [item for item in found if item is not None]
