"""Keeps the rollups equal to the request log: every change of the log is added once, in the transaction that takes it from the list of
changes.

A worker that dies in the middle has added nothing and taken nothing. A late record is added to the minute, the quarter and the day that it
belongs to, whenever it comes, also when the log itself no longer has that day. One worker at a time; what it takes at once is so much that
folding it is worth while, and so little that it ends within seconds.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import connection, transaction

from dashboards import facts, folding, sketches
from dashboards.shapes import MINUTE_DAYS, Level
from gateway import log_changes

LOCK = 0x7011_0062  # one at a time adds to the rollups
BATCH = 50_000
DAY = dt.timedelta(days=1)
COARSE = (Level.QUARTER, Level.DAY, Level.UTC_DAY)
_CHANGES = "tenant_id uuid, accepted_at timestamptz, record_id uuid, was jsonb"
_PRESENT = "(l.accepted_at, l.id) IN (SELECT accepted_at, record_id FROM rolled_changes WHERE was IS NULL)"
# A row that was replaced, as it was; columns that the log has got since are NULL there.
_REPLACED = (
    "SELECT -1, l.* FROM rolled_changes AS c, LATERAL jsonb_populate_record(NULL::gateway_requestlog, c.was) AS l "
    "WHERE c.was IS NOT NULL AND l.accepted_at >= %(since)s AND l.accepted_at < %(until)s"
)


def roll_up(now: dt.datetime, limit: int = BATCH) -> int | None:
    """Add up to `limit` changes of the log; returns how many, None if another worker is at it. Atomic."""
    assert limit <= sketches.MOST
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit = off")  # compiling so many sums takes longer than summing
        cursor.execute("SET LOCAL work_mem = '64MB'")  # wide sums of some ten thousand series, not on disk
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return None
        cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS rolled_changes ({_CHANGES}) ON COMMIT DELETE ROWS")
        cursor.execute("TRUNCATE rolled_changes")
        taken = log_changes.take(cursor, into="rolled_changes", limit=limit)
        if not taken:
            return 0
        cursor.execute("ANALYZE rolled_changes")
        folding.begin(cursor)
        source = f"{facts.log(_PRESENT)} UNION ALL {_REPLACED}"
        days = _days(cursor)
        has_minutes = days[-1] + DAY > now - dt.timedelta(days=MINUTE_DAYS)
        for day in days:
            folding.collect(
                cursor, source, since=day, until=day + DAY, grain=Level.MINUTE if has_minutes else Level.QUARTER
            )
        folding.add(cursor, Level if has_minutes else COARSE, now)
        folding.append_users(cursor)
    return taken


def _days(cursor: Any) -> list[dt.datetime]:
    """The days of UTC that the changes lie in: each is one partition of the log."""
    cursor.execute("SELECT DISTINCT date_trunc('day', accepted_at AT TIME ZONE 'UTC') FROM rolled_changes ORDER BY 1")
    return [row[0].replace(tzinfo=dt.UTC) for row in cursor.fetchall()]
