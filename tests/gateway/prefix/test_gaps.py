"""What gaps teach: chances by lifetime, with what still lasts."""

from __future__ import annotations

import pytest

from gateway.prefix import gaps
from gateway.prefix.gaps import Gaps, Trial

NOTHING: gaps.Hazards = (0.0,) * 5


def chances(seen: Gaps, prior: gaps.Hazards = NOTHING, weight: float = 1e-9, gap: float | None = None) -> list[float]:
    return [round(chance, 3) for chance in gaps.odds(seen.hazards(prior, weight, gap))]


def test_chances_are_the_shares_of_gaps_within_each_lifetime():
    seen = Gaps()
    for gap in (5, 40, 200, 1000, 3000, 9000):
        seen.note(gap)
    assert chances(seen) == [0.5, 0.667, 0.833]


def test_a_gap_of_exactly_the_lifetime_is_within_it():
    seen = Gaps()
    seen.note(300)
    seen.note(300.5)
    assert chances(seen)[0] == 0.5


def test_the_gap_that_just_ended_counts_as_one_more():
    assert chances(Gaps(), gap=0) == [1.0, 1.0, 1.0]
    assert chances(Gaps(), gap=200) == [1.0, 1.0, 1.0]
    assert chances(Gaps(), gap=301) == [0.0, 1.0, 1.0]
    assert chances(Gaps(), gap=4000) == [0.0, 0.0, 0.0]


def test_without_anything_seen_the_prior_holds():
    prior = (0.1, 0.1, 0.1, 0.1, 0.1)
    assert chances(Gaps(), prior, 8.0) == [round(1 - 0.9**3, 3), round(1 - 0.9**4, 3), round(1 - 0.9**5, 3)]


def test_what_still_lasts_counts_for_the_spans_it_has_outlasted():
    seen = Gaps()
    for _ in range(3):
        seen.note(10)
    waiting = [Trial((seen,), 0.0) for _ in range(3)]
    for trial in waiting:
        trial.outlast()  # fifteen seconds have passed
    assert chances(seen) == [
        0.5,
        0.5,
        0.5,
    ]  # three of six came within the first span; of the later ones nothing is known
    waiting[0].come_back(now=200)
    assert chances(seen) == [1.0, 1.0, 1.0]  # the one that was waited for came back; the others are still waited for
    for trial in waiting[1:]:
        trial.outlast()
        trial.outlast()
    assert chances(seen)[0] == pytest.approx(1 - 0.5 * (2 / 3), abs=1e-3)


def test_a_trial_comes_back_once():
    seen = Gaps()
    trial = Trial((seen,), 0.0)
    trial.come_back(10)
    trial.come_back(20)
    assert sum(seen.came) == 1


def test_what_is_old_counts_less_and_less():
    seen = Gaps()
    for _ in range(1000):
        seen.note(4000)
    for _ in range(128):
        seen.note(5)
    assert chances(seen)[0] > 0.8
    assert max(seen.waited) <= gaps.MOST
