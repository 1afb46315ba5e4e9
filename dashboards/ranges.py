"""Spans of time that dashboards show: presets and any other, in steps for charts, and the period before for comparison. No I/O.

Days, weeks and months are the calendar's in a time zone; hours are counted from midnight on, as `billing.windows` has them.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from billing import windows

MOST_STEPS = 750
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)


class Step(NamedTuple):
    """`kind`: minute, hour, day, week or month; `size`: how many minutes (which must divide an hour) or hours."""

    kind: str
    size: int = 1

    @property
    def is_whole_days(self) -> bool:
        return self.kind in ("day", "week", "month")

    @property
    def is_whole_quarters(self) -> bool:
        return self.kind != "minute" or self.size % 15 == 0


PRESETS = {
    "1h": (HOUR, Step("minute", 1)),
    "6h": (6 * HOUR, Step("minute", 5)),
    "24h": (24 * HOUR, Step("minute", 15)),
    "7d": (7 * DAY, Step("hour")),
    "30d": (30 * DAY, Step("day")),
    "90d": (90 * DAY, Step("day")),
}
MONTH_TO_DATE = "month"


@dataclass(frozen=True)
class Range:
    """From `start` up to, not including, `end`, which may lie ahead of `now`: today is a whole day. `name` is a preset's, or "custom"."""

    start: dt.datetime
    end: dt.datetime
    zone: ZoneInfo
    step: Step
    now: dt.datetime
    name: str = "custom"

    def __post_init__(self) -> None:
        if not self.start < self.end:
            raise ValueError("A range ends after it begins.")

    @cached_property
    def edges(self) -> tuple[dt.datetime, ...]:
        """When its steps begin, in UTC, as far as now; the first one begins with the range. Raises `ValueError` if there are too many."""
        found = [self.start]
        until = max(min(self.end, self.now), self.start + dt.timedelta(microseconds=1))
        while (after := self._next(found[-1])) < until:
            found.append(after)
            if len(found) > MOST_STEPS:
                raise ValueError(f"More than {MOST_STEPS} steps: choose longer ones.")
        return tuple(found)

    def _next(self, at: dt.datetime) -> dt.datetime:
        """When the step after the one that `at` lies in begins."""
        if self.step.kind == "minute":
            seconds = self.step.size * 60
            return _at(int(at.timestamp()) // seconds * seconds + seconds)
        if self.step.kind == "hour":
            day = windows.window("day", at.timestamp(), self.zone)
            assert day.end is not None
            seconds = self.step.size * 3600
            return _at(min(day.start + (int(at.timestamp()) - day.start) // seconds * seconds + seconds, day.end))
        end = windows.window(self.step.kind, at.timestamp(), self.zone).end
        assert end is not None
        return _at(end)

    @cached_property
    def whole_days(self) -> tuple[dt.date, dt.date] | None:
        """The days of the zone that it has whole: the first, and the one after the last; None if it has none."""
        first = self.start.astimezone(self.zone).date()
        if _midnight(first, self.zone) < self.start:
            first += DAY
        last = self.end.astimezone(self.zone).date()
        return (first, last) if first < last else None

    @property
    def bounds_of_days(self) -> tuple[dt.datetime, dt.datetime]:
        """When its whole days begin and end; both its start if it has none."""
        days = self.whole_days
        return (_midnight(days[0], self.zone), _midnight(days[1], self.zone)) if days else (self.start, self.start)

    @property
    def is_whole_days(self) -> bool:
        """Whether it begins and ends with days."""
        return self.bounds_of_days == (self.start, self.end)

    def previous(self) -> Range:
        """The period before, of the same length, and as far into it as this one has come: by the clock on the wall where it is of days,
        else to the minute.
        """
        if not self.is_whole_days:
            length = self.end - self.start
            end = min(self.end, max(_ceiling(self.now, MINUTE), self.start + MINUTE)) - length
            return Range(self.start - length, end, self.zone, self.step, self.now)
        first, last = self.whole_days or (dt.date.min, dt.date.min)
        if self.name == MONTH_TO_DATE:
            earlier = (first - DAY).replace(day=1)
            limit = first
        else:
            earlier = first - (last - first)
            limit = first
        end = _midnight(min(earlier + (last - first), limit), self.zone)
        if self.end > self.now:
            local = self.now.astimezone(self.zone).replace(tzinfo=None)
            moved = (local - (first - earlier)).replace(tzinfo=self.zone)
            end = min(
                end, max(_ceiling(moved.astimezone(dt.UTC), 15 * MINUTE), _midnight(earlier, self.zone) + 15 * MINUTE)
            )
        return Range(_midnight(earlier, self.zone), end, self.zone, self.step, self.now)


def preset(name: str, now: dt.datetime, zone: ZoneInfo) -> Range:
    """A preset's range; raises `KeyError` for a name that is none. Those of days have whole days, today among them."""
    today = now.astimezone(zone).date()
    tomorrow = _midnight(today + DAY, zone)
    if name == MONTH_TO_DATE:
        return Range(_midnight(today.replace(day=1), zone), tomorrow, zone, Step("day"), now, name)
    length, step = PRESETS[name]
    if length >= 7 * DAY:
        return Range(_midnight(today - length + DAY, zone), tomorrow, zone, step, now, name)
    end = _ceiling(now, step.size * MINUTE)
    return Range(end - length, end, zone, step, now, name)


def custom(start: dt.datetime, end: dt.datetime, now: dt.datetime, zone: ZoneInfo, step: Step | None = None) -> Range:
    """Any range, in steps that make a legible chart unless one is given. Seconds are left out. Raises `ValueError` if it ends before it
    begins.
    """
    start, end = (at.astimezone(dt.UTC).replace(second=0, microsecond=0) for at in (start, end))
    return Range(start, end, zone, step or _legible(start, end, now), now)


def _legible(start: dt.datetime, end: dt.datetime, now: dt.datetime) -> Step:
    length = end - start
    is_recent = now - start < 3 * DAY  # there are rollups by the minute
    if length <= 3 * HOUR and is_recent:
        return Step("minute", 1)
    if length <= 12 * HOUR and is_recent:
        return Step("minute", 5)
    for longest, step in ((2 * DAY, Step("minute", 15)), (14 * DAY, Step("hour")), (190 * DAY, Step("day"))):
        if length <= longest:
            return step
    return Step("week") if length <= 1100 * DAY else Step("month")


def _midnight(day: dt.date, zone: dt.tzinfo) -> dt.datetime:
    return _at(windows.midnight(day, zone))


def _at(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def _ceiling(at: dt.datetime, size: dt.timedelta) -> dt.datetime:
    return _EPOCH - (_EPOCH - at) // size * size
