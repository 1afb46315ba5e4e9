"""Judges shares against a limit: errors of requests, misses of cache look-ups, answers slower than a target.

A window is bad once its share is over the limit beyond chance: when the lower end of Wilson's score interval is (E. B. Wilson, "Probable
inference, the law of succession, and statistical inference", JASA 22, 1927). With z = 2.576 a window whose true share is just the limit is
called bad one time in two hundred, or one in a hundred where few requests make the normal curve a poor fit; three in a row, as an
episode takes, about once in a million.

A 95th percentile is judged as a share, too: it is over a target exactly when more than 5 % of the values are, whatever their distribution.
(This is the order-statistic interval of a quantile, e.g. Conover, "Practical Nonparametric Statistics", 3.2, turned round.) So it needs no
model of how long answers take, only a count from the window's sketch.

Where traffic is thin, windows are longer: each is as many steps of time as it takes to have enough requests.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dashboards.alarms.deciding import Patience, Verdict

Z = 2.576  # one-sided, 1 in 200
SLOWEST = 0.05  # what may be over a target for the 95th percentile
LEAST_REQUESTS = 50  # in a window of errors or latencies
LEAST_LOOKUPS = 100
RATES = Patience(begins_after=3, ends_after=3)  # windows of five minutes or more
CACHES = Patience(begins_after=6, ends_after=3)  # hours: an emptied cache may take some to fill


@dataclass(frozen=True)
class Counted:
    """How many there were, how many of them were bad, and how many so bad that many of these would be worse."""

    of: int = 0
    bad: int = 0
    far: int = 0

    @property
    def share(self) -> float:
        return self.bad / self.of if self.of else 0.0


@dataclass(frozen=True)
class Limit:
    """The share of bad ones that is too much, and the share of far ones that is worse; 1: nothing is."""

    share: float
    far_share: float = 1.0


def interval(count: int, of: int, z: float = Z) -> tuple[float, float]:
    """Wilson's score interval of a share."""
    if not of:
        return 0.0, 1.0
    share, square = count / of, z * z
    middle = share + square / (2 * of)
    reach = z * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    return (middle - reach) / (1 + square / of), (middle + reach) / (1 + square / of)


def verdict(window: Counted, limit: Limit) -> Verdict:
    if interval(window.far, window.of)[0] > limit.far_share:
        return Verdict.WORSE
    if interval(window.bad, window.of)[0] > limit.share:
        return Verdict.BAD
    return Verdict.GOOD if window.share <= limit.share else Verdict.UNSURE


def windows(steps: Sequence[Counted], least: int, most: int) -> list[Counted]:
    """The last `most` windows of at least `least` requests each, counted back from the newest step; both are the newest last. Fewer where
    there are too few requests for so many."""
    found: list[Counted] = []
    of = bad = far = 0
    for step in reversed(steps):
        of, bad, far = of + step.of, bad + step.bad, far + step.far
        if of >= least:
            found.append(Counted(of, bad, far))
            of = bad = far = 0
            if len(found) == most:
                break
    return found[::-1]


def reach(steps: Sequence[Counted], least: int, most: int) -> int:
    """How many of the newest steps the last `most` windows are made of."""
    left = most
    of = 0
    for count, step in enumerate(reversed(steps), 1):
        of += step.of
        if of >= least:
            of, left = 0, left - 1
            if not left:
                return count
    return len(steps)


def verdicts(steps: Sequence[Counted], limit: Limit, least: int, patience: Patience) -> list[Verdict]:
    """Of the last windows, as many as there is patience for."""
    most = max(patience.begins_after, patience.ends_after)
    return [verdict(window, limit) for window in windows(steps, least, most)]
