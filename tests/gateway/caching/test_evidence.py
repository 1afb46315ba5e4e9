"""What checked hits say about the share of false ones."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.caching import evidence


# Worked examples of Wilson's interval: Newcombe, "Two-sided confidence intervals for the single proportion", Stat. Med. 17 (1998), table I.
@pytest.mark.parametrize(
    ("wrong", "checked", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_wilson_s(wrong, checked, low, high):
    assert evidence.wilson(wrong, checked) == pytest.approx((low, high), abs=5e-5)


def test_nothing_checked_says_nothing():
    assert evidence.wilson(0, 0) == (0.0, 1.0)
    assert evidence.log_evidence(0, 0, 0.02) == 0
    assert evidence.lower_bound(0, 0, alpha=0.01) == 0


@pytest.mark.parametrize("checked", [1, 7, 40])
def test_at_the_target_the_evidence_is_worth_one_on_average(checked):
    """What makes it safe to look at all the time: the expected value of e^evidence never grows."""
    target = 0.2
    average = sum(
        math.comb(checked, wrong)
        * target**wrong
        * (1 - target) ** (checked - wrong)
        * math.exp(evidence.log_evidence(wrong, checked, target))
        for wrong in range(checked + 1)
    )
    assert average == pytest.approx(1.0)


@given(st.integers(1, 60), st.data())
def test_below_the_target_it_is_worth_less(checked, data):
    target = data.draw(st.floats(0.05, 0.6))
    share = data.draw(st.floats(0.0, target))
    average = sum(
        math.comb(checked, wrong)
        * share**wrong
        * (1 - share) ** (checked - wrong)
        * math.exp(evidence.log_evidence(wrong, checked, target))
        for wrong in range(checked + 1)
    )
    assert average <= 1.0 + 1e-9


def test_the_bound_is_the_target_that_is_just_refuted():
    bound = evidence.lower_bound(10, 80, alpha=0.01)
    assert 0.02 < bound < 10 / 80
    assert evidence.log_evidence(10, 80, bound * 0.99) >= math.log(100) > evidence.log_evidence(10, 80, bound * 1.01)


@pytest.mark.parametrize(("wrong", "checked"), [(-1, 5), (6, 5)])
def test_impossible_counts_are_refused(wrong, checked):
    with pytest.raises(ValueError, match="needs"):
        evidence.wilson(wrong, checked)
    with pytest.raises(ValueError, match="needs"):
        evidence.log_evidence(wrong, checked, 0.02)
