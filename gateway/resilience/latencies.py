"""How long models take: counts in logarithmic buckets, which add up over processes, and the percentiles read from them."""

from __future__ import annotations

import math
from collections import Counter

GROWTH = 1.15  # a bucket's upper edge by its lower one: what a percentile may be off by
BUCKETS = 100  # the last one ends beyond 10 minutes
LEAST_CALLS = 20  # below, a percentile would say little

_LOG_GROWTH = math.log(GROWTH)


def bucket(milliseconds: float) -> int:
    """The bucket of a duration: 0 up to 1 ms."""
    if milliseconds <= 1.0:
        return 0
    return min(BUCKETS - 1, math.ceil(math.log(milliseconds) / _LOG_GROWTH))


def percentile(counts: Counter[int], percent: int) -> float | None:
    """Milliseconds within which that share of the calls ended, at most `GROWTH` times too many; None if there are too few calls."""
    total = counts.total()
    if total < LEAST_CALLS:
        return None
    wanted = total * percent / 100
    seen = 0
    for at in sorted(counts):
        seen += counts[at]
        if seen >= wanted:
            return float(GROWTH**at)
    return None
