"""Celery's beat by a clock that nobody sets.

Celery plans by the time of day: set back by an hour, as when a wrong clock is put right, nothing would be done for an hour (no record
drained, no dead process's hold given back). Ours are all intervals, so they go by the monotonic clock.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from celery.beat import PersistentScheduler, ScheduleEntry
from celery.schedules import schedule

_BEGAN = dt.datetime.now(dt.UTC)
_BEGAN_SECONDS = time.monotonic()


def now() -> dt.datetime:
    """When this process began, and what has passed since."""
    return _BEGAN + dt.timedelta(seconds=time.monotonic() - _BEGAN_SECONDS)


class Entry(ScheduleEntry):
    """Something to do again and again. A last time that is still to come, by another process's clock, was just now."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        assert isinstance(self.schedule, schedule)
        assert self.last_run_at is not None
        self.schedule = schedule(self.schedule.seconds, nowfun=now, app=self.app)
        self.last_run_at = min(self.schedule.maybe_make_aware(self.last_run_at), now())


class Scheduler(PersistentScheduler):
    """Intervals only: one entry that went by the time of day could hold up all others."""

    Entry = Entry

    def install_default_entries(self, data: object) -> None:
        """None: Celery's own would clean results up every night at four, and there are none."""
