"""The condition on the time of the week, in the tenant's own time zone."""

from __future__ import annotations

import datetime as dt

import msgspec

from gateway.types import Facts
from gateway.wording import gettext as _

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
        words = {
            "day": day_names()[local.weekday()],
            "time": f"{local:%H:%M}",
            "zone": self.zone,
            "wanted": self.says(),
        }
        return _("it comes on %(day)s at %(time)s (%(zone)s), not %(wanted)s") % words

    def says(self) -> str:
        days = "" if self.days == EVERY_DAY else _days(sorted(self.days))
        if self.since == self.until:
            return days or _("at any time")
        hours = f"{clock(self.since)}–{clock(self.until)}"
        return _("%(days)s %(hours)s") % {"days": days, "hours": hours} if days else hours

    def covers(self, other: Hours) -> bool:
        return all(
            self.takes(day, minute) for day in range(7) for minute in range(DAY_MINUTES) if other.takes(day, minute)
        )


def day_names() -> tuple[str, ...]:
    return _("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun")


def clock(minute: int) -> str:
    """A minute of the day as 22:30."""
    return f"{minute // 60:02}:{minute % 60:02}"


def _days(days: list[int]) -> str:
    """“Mon–Fri”, “Sat, Sun”."""
    names = day_names()
    runs: list[list[int]] = []
    for day in days:
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(
        f"{names[run[0]]}–{names[run[-1]]}" if len(run) > 2 else ", ".join(names[day] for day in run) for run in runs
    )
