"""Whether judges like length: the figures are those of a textbook, and a bias that is made is found while people's taste is not."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from gateway.quality import lengths
from gateway.quality.agreement import Confusion
from gateway.quality.figures import Scores


def scored(scores: list[int]) -> Scores:
    return Scores(len(scores), sum(scores), sum(score**2 for score in scores))


def test_a_mean_has_its_interval_within_what_scores_can_be():
    scores = [1, 2, 2, 3, 5, 5, 4]
    found = lengths.mean(scored(scores))
    half = 1.96 * np.std(scores, ddof=1) / math.sqrt(7)
    assert found is not None
    assert tuple(found) == pytest.approx((22 / 7, 22 / 7 - half, 22 / 7 + half), rel=1e-3)
    assert lengths.mean(scored([5] * 9)) == (5, 5, 5)
    assert lengths.mean(scored([4])) is None


def test_a_slope_is_that_of_least_squares_with_whites_error():
    rng = random.Random(1)
    by_band = {band: [min(5, max(1, rng.randint(1, 4) + band // 2)) for _ in range(20 + 7 * band)] for band in range(6)}
    found = lengths.slope({band: scored(scores) for band, scores in by_band.items()})
    x = np.array([band for band, scores in by_band.items() for _ in scores], float)
    y = np.array([score for scores in by_band.values() for score in scores], float)
    value, base = np.polyfit(x, y, 1)
    apart = x - x.mean()
    error = math.sqrt(((apart * (y - base - value * x)) ** 2).sum()) / (apart**2).sum()
    assert found is not None
    assert found.value == pytest.approx(value)
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=1e-3)


def test_too_few_scores_or_one_length_have_no_slope():
    assert lengths.slope({0: scored([3] * 20), 1: scored([4] * 9)}) is None
    assert lengths.slope({2: scored([3, 4] * 50)}) is None


def test_its_interval_holds_none_in_at_least_92_of_100_cases_with_a_judge_that_does_not_care():
    rng = random.Random(2)
    held = 0
    for _ in range(200):
        found = lengths.slope({band: scored(rng.choices([1, 2, 3, 4, 5], [1, 1, 2, 4, 2], k=30)) for band in range(6)})
        assert found is not None
        held += found.low <= 0 <= found.high
    assert held >= 184


def test_how_far_a_judge_is_above_people_is_of_pairs():
    found = lengths.above_people(Confusion(good_up=50, good_down=20, bad_up=5, bad_down=25))
    assert found is not None
    assert found.value == pytest.approx(0.15)
    assert 0.05 < found.low < 0.15 < found.high < 0.25
    assert lengths.above_people(Confusion()) is None
    even = lengths.above_people(Confusion(good_up=40, bad_down=9))
    assert even is not None
    assert even.value == 0
    assert even.low < 0 < even.high
