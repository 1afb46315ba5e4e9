"""Spans of time on dashboards: presets, steps and the period before, over borders of every kind."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from dashboards import ranges
from dashboards.ranges import Range, Step

VIENNA, NEW_YORK, KATHMANDU, LORD_HOWE = map(
    ZoneInfo, ("Europe/Vienna", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")
)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC)


NOW = at("2026-10-30T14:37:12Z")


def test_an_hour_is_sixty_whole_minutes_up_to_now():
    span = ranges.preset("1h", NOW, VIENNA)
    assert (span.start, span.end) == (at("2026-10-30T13:38Z"), at("2026-10-30T14:38Z"))
    assert len(span.edges) == 60


def test_a_day_is_ninety_six_quarters_of_an_hour():
    span = ranges.preset("24h", NOW, KATHMANDU)
    assert (span.start, span.end) == (at("2026-10-29T14:45Z"), at("2026-10-30T14:45Z"))
    assert len(span.edges) == 96


def test_thirty_days_are_whole_days_today_among_them_also_where_one_has_25_hours():
    span = ranges.preset("30d", NOW, VIENNA)
    assert (span.start, span.end) == (at("2026-09-30T22:00Z"), at("2026-10-30T23:00Z"))
    assert len(span.edges) == 30
    assert at("2026-10-24T22:00Z") in span.edges  # the day on which summer time ends
    assert at("2026-10-25T23:00Z") in span.edges


def test_hours_of_a_week_begin_with_the_zones_hours():
    span = ranges.preset("7d", NOW, KATHMANDU)
    assert span.edges[0] == at("2026-10-23T18:15Z")
    assert {edge.minute for edge in span.edges} == {15}
    assert span.edges[-1] <= NOW < span.edges[-1] + dt.timedelta(hours=1)


def test_hours_lie_end_to_end_where_the_clock_goes_back_by_half_an_hour():
    span = Range(at("2026-04-04T13:00Z"), at("2026-04-05T13:30Z"), LORD_HOWE, Step("hour"), NOW)
    lengths = [after - before for before, after in pairwise((*span.edges, span.end))]
    assert sum(lengths, dt.timedelta()) == dt.timedelta(hours=24, minutes=30)
    assert lengths[-1] == dt.timedelta(minutes=30)


def test_the_month_so_far_begins_on_its_first_day():
    span = ranges.preset("month", NOW, NEW_YORK)
    assert (span.start, span.end) == (at("2026-10-01T04:00Z"), at("2026-10-31T04:00Z"))


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("1h", "2026-10-30T12:38Z", "2026-10-30T13:38Z"),
        ("24h", "2026-10-28T14:45Z", "2026-10-29T14:38Z"),
        ("7d", "2026-10-16T22:00Z", "2026-10-23T13:45Z"),  # by the clock on the wall: 15:37 was 13:37 in UTC a week ago
        ("30d", "2026-08-31T22:00Z", "2026-09-30T13:45Z"),
        ("month", "2026-08-31T22:00Z", "2026-09-30T13:45Z"),
    ],
)
def test_the_period_before_has_come_as_far(name, start, end):
    before = ranges.preset(name, NOW, VIENNA).previous()
    assert (before.start, before.end) == (at(start), at(end))


def test_the_month_before_ends_with_its_last_day_where_it_is_shorter():
    before = ranges.preset("month", at("2026-03-30T12:00Z"), VIENNA).previous()
    assert (before.start, before.end) == (at("2026-01-31T23:00Z"), at("2026-02-28T23:00Z"))


def test_a_past_range_is_compared_with_all_of_the_one_before():
    span = ranges.custom(at("2026-10-12T00:00+02:00"), at("2026-10-14T00:00+02:00"), NOW, VIENNA)
    assert (span.previous().start, span.previous().end) == (at("2026-10-10T00:00+02:00"), at("2026-10-12T00:00+02:00"))


@pytest.mark.parametrize(
    ("hours", "days_ago", "step"),
    [
        (2, 0, Step("minute", 1)),
        (10, 0, Step("minute", 5)),
        (2, 20, Step("minute", 15)),
        (24, 0, Step("minute", 15)),
        (24 * 6, 0, Step("hour")),
        (24 * 60, 0, Step("day")),
        (24 * 400, 0, Step("week")),
        (24 * 2000, 0, Step("month")),
    ],
)
def test_chooses_steps_that_make_a_legible_chart(hours, days_ago, step):
    end = NOW - dt.timedelta(days=days_ago)
    span = ranges.custom(end - dt.timedelta(hours=hours), end, NOW, VIENNA)
    assert span.step == step
    assert len(span.edges) <= 340


def test_has_no_steps_after_now():
    assert ranges.preset("7d", NOW, VIENNA).edges[-1] == at("2026-10-30T14:00Z")


def test_refuses_more_steps_than_anybody_can_look_at():
    with pytest.raises(ValueError, match="More than 750 steps"):
        _ = Range(NOW - dt.timedelta(days=1), NOW, VIENNA, Step("minute"), NOW).edges


def test_refuses_a_range_that_ends_before_it_begins():
    with pytest.raises(ValueError, match="ends after it begins"):
        ranges.custom(NOW, NOW, NOW, VIENNA)
