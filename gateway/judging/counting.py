"""Counts what is known of answers: votes, scores, and answers that have both; by task, model, provider and tags, and by steps of time.

Of whole days it reads what they add up to (`gateway.judging.days`), and of everything else, days that have changed since among it, the rows
themselves. An answer counts when it was asked for, whenever it was rated or judged.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from gateway.judging import days, ratings
from gateway.judging.ratings import BOTH, SCORES, VOTES, Source, Span
from gateway.quality.agreement import Confusion
from gateway.quality.figures import Counts, Scores

PROMPT_PREFIX = "prompt:"  # of the tag that tells the version of a request's prompt
FILTERS = ("task", "model", "provider", "tag")
_DAY = dt.timedelta(days=1)


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
    models gave to answers of their own. `zone`: whose days may be taken together; None: every row is counted."""

    tenant_ids: Sequence[UUID]
    since: dt.datetime
    until: dt.datetime
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    with_self: bool = True
    zone: ZoneInfo | None = None


def counts(asked: Asked, by: Sequence[str] = ()) -> dict[tuple[str, ...], Counts]:
    """By some of task, model and provider, in their order; without any, all under ()."""
    return {tuple(row[1 : 1 + len(by)]): _counts(row[1 + len(by) :]) for row in _rows(asked, by, ())}


def cells(
    asked: Asked, edges: Sequence[dt.datetime], *, parts: Sequence[str] = (VOTES, SCORES, BOTH)
) -> dict[Labels, dict[int, Counts]]:
    """All at once: for each combination of task, model, provider and tags that occurs, the steps in which something is known (0: the one
    that begins with the first edge). What is asked by any of them is added up from it. `parts`: what is counted."""
    found: dict[Labels, dict[int, Counts]] = {}
    for step, task, model, provider, tags, *values in _rows(asked, ratings.LABELS, edges, parts):
        if step:  # 0: before the first edge
            found.setdefault(Labels(task, model, provider, tuple(tags)), {})[step - 1] = _counts(values)
    return found


def by_length(asked: Asked) -> dict[int, Scores]:
    """Scores by how long the answers were: band (see `ratings.BANDS`) → what they add up to."""
    found = {}
    for _step, band, *values in _rows(asked, ("band",), (), (SCORES, BOTH)):
        known = dict(zip(ratings.ALL, values, strict=True))
        found[band] = Scores(known["judged"], known["points"], known["squares"], _counts(values))
    return found


def _counts(values: Sequence[int]) -> Counts:
    up, down, good, judged, invalid, _points, _squares, *both = values
    return Counts(up, down, good, judged, invalid, Confusion(*both))


def _rows(
    asked: Asked, by: Sequence[str], edges: Sequence[dt.datetime], parts: Sequence[str] = (VOTES, SCORES, BOTH)
) -> list[tuple[Any, ...]]:
    """Step (0 without edges), what it is grouped by, and every column of `ratings.ALL`: 0 where its part was not asked for."""
    whole = _whole_days(asked, edges)
    days_of: dict[str, Any] = {}
    if whole:
        assert asked.zone is not None
        dates, begins, ends = (list(column) for column in zip(*whole, strict=True))
        days_of = {"zone": asked.zone.key, "days": dates, "day_begins": begins, "day_ends": ends}
        days_of |= {"begins": begins[0], "ends": ends[-1]}
    parameters: dict[str, Any] = {
        "tenants": list(asked.tenant_ids),
        "edges": list(edges),
        **days_of,
        **{f"of_{name}": list(values) for name, values in asked.filters.items()},
    }
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit = off")
        spans = _around(asked, whole)
        if whole:  # what changes from here on is not seen, or is in the sums already
            cursor.execute(_STALE, parameters)
            stale = cursor.fetchall()
            spans += [Span(tenant_id, begins, ends) for tenant_id, _day, begins, ends in stale]
            parameters |= {"stale_tenants": [row[0] for row in stale], "stale_days": [row[1] for row in stale]}
        source = Source(spans, with_self=asked.with_self)
        sql = _sql(asked, by, parts, source, has_days=bool(whole), has_steps=bool(edges))
        cursor.execute(sql, parameters | source.parameters)
        return list(cursor.fetchall())


def _around(asked: Asked, whole: Sequence[tuple[dt.date, dt.datetime, dt.datetime]]) -> list[Span]:
    """What is no whole day: everything, or what lies before and after the days."""
    edges = [(asked.since, asked.until)]
    if whole:
        edges = [(asked.since, whole[0][1]), (whole[-1][2], asked.until)]
    return [Span(tenant_id, begins, ends) for tenant_id in asked.tenant_ids for begins, ends in edges if begins < ends]


