"""Windows of time: exact at the clock's changes, and each kind without gaps or overlaps."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import windows
from billing.windows import KINDS, Clock, Window

HOUR, DAY = 3600, 86_400
VIENNA = "Europe/Vienna"
ZONES = [
    "UTC",
    VIENNA,
    "America/New_York",
    "America/Sao_Paulo",
    "America/Asuncion",
    "America/Havana",  # back at 1:00 to midnight: midnight is twice
    "America/Nuuk",  # back at midnight
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Asia/Kolkata",
    "Australia/Adelaide",
    "Pacific/Apia",  # crossed the date line on 30 Dec 2011
    "Pacific/Chatham",
    "Pacific/Kiritimati",
]


def unix(text: str, zone: str = "UTC", *, fold: int = 0) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp())


def window(kind: str, at: float, zone: str) -> Window:
    return windows.window(kind, at, ZoneInfo(zone))


def hours(found: Window) -> float:
    assert found.end is not None
    return (found.end - found.start) / HOUR


@pytest.mark.parametrize(
    ("day", "zone", "length"),
    [
        ("2026-03-29", VIENNA, 23),
        ("2026-10-25", VIENNA, 25),
        ("2026-03-28", VIENNA, 24),
        ("2026-03-30", VIENNA, 24),
        ("2026-03-08", "America/New_York", 23),
        ("2026-11-01", "America/New_York", 25),
        ("2026-06-01", "Asia/Kathmandu", 24),
        ("2018-11-04", "America/Sao_Paulo", 23),  # began at 1:00
        ("2018-02-17", "America/Sao_Paulo", 25),  # its last hour was twice
        ("2018-02-18", "America/Sao_Paulo", 24),
        ("2026-06-01", "America/Sao_Paulo", 24),
        ("2024-10-06", "America/Asuncion", 23),  # began at 1:00
        ("2024-03-23", "America/Asuncion", 25),
        ("2026-04-24", "Africa/Cairo", 23),  # begins at 1:00
        ("2026-10-29", "Africa/Cairo", 25),
        ("2026-11-01", "America/Havana", 25),
        ("2026-04-05", "Australia/Lord_Howe", 24.5),
    ],
)
def test_a_day_has_the_hours_it_has(day: str, zone: str, length: float):
    found = window("day", unix(f"{day}T12:00", zone), zone)
    assert hours(found) == length
    local = [
        dt.datetime.fromtimestamp(at, ZoneInfo(zone)).date() for at in (found.start - 1, found.start, found.end - 1)
    ]
    date = dt.date.fromisoformat(day)
    assert local == [date - dt.timedelta(days=1), date, date]


@pytest.mark.parametrize(
    ("day", "zone", "first_moment"),
    [
        ("2026-03-29", VIENNA, "2026-03-28T23:00"),
        ("2026-10-25", VIENNA, "2026-10-24T22:00"),
        ("2026-06-01", "Asia/Kathmandu", "2026-05-31T18:15"),
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00"),
        ("2024-10-06", "America/Asuncion", "2024-10-06T04:00"),
        ("2026-04-24", "Africa/Cairo", "2026-04-23T22:00"),
        ("2026-11-01", "America/Havana", "2026-11-01T04:00"),  # the first of its two midnights
    ],
)
def test_a_day_begins_at_its_first_moment_also_where_midnight_is_skipped(day: str, zone: str, first_moment: str):
    assert windows.midnight(dt.date.fromisoformat(day), ZoneInfo(zone)) == unix(first_moment)


def test_each_of_two_equal_clock_hours_is_an_hour_of_its_own():
    first, second = (unix("2026-10-25T02:30", VIENNA, fold=fold) for fold in (0, 1))
    assert second - first == HOUR
    assert window("hour", first, VIENNA) == Window("hour", unix("2026-10-25T00:00"), unix("2026-10-25T01:00"))
    assert window("hour", second, VIENNA) == Window("hour", unix("2026-10-25T01:00"), unix("2026-10-25T02:00"))


def test_the_hour_after_a_skipped_one_follows_at_once():
    before = window("hour", unix("2026-03-29T01:59", VIENNA), VIENNA)
    after = window("hour", unix("2026-03-29T03:00", VIENNA), VIENNA)
    assert (before.end, hours(before), hours(after)) == (after.start, 1, 1)


def test_hours_follow_the_zones_clock_where_it_is_not_on_the_full_hour():
    at = unix("2026-11-23T10:20", "Asia/Kathmandu")
    assert window("hour", at, "Asia/Kathmandu") == Window("hour", unix("2026-11-23T04:15"), unix("2026-11-23T05:15"))


def test_minutes_are_the_same_everywhere():
    at = unix("2026-11-23T04:15:59") + 0.999
    for zone in ZONES:
        assert window("minute", at, zone) == Window("minute", unix("2026-11-23T04:15"), unix("2026-11-23T04:16"))


@pytest.mark.parametrize(
    ("kind", "at", "start", "end"),
    [
        # A Monday at midnight, and the second before.
        ("week", "2026-11-23T00:00", "2026-11-23T00:00", "2026-11-30T00:00"),
        ("week", "2026-11-22T23:59:59", "2026-11-16T00:00", "2026-11-23T00:00"),
        # Over the year's end, and over the clock's change: 167 hours.
        ("week", "2027-01-01T08:00", "2026-12-28T00:00", "2027-01-04T00:00"),
        ("week", "2026-03-29T12:00", "2026-03-23T00:00", "2026-03-30T00:00"),
        ("month", "2026-11-30T23:59:59", "2026-11-01T00:00", "2026-12-01T00:00"),
        ("month", "2026-12-31T23:59:59", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("month", "2027-01-01T00:00", "2027-01-01T00:00", "2027-02-01T00:00"),
        ("month", "2028-02-29T12:00", "2028-02-01T00:00", "2028-03-01T00:00"),
        ("month", "2026-03-31T12:00", "2026-03-01T00:00", "2026-04-01T00:00"),
        ("day", "2026-12-31T23:59:59", "2026-12-31T00:00", "2027-01-01T00:00"),
    ],
)
@pytest.mark.parametrize("zone", [VIENNA, "Asia/Kathmandu", "America/Sao_Paulo"])
def test_weeks_months_and_years_meet_at_local_midnight(kind: str, at: str, start: str, end: str, zone: str):
    assert window(kind, unix(at, zone), zone) == Window(kind, unix(start, zone), unix(end, zone))


def test_a_month_is_the_zones_own():
    at = unix("2026-11-30T23:30")  # December in Vienna, November in New York
    assert window("month", at, VIENNA).start == unix("2026-11-30T23:00")
    assert window("month", at, "America/New_York").end == unix("2026-12-01T05:00")


def test_all_time_has_no_end():
    assert window("total", 0, VIENNA) == window("total", unix("2100-01-01T00:00"), VIENNA) == Window("total", 0, None)


def test_another_kind_is_refused():
    with pytest.raises(ValueError, match="no such window: fortnight"):
        window("fortnight", 0, "UTC")


SECONDS = st.integers(unix("2005-01-01T00:00"), unix("2037-12-31T00:00"))
MOMENTS = SECONDS | st.builds(lambda at, part: at + part, SECONDS, st.floats(0, 0.999))
ENDING = [kind for kind in KINDS if kind != "total"]


def holds(kind: str, at: float, zone: str) -> None:
    """The moment lies in its window, which is the window of its every other moment, and the next one begins where it ends."""
    found = window(kind, at, zone)
    assert found.end is not None
    assert found.start <= at < found.end
    for inside in (found.start, (found.start + found.end) // 2, found.end - 1):
        assert window(kind, inside, zone) == found
    assert window(kind, found.end, zone).start == found.end
    assert window(kind, found.start - 1, zone).end == found.start


@given(kind=st.sampled_from(ENDING), at=MOMENTS, zone=st.sampled_from(ZONES))
def test_windows_of_a_kind_tile_the_time_line(kind: str, at: float, zone: str):
    holds(kind, at, zone)


@given(
    kind=st.sampled_from(ENDING),
    change=st.sampled_from(
        [
            (VIENNA, "2026-03-29T01:00"),
            (VIENNA, "2026-10-25T01:00"),
            ("America/Sao_Paulo", "2018-11-04T03:00"),
            ("America/Sao_Paulo", "2018-02-18T02:00"),
            ("America/Asuncion", "2024-10-06T04:00"),
            ("America/Asuncion", "2024-03-24T03:00"),
            ("America/Havana", "2026-11-01T05:00"),
            ("Africa/Cairo", "2026-04-23T22:00"),
            ("Africa/Cairo", "2026-10-29T21:00"),
            ("Pacific/Apia", "2011-12-30T10:00"),
        ]
    ),
    offset=st.integers(-3 * DAY, 3 * DAY) | st.integers(-2 * HOUR, 2 * HOUR) | st.integers(-2, 2),
)
def test_windows_tile_the_time_line_around_the_clocks_changes(kind: str, change: tuple[str, str], offset: int):
    zone, at = change
    holds(kind, unix(at) + offset, zone)


def test_hours_tile_the_time_line_where_the_clock_changes_by_half_an_hour():
    for offset in (-1, 0, 1799, 1800):
        holds("hour", unix("2026-04-04T15:00") + offset, "Australia/Lord_Howe")


@given(moments=st.lists(MOMENTS, min_size=1, max_size=20), zone=st.sampled_from(ZONES))
def test_a_clock_says_what_is_computed_anew_also_when_time_goes_back(moments: list[float], zone: str):
    clock = Clock(zone)
    for at in moments:
        for kind in KINDS:
            assert clock.window(kind, at) == window(kind, at, zone)


def test_a_clock_keeps_a_window_until_it_ends():
    clock = Clock(VIENNA)
    today = clock.window("day", unix("2026-11-23T08:00", VIENNA))
    assert clock.window("day", unix("2026-11-23T23:59:59", VIENNA)) is today
    assert clock.window("day", unix("2026-11-24T00:00", VIENNA)).start == today.end
