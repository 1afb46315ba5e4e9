"""When an episode begins, gets worse and ends."""

from __future__ import annotations

import datetime as dt

import pytest

from dashboards.alarms import breaking, deciding, drops, shares, spending
from dashboards.alarms.deciding import Change, Open, Patience, Verdict
from dashboards.alarms.drops import Votes
from dashboards.alarms.shares import Counted, Limit
from dashboards.sketches import Sketch, bucket

G, U, B, W = Verdict.GOOD, Verdict.UNSURE, Verdict.BAD, Verdict.WORSE
PATIENCE = Patience(begins_after=3, ends_after=2)


@pytest.mark.parametrize(
    ("seen", "is_open", "change"),
    [
        ([], Open.NO, Change.NONE),
        ([B, B], Open.NO, Change.NONE),
        ([B, B, B], Open.NO, Change.BEGIN),
        ([B, G, B, B], Open.NO, Change.NONE),
        ([B, U, B, B], Open.NO, Change.NONE),
        ([W, B, W], Open.NO, Change.BEGIN),
        ([W, W, W], Open.NO, Change.BEGIN_WORSE),
        ([B, B, B], Open.BAD, Change.NONE),
        ([B, W, W, W], Open.BAD, Change.GET_WORSE),
        ([W, W, W], Open.WORSE, Change.NONE),
        ([B, B, B], Open.WORSE, Change.NONE),
        ([B, B, G], Open.BAD, Change.NONE),
        ([B, U, G], Open.BAD, Change.NONE),
        ([B, G, G], Open.BAD, Change.END),
        ([G, G], Open.WORSE, Change.END),
        ([G], Open.BAD, Change.NONE),
        ([], Open.BAD, Change.END_UNMEASURED),
    ],
)
def test_it_takes_several_windows_in_a_row(seen: list[Verdict], is_open: Open, change: Change):
    assert deciding.decide(seen, is_open, PATIENCE) is change


def test_wilsons_interval_is_his():
    assert shares.interval(15, 100, 1.96) == pytest.approx(
        (0.0931, 0.2328), abs=1e-4
    )  # R: prop.test(15, 100, correct=FALSE)
    assert shares.interval(0, 10, 1.96) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert shares.interval(0, 0) == (0.0, 1.0)


def test_a_share_is_bad_once_it_is_over_its_limit_beyond_chance():
    limit = Limit(0.05, 0.25)
    judged = [shares.verdict(Counted(100, bad, bad), limit) for bad in (5, 6, 10, 11, 36, 37)]
    assert judged == [G, U, U, B, B, W]
    assert shares.verdict(Counted(1000, 80, 80), limit) is B  # the same 8 % are beyond chance of more requests
    assert shares.verdict(Counted(100, 8, 8), limit) is U


def test_windows_are_as_long_as_it_takes_to_have_enough_requests():
    steps = [Counted(30, 1), Counted(30, 2), Counted(80, 3), Counted(20, 4), Counted(40, 5)]
    assert shares.windows(steps, 50, 9) == [Counted(60, 3), Counted(80, 3), Counted(60, 9)]
    assert shares.windows(steps, 50, 2) == [Counted(80, 3), Counted(60, 9)]
    assert shares.windows(steps[1:], 50, 9) == [Counted(80, 3), Counted(60, 9)]
    assert shares.windows([], 50, 9) == []


def test_one_weeks_anomaly_does_not_move_what_is_usual():
    assert spending.usual([10.0] * 14, 1) is None
    calm = spending.usual([9, 9.5, 10, 10.5, 11] * 4, 1)
    assert calm is not None
    assert (calm.amount, calm.limit) == (10, 20)
    after = spending.usual([9, 9.5, 10, 10.5, 11] * 3 + [500, 600, 400, 500, 600], 1)
    assert after is not None
    assert after.amount == 10.5
    assert after.limit == pytest.approx(21)
    judged = [spending.verdict(spent, calm) for spent in (10, 15, 16, 20, 21, 49, 51)]
    assert judged == [G, G, U, U, B, B, W]


