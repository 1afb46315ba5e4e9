"""How large a share may be of which some were seen: Clopper and Pearson's exact bound (Biometrika 26, 1934), one-sided."""

from __future__ import annotations

import math

CONFIDENCE = 0.95


def upper_bound(events: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """Clopper and Pearson's one-sided upper bound on a share of which `events` in `trials` were seen."""
    if not 0 <= events <= trials or trials < 1:
        raise ValueError("needs 0 <= events <= trials and at least one trial")
    if events == trials:
        return 1.0
    low, high = events / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _at_most(events, trials, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(events: int, trials: int, share: float) -> float:
    """The binomial probability of at most so many events, for 0 < share < 1."""
    if not 0 < share < 1:
        return float(share <= 0)
    log_share, log_rest = math.log(share), math.log1p(-share)
    log_all = math.lgamma(trials + 1)
    return math.fsum(
        math.exp(
            log_all
            - math.lgamma(count + 1)
            - math.lgamma(trials - count + 1)
            + count * log_share
            + (trials - count) * log_rest
        )
        for count in range(events + 1)
    )
