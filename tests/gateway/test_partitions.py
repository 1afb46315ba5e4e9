"""The request log's daily partitions."""

import datetime as dt
import os
from uuid import uuid4

import psycopg
import pytest
from django.db import connection

from gateway import partitions

pytestmark = pytest.mark.django_db

DAY = dt.date(2031, 5, 10)


def test_makes_each_day_once():
    made, _ = partitions.keep(DAY, retention_days=36_500)
    assert made[0] == "gateway_requestlog_20310509"
    assert made[-1] == "gateway_requestlog_20310517"
    assert partitions.keep(DAY, retention_days=36_500) == ([], [])


def test_drops_what_is_older_than_the_retention():
    partitions.keep(DAY, retention_days=36_500)
    _, dropped = partitions.keep(DAY + dt.timedelta(days=4), retention_days=3)
    assert dropped[-2:] == ["gateway_requestlog_20310509", "gateway_requestlog_20310510"]


def put(at: str) -> None:
    """A record of that time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO gateway_requestlog VALUES (%s, %s, %s, 1, %s, %s, 'messages', '', '', '', '{}', 'm', 'm', 'p', "
            "false, 200, 'ok', '', '', 'stop', 'miss', 1, 0, 0, 0, 1, 0, 'reported', 0, true, 1, null, '{}')",
            [at, uuid4(), uuid4(), uuid4(), uuid4()],
        )


def places(*times: str) -> list[str]:
    """In which partitions the records of those times are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tableoid::regclass::text FROM gateway_requestlog WHERE accepted_at = ANY(%s::timestamptz[]) ORDER BY accepted_at",
            [list(times)],
        )
        return [row[0] for row in cursor.fetchall()]


def test_moves_rows_that_came_before_their_day_was_made():
    put("2031-05-10 12:00Z")
    partitions.keep(DAY, retention_days=36_500)
    assert places("2031-05-10 12:00Z") == ["gateway_requestlog_20310510"]


def test_after_weeks_without_a_worker_the_missed_days_are_made_and_what_nobody_keeps_goes():
    times = ("2031-03-01 00:00Z", "2031-04-12 23:59Z", "2031-04-20 00:00Z", "2031-05-09 12:00Z")
    for at in times:
        put(at)
    assert places(*times) == ["gateway_requestlog_default"] * 4
    made, _ = partitions.keep(DAY, retention_days=28)
    assert {"gateway_requestlog_20310412", "gateway_requestlog_20310420"} <= set(made)
    assert "gateway_requestlog_20310413" not in made  # nothing happened that day
    assert places(*times) == [f"gateway_requestlog_{day}" for day in ("20310412", "20310420", "20310509")]


def test_what_waits_to_be_added_up_is_not_dropped():
    put("2031-03-01 00:00Z")
    partitions.keep(DAY, retention_days=36_500)
    _, dropped = partitions.keep(DAY, retention_days=28, may_drop=False)
    assert dropped == []
    assert places("2031-03-01 00:00Z") == ["gateway_requestlog_20310301"]
    _, dropped = partitions.keep(DAY, retention_days=28)
    assert "gateway_requestlog_20310301" in dropped
    assert places("2031-03-01 00:00Z") == []


def test_a_record_of_a_far_future_stays_where_it_is():
    put("2099-01-01 12:00Z")
    partitions.keep(DAY, retention_days=28)
    assert places("2099-01-01 12:00Z") == ["gateway_requestlog_default"]


def test_what_would_have_to_wait_for_a_reader_is_left_to_the_next_run(monkeypatch: pytest.MonkeyPatch):
    with (
        monkeypatch.context() as patched,
        psycopg.connect(os.environ["DATABASE_URL"], dbname=connection.settings_dict["NAME"]) as reader,
    ):
        patched.setattr(partitions, "LOCK_TIMEOUT_MS", 20)
        reader.execute("SELECT count(*) FROM gateway_requestlog_default")
        assert partitions.keep(DAY, retention_days=36_500) == ([], [])
    assert len(partitions.keep(DAY, retention_days=36_500)[0]) == 9
