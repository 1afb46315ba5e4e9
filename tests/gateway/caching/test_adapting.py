"""A cache within its target goes on; one beyond it becomes stricter, and is switched off if that does not help. Simulated."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import NamedTuple

import pytest

from gateway.caching import adapting
from gateway.caching.adapting import ALPHA, Aim, Checked, Decision, decide

AIM = Aim(target=0.02, least=0.95)


class Life(NamedTuple):
    """`off_after` checks; None: it went on."""

    off_after: int | None
    threshold: float
    false_share: float  # of the second half of its checks
    hits_kept: float


def life(wrong: Callable[[float], float], checks: int, seed: int) -> Life:
    """A cache whose hits are wrong with that probability, by the value they are let through with."""
    draw = random.Random(seed)
    threshold, since_change, offered = AIM.least, 0, 0
    checked: list[Checked] = []
    while len(checked) < checks:
        value = AIM.least + (AIM.most - AIM.least) * draw.betavariate(1.2, 3)
        offered += 1
        if value < threshold:
            continue
        checked.append(Checked(value, draw.random() >= wrong(value)))
        since_change += 1
        decision = decide(
            checked[-adapting.MOST_SEEN :], AIM, threshold=threshold, since_change=since_change, total=len(checked)
        )
        if decision.is_off:
            return Life(len(checked), threshold, 1.0, len(checked) / offered)
        if decision.threshold != threshold:
            assert decision.why
            threshold, since_change = decision.threshold, 0
    late = checked[checks // 2 :]
    return Life(None, threshold, sum(not one.is_right for one in late) / len(late), len(checked) / offered)


def lives(wrong: Callable[[float], float], *, checks: int, count: int) -> list[Life]:
    return [life(wrong, checks, seed) for seed in range(count)]


def test_one_percent_false_is_never_too_much():
    """300 checks are 6 000 hits at 5 %."""
    found = lives(lambda _: 0.01, checks=300, count=100)
    assert [one for one in found if one.off_after is not None] == []
    assert sum(one.hits_kept for one in found) / len(found) > 0.8


def test_exactly_the_target_is_switched_off_no_more_often_than_stated():
    count = 200
    off = sum(one.off_after is not None for one in lives(lambda _: AIM.target, checks=150, count=count))
    assert off <= ALPHA * count


def test_ten_percent_false_whatever_the_threshold_is_switched_off():
    found = sorted(one.off_after or 10_000 for one in lives(lambda _: 0.10, checks=400, count=60))
    assert found[len(found) // 2] <= 80
    assert found[int(len(found) * 0.95)] <= 250


def test_where_near_ones_are_right_the_threshold_finds_them():
    found = lives(lambda value: 0.12 * math.exp(-(value - 0.95) / 0.008), checks=600, count=12)
    assert all(one.off_after is None for one in found)
    assert 0.952 < sum(one.threshold for one in found) / len(found) < 0.97
    assert sum(one.false_share for one in found) / len(found) < 1.3 * AIM.target


def test_it_comes_down_again_when_all_goes_well():
    good = [Checked(0.97, True)] * 90
    down = decide(good, AIM, threshold=0.97, since_change=90)
    assert down.threshold == pytest.approx(0.965)
    assert decide(good, AIM, threshold=0.97, since_change=adapting.MANY - 1) == Decision(0.97)
    assert decide(good, AIM, threshold=0.9501, since_change=90).threshold == AIM.least


def test_it_goes_up_to_where_hits_were_right():
    seen = [
        Checked(0.951, False),
        Checked(0.96, True),
        Checked(0.952, False),
        Checked(0.97, True),
        Checked(0.953, False),
    ]
    decision = decide(seen, AIM, threshold=0.95, since_change=5)
    assert (decision.threshold, decision.is_off) == (0.96, False)
    assert decision.why == "3 of 5 checked hits were wrong, with 2.0% tolerated"


def test_where_none_was_right_it_goes_half_the_way():
    assert decide([Checked(0.99, False)] * 2, AIM, threshold=0.95, since_change=2).threshold == pytest.approx(0.975)


def test_one_wrong_hit_alone_changes_nothing():
    assert decide([Checked(0.95, False)], AIM, threshold=0.95, since_change=1) == Decision(0.95)


def test_what_was_good_for_long_is_switched_off_as_soon_as_something_new():
    past = [Checked(0.99, True)] * 2000
    bad = [Checked(0.99, False)] * 10
    assert decide([*past, *bad], AIM, threshold=0.95, since_change=100, total=5010).is_off
    assert not decide([*past, *bad], AIM, threshold=0.95, since_change=100, total=5510).is_off


def test_a_threshold_below_the_least_is_raised_to_it():
    assert decide([], AIM, threshold=0.5, since_change=0) == Decision(0.95)
