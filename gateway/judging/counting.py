"""Counts what is known of answers: votes, scores, and answers that have both; by task, model, provider and tags, and by steps of time.

Asked of the rows themselves, not of sums: they are few beside the requests, they change (a vote may turn, a score comes late), and an index
leads to a range of them. An answer counts when it was asked for, whenever it was rated or judged. Of one with several votes, the majority
stands beside its score; a tie says nothing.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from gateway.quality.agreement import Confusion
from gateway.quality.figures import Counts

VOTES, SCORES, BOTH = "votes", "scores", "both"
PROMPT_PREFIX = "prompt:"  # of the tag that tells the version of a request's prompt
_CUBE = ("task", "model", "provider", "tags")
FILTERS = ("task", "model", "provider", "tag")
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


_PARTS = {
    VOTES: (_VOTES, (_if("t.rating = 'up'"), _if("t.rating = 'down'"))),
    SCORES: (_SCORES, (_if("t.is_good"), _if("t.status = 'scored'"), _if("t.status = 'invalid'"))),
    BOTH: (
        _BOTH,
        tuple(_if(f"{sign} t.is_good AND t.lean {way} 0") for sign in ("", "NOT") for way in (">", "<")),
    ),
}


class Labels(NamedTuple):
    """What answers have in common."""

    task: str
    model: str
    provider: str
    tags: tuple[str, ...]

    def values(self, dimension: str) -> Sequence[str]:
        """Of that dimension: one, or of `tag` several; empty: none. `prompt` is the version of the request's prompt, as its tag has it; of
        several the last in the alphabet."""
        if dimension == "tag":
            return self.tags or ("",)
        if dimension == "prompt":
            return (max((tag for tag in self.tags if tag.startswith(PROMPT_PREFIX)), default=""),)
        found: str = getattr(self, dimension)
        return (found,)


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
    """By some of task, model and provider, in their order; without any, all under ()."""
    return {key[1:]: found for key, found in _counted(asked, by, ()).items()}


def cells(
    asked: Asked, edges: Sequence[dt.datetime], *, parts: Sequence[str] = (VOTES, SCORES, BOTH)
) -> dict[Labels, dict[int, Counts]]:
    """All at once: for each combination of task, model, provider and tags that occurs, the steps in which something is known (0: the one
    that begins with the first edge). What is asked by any of them is added up from it. `parts`: what is counted."""
    found: dict[Labels, dict[int, Counts]] = {}
    for (step, task, model, provider, tags), cell in _counted(asked, _CUBE, edges, parts).items():
        if step:  # 0: before the first edge
            labels = Labels(task, model, provider, tags)
            found.setdefault(labels, {})[step - 1] = cell
    return found


def _counted(
    asked: Asked, by: Sequence[str], edges: Sequence[dt.datetime], parts: Sequence[str] = (VOTES, SCORES, BOTH)
) -> dict[tuple[Any, ...], Counts]:
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
        for place, (name, (source, sums)) in enumerate(_PARTS.items()):
            if name not in parts:
                continue
            cursor.execute(_sql(source, sums, by, asked.filters, has_steps=bool(edges)), parameters)
            for row in cursor.fetchall():
                key = tuple(tuple(value) if isinstance(value, list) else value for value in row[: 1 + len(by)])
                found[key][place] = row[1 + len(by) :]
    return {key: _cell(*sums) for key, sums in found.items()}


def _cell(votes: tuple[int, ...], scores: tuple[int, ...], both: tuple[int, ...]) -> Counts:
    (up, down), (good, judged, invalid) = votes, scores
    return Counts(up, down, good, judged, invalid, Confusion(*both))


def _sql(source: str, sums: Sequence[str], by: Sequence[str], filters: Mapping[str, Any], *, has_steps: bool) -> str:
    wanted = [_condition(name) for name in filters]
    keys = ["width_bucket(t.at, %(edges)s::timestamptz[])" if has_steps else "0", *(f"t.{name}" for name in by)]
    groups = ", ".join(str(1 + place) for place in range(len(keys)))
    return (
        f"SELECT {', '.join([*keys, *sums])} FROM ({source}) AS t "  # noqa: S608
        f"{'WHERE ' + ' AND '.join(wanted) if wanted else ''} GROUP BY {groups}"
    )


def _condition(name: str) -> str:
    if name == "tag":  # an empty one: those that have none
        return "(t.tags && %(of_tag)s::varchar[] OR ('' = ANY(%(of_tag)s) AND t.tags = '{}'))"
    assert name in FILTERS
    return f"t.{name} = ANY(%(of_{name})s)"
