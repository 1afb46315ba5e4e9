"""Daily partitions of the request log: made ahead, and dropped once they are older than the retention.

A default partition takes what no other does (a clock far off, a day nobody prepared), so no record is ever refused. After weeks without a
worker, the days that were missed are made when their records have come.
"""

import datetime as dt
import logging
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import psycopg
from django.db import OperationalError, connection, transaction

logger = logging.getLogger(__name__)

DAYS_BEHIND = 1
DAYS_AHEAD = 7
MOST_WAITING = 31  # days of the default partition that one run looks after
LOCK_TIMEOUT_MS = 2000
_NAME = re.compile(r"^gateway_requestlog_(\d{8})\Z")
_LOCK = 0x7011_0061  # one keeper at a time


def _existing(cursor: Any) -> dict[dt.date, str]:
    cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'gateway_requestlog'::regclass")
    matches = (_NAME.match(name) for (name,) in cursor.fetchall())
    return {dt.date(int(m[1][:4]), int(m[1][4:6]), int(m[1][6:])): m[0] for m in matches if m}


def keep(today: dt.date, *, retention_days: int, may_drop: bool = True) -> tuple[list[str], list[str]]:
    """Make the partitions around `today`, and of days whose records wait in the default one; drop what ended over `retention_days` ago, in
    the default partition, too. Returns (made, dropped).

    Idempotent; each step is a transaction of its own. A step that would have to wait for somebody who reads or writes is left to the next
    run, because everybody else would wait behind it.
    """
    made: list[str] = []
    dropped: list[str] = []
    first, last = today - dt.timedelta(days=retention_days), today + dt.timedelta(days=DAYS_AHEAD)
    around = [today + dt.timedelta(days=offset) for offset in range(-DAYS_BEHIND, DAYS_AHEAD + 1)]
    with connection.cursor() as cursor:
        existing = _existing(cursor)
        waiting = _waiting(cursor, first, last)
        for day in sorted({*around, *waiting[:MOST_WAITING]} - existing.keys()):
            if name := _alone(cursor, partial(_make, cursor, day)):
                made.append(name)
        if may_drop:
            for day, name in sorted(existing.items()):
                if day < first and _alone(cursor, partial(_drop, cursor, name)):
                    dropped.append(name)
            cursor.execute("DELETE FROM gateway_requestlog_default WHERE accepted_at < %s", [f"{first} 00:00:00+00"])
    return made, dropped


def _waiting(cursor: Any, first: dt.date, last: dt.date) -> list[dt.date]:
    """The days of records in the default partition, latest first: of a time in which nobody made partitions."""
    cursor.execute(
        "SELECT DISTINCT (accepted_at AT TIME ZONE 'UTC')::date AS day FROM gateway_requestlog_default "
        "WHERE accepted_at >= %s AND accepted_at < %s ORDER BY day DESC",
        [f"{first} 00:00:00+00", f"{last + dt.timedelta(days=1)} 00:00:00+00"],
    )
    return [row[0] for row in cursor.fetchall()]


def _alone(cursor: Any, step: Callable[[], str | None]) -> str | None:
    """Take a step in a transaction; None where it is somebody else's or a lock is not to be had."""
    try:
        with transaction.atomic():
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
            name = step()
            cursor.execute("SET LOCAL lock_timeout TO DEFAULT")  # of an outer transaction, where there is one
            return name
    except OperationalError as error:
        if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise
        logger.warning("the request log is in use; the next run sees to its partitions")
        return None


def _drop(cursor: Any, name: str) -> str:
    cursor.execute(f"DROP TABLE IF EXISTS {name}")
    return name


def make(days: Iterable[dt.date]) -> None:
    """Make the partitions of those days, such as for a history that is put in."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        existing = _existing(cursor)
        for day in days:
            if day not in existing:
                _make(cursor, day)


def _make(cursor: Any, day: dt.date) -> str | None:
    """Its name; None if somebody has made it meanwhile."""
    name = f"gateway_requestlog_{day:%Y%m%d}"
    cursor.execute("SELECT to_regclass(%s)", [name])
    if cursor.fetchone()[0] is not None:
        return None
    cursor.execute(
        "LOCK TABLE gateway_requestlog_default IN SHARE ROW EXCLUSIVE MODE"
    )  # no record of the day comes meanwhile
    start, end = f"{day} 00:00:00+00", f"{day + dt.timedelta(days=1)} 00:00:00+00"
    cursor.execute(f"CREATE TABLE {name} (LIKE gateway_requestlog INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
    cursor.execute(
        "WITH moved AS (DELETE FROM gateway_requestlog_default WHERE accepted_at >= %s AND accepted_at < %s RETURNING *) "  # noqa: S608
        f"INSERT INTO {name} SELECT * FROM moved",
        [start, end],
    )
    cursor.execute(f"ALTER TABLE gateway_requestlog ATTACH PARTITION {name} FOR VALUES FROM ('{start}') TO ('{end}')")
    return name
