"""What came into the request log and what was replaced there, kept until it has been added up: the rollups' only source.

The drain notes changes in the transaction that makes them, and whoever adds them up takes them in the transaction that keeps the sums. So
every record is added exactly once, however late it comes and whoever dies in between; nobody has to look for it in the log.
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.db import connection


def note(cursor: Any, *, inserted: str, replaced: str, has_replaced: bool) -> None:
    """Note the rows of table `inserted`, and that those of `replaced` are gone, in the caller's transaction.

    A replaced row whose coming nobody has added up yet is forgotten: only the new one will be seen. (Somebody who adds it up at this moment
    has locked its change until the commit; then its going is noted.)
    """
    if has_replaced:
        cursor.execute(
            "WITH unseen AS (DELETE FROM gateway_logchange AS c USING "  # noqa: S608
            f"{replaced} AS r WHERE c.accepted_at = r.accepted_at AND c.record_id = r.id AND c.was IS NULL RETURNING c.record_id) "
            "INSERT INTO gateway_logchange (tenant_id, accepted_at, record_id, was) "
            f"SELECT tenant_id, accepted_at, id, to_jsonb(r) FROM {replaced} AS r WHERE id NOT IN (SELECT record_id FROM unseen)"
        )
    cursor.execute(
        f"INSERT INTO gateway_logchange (tenant_id, accepted_at, record_id) SELECT tenant_id, accepted_at, id FROM {inserted}"  # noqa: S608
    )


def take(cursor: Any, *, into: str, limit: int) -> int:
    """Move up to `limit` changes, oldest first, into table `into` (tenant_id, accepted_at, record_id, was); returns how many.

    They are gone with the caller's commit, and back if there is none. One taker at a time.
    """
    cursor.execute(
        "WITH taken AS (DELETE FROM gateway_logchange WHERE seq IN (SELECT seq FROM gateway_logchange ORDER BY seq LIMIT %s "  # noqa: S608
        "FOR UPDATE SKIP LOCKED) "
        f"RETURNING tenant_id, accepted_at, record_id, was) INSERT INTO {into} SELECT * FROM taken",
        [limit],
    )
    return int(cursor.rowcount)


def oldest() -> dt.datetime | None:
    """When the request was accepted whose change has waited longest; None: everything has been added up."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT accepted_at FROM gateway_logchange ORDER BY seq LIMIT 1")
        row = cursor.fetchone()
    return row[0] if row else None


def wait_before(before: dt.datetime) -> set[UUID]:
    """The tenants that have changes before a time: their rows of then may not be deleted yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT tenant_id FROM gateway_logchange WHERE accepted_at < %s", [before])
        return {row[0] for row in cursor.fetchall()}
