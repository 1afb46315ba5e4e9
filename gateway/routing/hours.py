"""The condition on the time of the week, in the tenant's own time zone."""

from __future__ import annotations

import datetime as dt

import msgspec

from gateway.types import Facts

DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_MINUTES = 24 * 60
EVERY_DAY = frozenset(range(7))


class Hours(msgspec.Struct, frozen=True):
    """Comes on one of these weekdays (0 is Monday), from one minute of the day up to, not including, another.

    Where `until` is not after `since`, the hours go over midnight; what follows midnight belongs to the day on which they began.
    """

    days: frozenset[int]
    since: int
    until: int
    zone: dt.tzinfo

    def holds(self, facts: Facts) -> bool:
        local = dt.datetime.fromtimestamp(facts.signals.at, self.zone)
        return self.takes(local.weekday(), local.hour * 60 + local.minute)

    def takes(self, day: int, minute: int) -> bool:
        if self.since < self.until:
            return day in self.days and self.since <= minute < self.until
        if minute >= self.since:
            return day in self.days
        return minute < self.until and (day - 1) % 7 in self.days

    def why_not(self, facts: Facts) -> str:
        local = dt.datetime.fromtimestamp(facts.signals.at, self.zone)
        return f"it comes on {DAY_NAMES[local.weekday()]} at {local:%H:%M} ({self.zone}), not {self.says()}"

    def says(self) -> str:
        days = "" if self.days == EVERY_DAY else _days(sorted(self.days))
        if self.since == self.until:
            return days or "at any time"
        hours = f"{clock(self.since)}–{clock(self.until)}"
        return f"{days} {hours}" if days else hours

    def covers(self, other: Hours) -> bool:
        return all(
            self.takes(day, minute) for day in range(7) for minute in range(DAY_MINUTES) if other.takes(day, minute)
        )


def clock(minute: int) -> str:
    """A minute of the day as 22:30."""
    return f"{minute // 60:02}:{minute % 60:02}"


def _days(days: list[int]) -> str:
    """“Mon–Fri”, “Sat, Sun”."""
    runs: list[list[int]] = []
    for day in days:
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(
        f"{DAY_NAMES[run[0]]}–{DAY_NAMES[run[-1]]}" if len(run) > 2 else ", ".join(DAY_NAMES[day] for day in run)
        for run in runs
    )
