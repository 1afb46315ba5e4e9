"""Weekdays and hours in the tenant's time zone, over midnight, too."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from gateway.pipeline import router
from gateway.routing.hours import EVERY_DAY, Hours
from tests.gateway.routing.ground import request, signals

VIENNA = ZoneInfo("Europe/Vienna")
WEEK = frozenset(range(5))
FRIDAY = frozenset({4})


def holds(hours: Hours, *local: int) -> bool:
    at = dt.datetime(*local, tzinfo=hours.zone).timestamp()  # type: ignore[arg-type]
    return hours.holds(router.facts_of(request(), signals(at=at)))


OFFICE = Hours(WEEK, 8 * 60, 18 * 60, VIENNA)
NIGHT = Hours(FRIDAY, 22 * 60, 6 * 60, VIENNA)


@pytest.mark.parametrize(
    ("hours", "local", "expected"),
    [
        (OFFICE, (2026, 11, 23, 8, 0), True),  # a Monday
        (OFFICE, (2026, 11, 23, 7, 59), False),
        (OFFICE, (2026, 11, 23, 17, 59), True),
        (OFFICE, (2026, 11, 23, 18, 0), False),
        (OFFICE, (2026, 11, 28, 12, 0), False),  # Saturday
        (NIGHT, (2026, 11, 27, 21, 59), False),
        (NIGHT, (2026, 11, 27, 22, 0), True),  # Friday
        (NIGHT, (2026, 11, 28, 5, 59), True),  # Saturday's early hours belong to Friday
        (NIGHT, (2026, 11, 28, 6, 0), False),
        (NIGHT, (2026, 11, 27, 3, 0), False),  # Friday's early hours belong to Thursday
        (Hours(frozenset({6}), 22 * 60, 60, VIENNA), (2026, 11, 30, 0, 30), True),  # Sunday into Monday
        (Hours(EVERY_DAY, 22 * 60, 0, VIENNA), (2026, 11, 27, 23, 59), True),  # up to midnight
        (Hours(EVERY_DAY, 22 * 60, 0, VIENNA), (2026, 11, 27, 0, 0), False),
        (Hours(FRIDAY, 0, 0, VIENNA), (2026, 11, 27, 0, 0), True),  # a day without hours is the whole day
        (Hours(FRIDAY, 0, 0, VIENNA), (2026, 11, 28, 0, 0), False),
    ],
)
def test_time_of_the_week(hours, local, expected):
    assert holds(hours, *local) is expected


def test_the_clock_is_the_tenant_s():
    at = dt.datetime(2026, 7, 1, 6, 30, tzinfo=dt.UTC).timestamp()  # half past eight in Vienna
    facts = router.facts_of(request(), signals(at=at))
    assert OFFICE.holds(facts)
    assert not Hours(WEEK, 8 * 60, 18 * 60, ZoneInfo("UTC")).holds(facts)


def test_says_the_days_and_hours():
    assert OFFICE.says() == "Mon–Fri 08:00–18:00"
    assert Hours(frozenset({0, 1, 5, 6}), 0, 0, VIENNA).says() == "Mon, Tue, Sat, Sun"
    assert Hours(EVERY_DAY, 22 * 60, 6 * 60, VIENNA).says() == "22:00–06:00"


def test_says_why_not():
    at = dt.datetime(2026, 11, 28, 12, 5, tzinfo=VIENNA).timestamp()
    because = OFFICE.why_not(router.facts_of(request(), signals(at=at)))
    assert because == "it comes on Sat at 12:05 (Europe/Vienna), not Mon–Fri 08:00–18:00"


def test_longer_hours_cover_shorter_ones():
    assert OFFICE.covers(Hours(FRIDAY, 9 * 60, 17 * 60, VIENNA))
    assert not Hours(FRIDAY, 9 * 60, 17 * 60, VIENNA).covers(OFFICE)
    assert Hours(EVERY_DAY, 0, 0, VIENNA).covers(NIGHT)
    assert not OFFICE.covers(NIGHT)
