"""Whether judges like long answers for their length: scores by bands of length, each twice as long as the one before. Pure arithmetic.

*Slope*: what an answer gains by each doubling of its length, by least squares over the bands, with White's standard error, which does not
ask that scores spread alike in all of them (Econometrica 48, 1980). Longer answers may well be better, so a slope alone is no bias. What
people say of the same answers tells: *above people* is by how much more of a band's answers the judge finds good than they do, with the
interval of a difference of paired shares, half an answer added to each cell (Agresti & Min, Statistics in Medicine 24, 2005).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from gateway.caching.evidence import Z95
from gateway.quality.agreement import Confusion, Estimate
from gateway.quality.figures import Scores

LEAST_SCORES = 30  # for a slope
LOWEST, HIGHEST = 1.0, 5.0


def mean(scores: Scores) -> Estimate | None:
    """None of fewer than two, which have no interval."""
    if scores.judged < 2:
        return None
    value = scores.points / scores.judged
    variance = max(0.0, scores.squares - scores.points * value) / (scores.judged - 1)
    half = Z95 * math.sqrt(variance / scores.judged)
    return Estimate(value, max(LOWEST, value - half), min(HIGHEST, value + half))


def slope(by_band: Mapping[int, Scores]) -> Estimate | None:
    """In points of a score. None where there are too few, or all of one length."""
    count = sum(one.judged for one in by_band.values())
    if count < LEAST_SCORES:
        return None
    middle = sum(band * one.judged for band, one in by_band.items()) / count
    average = sum(one.points for one in by_band.values()) / count
    reach = sum(one.judged * (band - middle) ** 2 for band, one in by_band.items())
    if not reach:
        return None
    value = sum((band - middle) * one.points for band, one in by_band.items()) / reach
    spread = 0.0
    for band, one in by_band.items():
        fitted = average + value * (band - middle)
        left = one.squares - 2 * fitted * one.points + one.judged * fitted**2
        spread += (band - middle) ** 2 * max(0.0, left)
    half = Z95 * math.sqrt(spread) / reach
    return Estimate(value, value - half, value + half)


def above_people(both: Confusion) -> Estimate | None:
    """As a share of answers that have a score and votes; None of none."""
    if not both.total:
        return None
    count = both.total + 2.0
    kinder, stricter = (both.good_down + 0.5) / count, (both.bad_up + 0.5) / count
    value = kinder - stricter
    half = Z95 * math.sqrt(max(0.0, kinder + stricter - value**2) / count)
    return Estimate((both.good_down - both.bad_up) / both.total, max(-1.0, value - half), min(1.0, value + half))
