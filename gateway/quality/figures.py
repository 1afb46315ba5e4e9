"""How good a model's answers to a task are, from what was counted: which figure is taken, and how little it promises. Pure arithmetic.

The lower end of an interval, so that a model with few answers has to wait until enough is known of it. A judge's figure that votes have
corrected goes before the judge's own, and that before votes alone: of all answers few are voted on, and rather by the dissatisfied.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from gateway.caching import evidence
from gateway.quality import agreement
from gateway.quality.agreement import Confusion

LEAST_ANSWERS = 50
CORRECTED, JUDGE, VOTES = "corrected", "judge", "votes"


class Counts(NamedTuple):
    """Of one group of answers: votes, scores (`good` of `judged`), verdicts that were none, and answers that have both."""

    up: int = 0
    down: int = 0
    good: int = 0
    judged: int = 0
    invalid: int = 0
    both: Confusion = Confusion()

    @property
    def votes(self) -> int:
        return self.up + self.down

    def __add__(self, other: object) -> Counts:  # cell by cell, not one after the other
        assert isinstance(other, Counts)
        return Counts(
            self.up + other.up, self.down + other.down, self.good + other.good, self.judged + other.judged,
            self.invalid + other.invalid, self.both + other.both,
        )  # fmt: skip


class Scores(NamedTuple):
    """Scores of 1 to 5, added up, and their squares; `counts` are those of the same answers."""

    judged: int = 0
    points: int = 0
    squares: int = 0
    counts: Counts = Counts()


class Figure(NamedTuple):
    """`quality` is in percent, rounded down."""

    quality: int
    answers: int
    source: str


def figure(counts: Counts) -> Figure | None:
    """None where too little is known."""
    if counts.judged >= LEAST_ANSWERS:
        better = agreement.corrected(counts.both, good=counts.good, judged=counts.judged)
        if better is not None:
            return Figure(math.floor(better.low * 100), counts.judged, CORRECTED)
        return Figure(_least(counts.good, counts.judged), counts.judged, JUDGE)
    if counts.votes >= LEAST_ANSWERS:
        return Figure(_least(counts.up, counts.votes), counts.votes, VOTES)
    return None


def _least(part: int, whole: int) -> int:
    return math.floor(evidence.wilson(part, whole).low * 100)
