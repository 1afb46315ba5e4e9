"""SQL that turns rows of the request log into facts: for each record its dimensions as text, what it adds to every measure, the bucket of
every sketch it falls into. The rollups are folded from it, and the raw log is asked through it, so that the two cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterable

from dashboards import sketches
from dashboards.measures import MEASURES
from dashboards.shapes import DIMENSIONS

SINGLE = {name: value for name, value in DIMENSIONS.items() if value}  # all but tags

# What belongs to the request of a record besides, looked for only where it had several calls: all of a request's records bear one time.
# What earlier ones cost counts at the final one; another model after an answer that was not good enough is no fallback.
_REQUEST = """
    LEFT JOIN LATERAL (
        SELECT sum(o.cost_usd) FILTER (WHERE NOT o.is_final) AS earlier_usd,
            bool_or(o.outcome = 'escalated') FILTER (WHERE o.attempt = r.attempt - 1) AS was_escalated
        FROM gateway_requestlog AS o
        WHERE r.attempt <> 1 AND o.accepted_at = r.accepted_at AND o.request_id = r.request_id
            AND o.accepted_at >= %(since)s AND o.accepted_at < %(until)s
    ) AS q ON true
"""


COLUMNS = {measure.name: f"r.sign * ({measure.value})" for measure in MEASURES} | {
    kind.name: sketches.bucket_sql(kind.value) for kind in sketches.KINDS
}


def select(source: str, columns: Iterable[str] = tuple(COLUMNS)) -> str:
    """A SELECT of facts. `source`: SQL of rows of the log, each with a `sign`: 1, or -1 for one that was replaced. `columns`: of which
    measures and sketches.

    The parameters `since` and `until` bound the time of the rows, so that only those partitions are looked at.
    """
    dimensions = [f"{'k.error' if name == 'error' else value} AS {name}" for name, value in SINGLE.items()]
    wanted = [f"{COLUMNS[name]} AS {name}" for name in columns]
    request = _REQUEST if any("q." in value for value in wanted) else ""
    return (
        f"SELECT {', '.join(['r.tenant_id', 'r.accepted_at', *dimensions, 'r.tags', *wanted])} "  # noqa: S608
        f"FROM ({source}) AS r CROSS JOIN LATERAL (SELECT {DIMENSIONS['error']} AS error) AS k {request}"
    )


def log(condition: str) -> str:
    """Rows of the log within the time of the parameters, for `select`."""
    return (
        "SELECT 1 AS sign, l.* FROM gateway_requestlog AS l "  # noqa: S608
        f"WHERE l.accepted_at >= %(since)s AND l.accepted_at < %(until)s AND {condition}"
    )