def test_small_sums_are_no_anomaly():
    nothing = spending.usual([0.0] * 20, 1.0)
    assert nothing is not None
    assert [spending.verdict(spent, nothing) for spent in (0.4, 1.0, 1.1)] == [G, U, B]


def test_a_drop_has_to_be_beyond_chance_and_worth_caring_for():
    usual = Votes(800, 680)  # 85 %
    judged = [drops.verdict(Votes(100, up), usual, 0.05) for up in (90, 83, 80, 74, 73, 70)]
    assert judged == [G, G, U, U, B, W]
    assert drops.verdict(Votes(10_000, 8200), Votes(80_000, 68_000), 0.05) is U  # beyond chance, but three points
    assert drops.verdict(Votes(29, 0), usual, 0.05) is None
    assert drops.verdict(Votes(100, 0), Votes(199, 199), 0.05) is None


def test_the_usual_are_the_eight_weeks_before_those_that_are_judged():
    weeks = [Votes(1, 0), *[Votes(10, 9)] * 8, Votes(100, 1), Votes(100, 2)]
    assert drops.usual(weeks) == Votes(80, 72)


def test_a_sketch_counts_what_is_above_a_value():
    values = [100, 4000, 4900, 5500, 5500, 20_000]  # ms
    entries = b"".join((bucket(value * 1000) << 20 | 1).to_bytes(4, "big") for value in values)
    sketch = Sketch(entries, 1000.0)
    assert [sketch.above(at) for at in (1, 100, 5000, 5500, 10_000, 20_000)] == [6, 5, 3, 1, 1, 0]
    assert Sketch().above(5) == 0


NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


def ago(minutes: float) -> dt.datetime:
    return NOW - dt.timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("is_closed", "changed_at", "is_open", "begun_at", "change"),
    [
        (True, None, Open.NO, None, Change.NONE),
        (True, ago(3), Open.NO, None, Change.NONE),
        (False, ago(30), Open.NO, None, Change.BEGIN),
        (True, ago(1), Open.NO, None, Change.BEGIN),  # it opened and closed between two looks
        (False, ago(1), Open.BAD, ago(9), Change.NONE),
        (False, ago(1), Open.BAD, ago(10), Change.GET_WORSE),
        (False, ago(1), Open.WORSE, ago(60), Change.NONE),
        (True, ago(4), Open.BAD, ago(60), Change.NONE),
        (True, ago(5), Open.BAD, ago(60), Change.END),
        (True, None, Open.WORSE, ago(60), Change.END),
    ],
)
def test_an_open_breaker_is_told_of_at_once_and_over_once_it_stays_closed(
    is_closed: bool, changed_at: dt.datetime | None, is_open: Open, begun_at: dt.datetime | None, change: Change
):
    found = breaking.decide(is_closed=is_closed, changed_at=changed_at, is_open=is_open, begun_at=begun_at, now=NOW)
    assert found is change


def test_a_breaker_that_keeps_opening_is_one_episode():
    begun_at, is_open, changes = None, Open.NO, []
    for minute in range(60):
        now = NOW + dt.timedelta(minutes=minute)
        is_closed = minute % 4 == 3 or minute > 40  # closed for a minute of four, then for good
        changed_at = now if minute <= 40 else NOW + dt.timedelta(minutes=41)
        change = breaking.decide(
            is_closed=is_closed, changed_at=changed_at, is_open=is_open, begun_at=begun_at, now=now
        )
        if change is Change.BEGIN:
            begun_at, is_open = now, Open.BAD
        elif change is Change.GET_WORSE:
            is_open = Open.WORSE
        elif change is Change.END:
            is_open = Open.NO
        changes += [(minute, change)] if change is not Change.NONE else []
    assert changes == [(0, Change.BEGIN), (10, Change.GET_WORSE), (46, Change.END)]
