"""Keeps billing's daily sums equal to the request log: added to by the drain, recomputed where they turn out to differ. SQL only."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.db import connection

# What one record counts in: `billing.limits.subjects` says the same in Python.
_DIMENSIONS = """
    CROSS JOIN LATERAL (
        VALUES ('tenant', ''), ('key', api_key_id::text), ('end_user', nullif(end_user, '')),
               ('tier', CASE WHEN end_user <> '' THEN tier END), ('task', nullif(task, '')), ('model', nullif(model_served, ''))
        UNION ALL SELECT 'tag', tag FROM unnest(tags) AS tag
    ) AS counted (dimension, subject)
"""
_SUMS = """
    sum(sign * (CASE WHEN dimension = 'model' THEN opens_model AND attempt > 0 ELSE attempt = 1 END)::int),
    sum(sign * input_tokens), sum(sign * cache_read_tokens), sum(sign * output_tokens),
    sum(sign * cost_usd)
"""
_COLUMNS = "tenant_id, day, dimension, subject, requests, input_tokens, cache_read_tokens, output_tokens, cost_usd"


def _grouped(source: str) -> str:
    return f"""
        SELECT tenant_id, (accepted_at AT TIME ZONE %s)::date, dimension, subject, {_SUMS}
        FROM {source} AS r {_DIMENSIONS}
        WHERE subject IS NOT NULL
        GROUP BY 1, 2, 3, 4
        HAVING bool_or(attempt > 0)
    """  # noqa: S608


def add(cursor: Any, *, inserted: str, replaced: str, timezone: str) -> None:
    """Add the rows of table `inserted` and take away those of `replaced`, in the caller's transaction."""
    source = f"(SELECT 1 AS sign, * FROM {inserted} UNION ALL SELECT -1, * FROM {replaced})"  # noqa: S608
    cursor.execute(
        f"INSERT INTO billing_dailyusage AS d ({_COLUMNS}) {_grouped(source)} "
        "ON CONFLICT (tenant_id, day, dimension, subject) DO UPDATE SET requests = d.requests + EXCLUDED.requests, "
        "input_tokens = d.input_tokens + EXCLUDED.input_tokens, cache_read_tokens = d.cache_read_tokens + EXCLUDED.cache_read_tokens, "
        "output_tokens = d.output_tokens + EXCLUDED.output_tokens, cost_usd = d.cost_usd + EXCLUDED.cost_usd",
        [timezone],
    )


def differs(tenant_id: UUID, since: dt.date, zone: dt.tzinfo) -> bool:
    """Whether the sums of the days from `since` on are not what the log says; the caller keeps the drain away."""
    start = dt.datetime.combine(since, dt.time(), zone)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT (coalesce(sum(requests), 0), coalesce(sum(input_tokens + output_tokens), 0), coalesce(sum(cost_usd), 0)) "
            "FROM billing_dailyusage WHERE tenant_id = %s AND dimension = 'tenant' AND day >= %s) "
            "IS DISTINCT FROM (SELECT ((count(*) FILTER (WHERE attempt = 1))::numeric, coalesce(sum(input_tokens + output_tokens), 0), "
            "coalesce(sum(cost_usd), 0)) FROM gateway_requestlog WHERE tenant_id = %s AND accepted_at >= %s AND attempt > 0)",
            [tenant_id, since, tenant_id, start],
        )
        return bool(cursor.fetchone()[0])


def rebuild(tenant_id: UUID, since: dt.date, zone: dt.tzinfo) -> None:
    """Recompute the days from `since` on; the caller keeps the drain away."""
    start = dt.datetime.combine(since, dt.time(), zone)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM billing_dailyusage WHERE tenant_id = %s AND day >= %s", [tenant_id, since])
        source = "(SELECT 1 AS sign, * FROM gateway_requestlog WHERE tenant_id = %s AND accepted_at >= %s)"
        cursor.execute(
            f"INSERT INTO billing_dailyusage ({_COLUMNS}) {_grouped(source)}",
            [str(zone), tenant_id, start],
        )
