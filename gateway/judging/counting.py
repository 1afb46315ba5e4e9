"""Counts what is known of answers: votes, scores, and answers that have both; by task, model, provider, tag or prompt version, and by steps
of time.

Asked of the rows themselves, not of sums: they are few beside the requests, they change (a vote may turn, a score comes late), and an index
leads to a range of them. An answer counts when it was asked for, whenever it was rated or judged. Of one with several votes, the majority
stands beside its score; a tie says nothing.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection

from gateway.quality.agreement import Confusion
from gateway.quality.figures import Counts

PROMPT_PREFIX = "prompt:"  # of the tag that tells the version of a request's prompt
# Dimension → SQL of its value in a row `t`; `tag` and `prompt` come from what is joined.
COLUMNS = {"task": "t.task", "model": "t.model", "provider": "t.provider", "tag": "g.tag", "prompt": "p.prompt"}
_JOINS = {
    "tag": "CROSS JOIN LATERAL unnest(CASE WHEN t.tags = '{}' THEN ARRAY[''] ELSE t.tags END) AS g (tag)",
    "prompt": (
        "CROSS JOIN LATERAL (SELECT coalesce(max(x), '') FROM unnest(t.tags) AS x WHERE starts_with(x, 'prompt:')) AS p (prompt)"
    ),
}
_VOTES = (
    "SELECT tenant_id, task, model, provider, tags, asked_at AS at, rating FROM gateway_feedback "
    "WHERE tenant_id = ANY(%(tenants)s) AND asked_at >= %(since)s AND asked_at < %(until)s AND matched_at IS NOT NULL"
)
_SCORES = (
    "SELECT tenant_id, request_id, task, model, provider, tags, answered_at AS at, status, is_good FROM gateway_judgement "
    "WHERE tenant_id = ANY(%(tenants)s) AND answered_at >= %(since)s AND answered_at < %(until)s "
    "AND status IN ('scored', 'invalid') AND (%(with_self)s OR NOT is_self)"
)
_BOTH = (
    f"SELECT s.*, v.lean FROM ({_SCORES} AND status = 'scored') AS s JOIN ("  # noqa: S608
    "SELECT tenant_id, request_id, sum(CASE rating WHEN 'up' THEN 1 ELSE -1 END) AS lean FROM gateway_feedback "
    "WHERE tenant_id = ANY(%(tenants)s) AND asked_at >= %(since)s AND asked_at < %(until)s AND matched_at IS NOT NULL GROUP BY 1, 2"
    ") AS v ON v.tenant_id = s.tenant_id AND v.request_id = s.request_id AND v.lean <> 0"
)


def _if(condition: str) -> str:
    return f"count(*) FILTER (WHERE {condition})"


_PARTS = (
    (_VOTES, (_if("t.rating = 'up'"), _if("t.rating = 'down'"))),
    (_SCORES, (_if("t.is_good"), _if("t.status = 'scored'"), _if("t.status = 'invalid'"))),
    (
        _BOTH,
        tuple(_if(f"{sign} t.is_good AND t.lean {way} 0") for sign in ("", "NOT") for way in (">", "<")),
    ),
)


@dataclass(frozen=True)
class Asked:
    """Answers of these tenants from `since` up to `until`. `filters`: dimension → the values that count. `with_self`: also scores that
    models gave to answers of their own."""

    tenant_ids: Sequence[UUID]
    since: dt.datetime
    until: dt.datetime
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    with_self: bool = True


def counts(asked: Asked, by: Sequence[str] = ()) -> dict[tuple[str, ...], Counts]:
    """By the values of some dimensions, in their order; without any, all under (). Raises `KeyError` for a dimension that is none."""
    return {key[1:]: found for key, found in _counted(asked, by, ()).items()}


def steps(asked: Asked, edges: Sequence[dt.datetime], by: Sequence[str] = ()) -> dict[tuple[str, ...], list[Counts]]:
    """The same, of each step that begins with one of the edges; the last one ends with `until`."""
    found: dict[tuple[str, ...], list[Counts]] = {}
    for (step, *group), cell in _counted(asked, by, edges).items():
        if step:  # 0: before the first edge
            found.setdefault(tuple(group), [Counts()] * len(edges))[step - 1] = cell
    return found


def _counted(asked: Asked, by: Sequence[str], edges: Sequence[dt.datetime]) -> dict[tuple[Any, ...], Counts]:
    parameters: dict[str, Any] = {
        "tenants": list(asked.tenant_ids),
        "since": asked.since,
        "until": asked.until,
        "with_self": asked.with_self,
        "edges": list(edges),
        **{f"of_{name}": list(values) for name, values in asked.filters.items()},
    }
    found: dict[tuple[Any, ...], list[tuple[int, ...]]] = defaultdict(lambda: [(0, 0), (0, 0, 0), (0, 0, 0, 0)])
    with connection.cursor() as cursor:
        for place, (source, sums) in enumerate(_PARTS):
            cursor.execute(_sql(source, sums, by, asked.filters, has_steps=bool(edges)), parameters)
            for row in cursor.fetchall():
                found[row[: 1 + len(by)]][place] = row[1 + len(by) :]
    return {key: _cell(*parts) for key, parts in found.items()}


def _cell(votes: tuple[int, ...], scores: tuple[int, ...], both: tuple[int, ...]) -> Counts:
    (up, down), (good, judged, invalid) = votes, scores
    return Counts(up, down, good, judged, invalid, Confusion(*both))


def _sql(source: str, sums: Sequence[str], by: Sequence[str], filters: Mapping[str, Any], *, has_steps: bool) -> str:
    joined = " ".join(join for name, join in _JOINS.items() if name in by)
    wanted = [_condition(name) for name in filters]
    keys = ["width_bucket(t.at, %(edges)s::timestamptz[])" if has_steps else "0", *(COLUMNS[name] for name in by)]
    groups = ", ".join(str(1 + place) for place in range(len(keys)))
    return (
        f"SELECT {', '.join([*keys, *sums])} FROM ({source}) AS t {joined} "  # noqa: S608
        f"{'WHERE ' + ' AND '.join(wanted) if wanted else ''} GROUP BY {groups}"
    )


def _condition(name: str) -> str:
    if name in ("tag", "prompt"):  # an empty one: those that have none
        return f"(t.tags && %(of_{name})s::varchar[] OR ('' = ANY(%(of_{name})s) AND t.tags = '{{}}'))"
    return f"{COLUMNS[name]} = ANY(%(of_{name})s)"
