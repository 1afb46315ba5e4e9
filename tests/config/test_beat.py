"""Background work goes on when the clock is set."""

from __future__ import annotations

import datetime as dt
import pickle
import time

from celery.schedules import schedule
from django.conf import settings

from config import beat
from config.celery import app


class SetClock(dt.datetime):
    """The time of day, an hour back."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
        return dt.datetime.now(tz) - dt.timedelta(hours=1)


MINUTE = 60.0


def entry(**fields: object) -> beat.Entry:
    """Due each minute: so long this file does not take, however busy the machine is."""
    return beat.Entry(name="drain", task="drain", schedule=MINUTE, app=app, **fields)


def test_a_clock_that_is_set_back_holds_nothing_up(monkeypatch):
    made = entry()
    monkeypatch.setattr("celery.utils.time.datetime", SetClock)
    monkeypatch.setattr("celery.app.base.datetime", SetClock, raising=False)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    due = made.is_due()
    assert not due.is_due
    assert 0 < due.next <= MINUTE
    again = next(made)
    assert dt.timedelta(0) <= again.last_run_at - made.last_run_at < dt.timedelta(seconds=MINUTE)


def test_what_was_last_done_in_the_future_is_done_a_while_from_now():
    made = entry(last_run_at=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    assert 0 < made.is_due().next <= MINUTE


def test_what_is_kept_in_the_schedule_s_file_goes_by_the_same_clock():
    kept = pickle.loads(pickle.dumps(entry()))
    assert kept.schedule.nowfun is beat.now
    assert kept.schedule == schedule(MINUTE)


def test_beat_plans_everything_by_it_also_when_it_is_started_again(tmp_path):
    assert app.conf.beat_scheduler == "config.beat:Scheduler"
    for _ in range(2):
        scheduler = beat.Scheduler(app=app, schedule_filename=str(tmp_path / "schedule"), lazy=False)
        assert set(scheduler.schedule) == set(settings.CELERY_BEAT_SCHEDULE)
        assert all(kept.schedule.nowfun is beat.now for kept in scheduler.schedule.values())
        scheduler.close()
