"""Celery's beat by a clock that nobody sets.

Celery plans by the time of day: set back by an hour, as when a wrong clock is put right, nothing would be done for an hour (no record
drained, no dead process's hold given back). Ours are all intervals, so they go by the monotonic clock.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from celery.beat import PersistentScheduler, ScheduleEntry

_BEGAN = dt.datetime.now(dt.UTC)
_BEGAN_SECONDS = time.monotonic()


def now() -> dt.datetime:
    """When this process began, and what has passed since."""
    return _BEGAN + dt.timedelta(seconds=time.monotonic() - _BEGAN_SECONDS)


class Entry(ScheduleEntry):  # type: ignore[misc]
    """Something to do again and again. A last time that is still to come, by another process's clock, was just now."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.schedule.nowfun = now
        self.last_run_at = min(self.schedule.maybe_make_aware(self.last_run_at), now())


class Scheduler(PersistentScheduler):  # type: ignore[misc]
    Entry = Entry