def _sql(
    asked: Asked, by: Sequence[str], parts: Sequence[str], source: Source, *, has_days: bool, has_steps: bool
) -> str:
    columns = [name for part in parts for name in ratings.COLUMNS[part]]
    sources = [_of_rows(part, columns, source) for part in parts]
    if has_days:
        bands = "d.band >= 0" if "band" in by else f"d.band = {ratings.ALL_LENGTHS}"
        sources.append(
            f"SELECT c.begins AS at, {_labels('d')}, d.band, {', '.join(f'd.{name}' for name in columns)} FROM gateway_ratingday AS d "  # noqa: S608
            f"JOIN {_CALENDAR} AS c (day, begins, ends) ON c.day = d.day WHERE d.tenant_id = ANY(%(tenants)s) AND d.zone = %(zone)s "
            f"AND d.day = ANY(%(days)s::date[]) AND {bands} AND NOT EXISTS (SELECT FROM unnest(%(stale_tenants)s::uuid[], "
            "%(stale_days)s::date[]) AS s (tenant_id, day) WHERE s.tenant_id = d.tenant_id AND s.day = d.day)"
        )
    wanted = [_condition(name) for name in asked.filters]
    keys = ["width_bucket(t.at, %(edges)s::timestamptz[])" if has_steps else "0", *(f"t.{name}" for name in by)]
    sums = [f"sum(t.{name})::bigint" if name in columns else "0" for name in ratings.ALL]
    return (
        f"WITH {source.table} SELECT {', '.join([*keys, *sums])} FROM ({' UNION ALL '.join(sources)}) AS t "  # noqa: S608
        f"{'WHERE ' + ' AND '.join(wanted) if wanted else ''} GROUP BY {', '.join(str(1 + place) for place in range(len(keys)))}"
    )


_CALENDAR = "unnest(%(days)s::date[], %(day_begins)s::timestamptz[], %(day_ends)s::timestamptz[])"
# Days that have changed since they were added up; or all of them, where their zone is the tenant's no more.
_STALE = (
    "SELECT DISTINCT n.tenant_id, c.day, c.begins, c.ends FROM gateway_ratingchange AS n "  # noqa: S608
    f"JOIN {_CALENDAR} AS c (day, begins, ends) ON n.at >= c.begins AND n.at < c.ends "
    "WHERE n.tenant_id = ANY(%(tenants)s) AND n.at >= %(begins)s AND n.at < %(ends)s "
    "UNION SELECT t.tenant_id, c.day, c.begins, c.ends "
    f"FROM unnest(%(tenants)s::uuid[]) AS t (tenant_id), {_CALENDAR} AS c (day, begins, ends) WHERE %(zone)s <> 'UTC' AND NOT EXISTS "
    "(SELECT FROM tenants_tenant AS known WHERE known.id = t.tenant_id AND known.timezone = %(zone)s)"
)


def _labels(alias: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in ratings.LABELS)


def _of_rows(part: str, columns: Sequence[str], source: Source) -> str:
    """One part's rows, with 0 in the columns of the others."""
    mine = ratings.COLUMNS[part]
    values = [f"r.{name}" if name in mine else f"0 AS {name}" for name in columns]
    return f"SELECT r.at, {_labels('r')}, r.band, {', '.join(values)} FROM ({source.rows(part)}) AS r"  # noqa: S608


def _whole_days(asked: Asked, edges: Sequence[dt.datetime]) -> list[tuple[dt.date, dt.datetime, dt.datetime]]:
    """The days that can be taken together, with their beginnings and ends; none where steps begin within days."""
    zone = asked.zone
    if zone is None or not asked.with_self:
        return []
    if any(edge != asked.since and days.midnight(edge.astimezone(zone).date(), zone) != edge for edge in edges):
        return []
    first, after = (at.astimezone(zone).date() for at in (asked.since, asked.until))
    if days.midnight(first, zone) < asked.since:
        first += _DAY
    dates = [first + _DAY * place for place in range((after - first).days)]
    return [(day, days.midnight(day, zone), days.midnight(day + _DAY, zone)) for day in dates]


def _condition(name: str) -> str:
    if name == "tag":  # an empty one: those that have none
        return "(t.tags && %(of_tag)s::varchar[] OR ('' = ANY(%(of_tag)s) AND t.tags = '{}'))"
    assert name in FILTERS
    return f"t.{name} = ANY(%(of_{name})s)"
