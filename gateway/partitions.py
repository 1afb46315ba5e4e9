"""Daily partitions of the request log: made ahead, and dropped once they are older than the retention.

A default partition takes what no other does (a clock far off, a day nobody prepared), so no record is ever refused.
"""

import datetime as dt
import re
from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction

DAYS_BEHIND = 1
DAYS_AHEAD = 7
_NAME = re.compile(r"^gateway_requestlog_(\d{8})$")
_LOCK = 0x7011_0061  # one keeper at a time


def _existing(cursor: Any) -> dict[dt.date, str]:
    cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'gateway_requestlog'::regclass")
    matches = (_NAME.match(name) for (name,) in cursor.fetchall())
    return {dt.date(int(m[1][:4]), int(m[1][4:6]), int(m[1][6:])): m[0] for m in matches if m}


def keep(today: dt.date, *, retention_days: int) -> tuple[list[str], list[str]]:
    """Make the partitions around `today` and drop those that ended over `retention_days` ago; returns (made, dropped).

    Idempotent. Rows of a day that waited in the default partition are moved into the day's own. All or nothing.
    """
    made: list[str] = []
    dropped: list[str] = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        existing = _existing(cursor)
        for offset in range(-DAYS_BEHIND, DAYS_AHEAD + 1):
            day = today + dt.timedelta(days=offset)
            if day not in existing:
                made.append(_make(cursor, day))
        for day, name in sorted(existing.items()):
            if day < today - dt.timedelta(days=retention_days):
                cursor.execute(f"DROP TABLE {name}")
                dropped.append(name)
    return made, dropped


def make(days: Iterable[dt.date]) -> None:
    """Make the partitions of those days, such as for a history that is put in."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        existing = _existing(cursor)
        for day in days:
            if day not in existing:
                _make(cursor, day)


def _make(cursor: Any, day: dt.date) -> str:
    name = f"gateway_requestlog_{day:%Y%m%d}"
    start, end = f"{day} 00:00:00+00", f"{day + dt.timedelta(days=1)} 00:00:00+00"
    cursor.execute(f"CREATE TABLE {name} (LIKE gateway_requestlog INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
    cursor.execute(
        "WITH moved AS (DELETE FROM gateway_requestlog_default WHERE accepted_at >= %s AND accepted_at < %s RETURNING *) "  # noqa: S608
        f"INSERT INTO {name} SELECT * FROM moved",
        [start, end],
    )
    cursor.execute(f"ALTER TABLE gateway_requestlog ATTACH PARTITION {name} FOR VALUES FROM ('{start}') TO ('{end}')")
    return name
