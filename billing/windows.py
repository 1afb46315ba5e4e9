"""Windows of time that usage is added up in: calendar minutes, hours, days, weeks, months in a tenant's time zone, or all time. No I/O."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple
from zoneinfo import ZoneInfo

KINDS = ("minute", "hour", "day", "week", "month", "total")


class Window(NamedTuple):
    """From `start` up to, not including, `end`: Unix seconds. `end` None: it never ends."""

    kind: str
    start: int
    end: int | None


_TOTAL = Window("total", 0, None)


def window(kind: str, at: float, zone: dt.tzinfo) -> Window:
    """The window of that kind that `at` (Unix seconds) lies in. Weeks begin on Monday.

    Hours are counted from midnight on, so that they lie end to end also where the clock changes by half an hour (Lord Howe); there the last
    one of the day is a short one.
    """
    if kind == "total":
        return _TOTAL
    if kind == "minute":
        start = int(at) // 60 * 60
        return Window(kind, start, start + 60)
    day = dt.datetime.fromtimestamp(at, zone).date()
    if kind == "hour":
        first, last = midnight(day, zone), midnight(day + dt.timedelta(days=1), zone)
        start = first + (int(at) - first) // 3600 * 3600
        return Window(kind, start, min(start + 3600, last))
    if kind == "week":
        day -= dt.timedelta(days=day.weekday())
        end = day + dt.timedelta(days=7)
    elif kind == "month":
        day = day.replace(day=1)
        end = (day + dt.timedelta(days=32)).replace(day=1)
    elif kind == "day":
        end = day + dt.timedelta(days=1)
    else:
        raise ValueError(f"no such window: {kind}")
    return Window(kind, midnight(day, zone), midnight(end, zone))


def midnight(day: dt.date, zone: dt.tzinfo) -> int:
    """When that day begins in the zone, Unix seconds. Where the clock skips midnight, the first moment of the day."""
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


class Clock:
    """A tenant's current windows, each computed once and kept until it ends."""

    def __init__(self, timezone: str) -> None:
        self.zone = ZoneInfo(timezone)
        self._current: dict[str, Window] = {"total": _TOTAL}

    def window(self, kind: str, at: float) -> Window:
        known = self._current.get(kind)
        if known is not None and known.start <= at and (known.end is None or at < known.end):
            return known
        fresh = self._current[kind] = window(kind, at, self.zone)
        return fresh
