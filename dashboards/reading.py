"""Puts a question to the rollups, and to the raw log for what they don't have, in one statement of SQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from django.db import OperationalError, connections, transaction
from django.utils.translation import gettext as _

from billing import windows
from dashboards import figures, planning, standby
from dashboards.figures import Row
from dashboards.planning import Plan, Source, Span, Unanswerable
from dashboards.ranges import Range
from dashboards.shapes import SECONDS, TENANT, Level, Shape
from dashboards.statements import Statement
from dashboards.statements import Top as Top
from dashboards.statements import View as View

RAW_TIMEOUT_MS = 30_000


@dataclass(frozen=True)
class Answer:
    rows: tuple[Row, ...]
    source: Source


def ask(
    view: View,
    *,
    measures: Sequence[str] = (),
    kinds: Sequence[str] = (),
    by: tuple[str, ...] = (),
    by_steps: bool = False,
    top: Top | None = None,
    order: str = "",
    limit: int | None = None,
) -> Answer:
    """Add up `measures` and merge sketches of `kinds`, by the values of the dimensions `by` and by steps of the range.

    `order`: a measure; the groups that have most of it come first. Steps in which nothing happened have no row. Raises
    `planning.Unanswerable`.
    """
    plan = _plan(view, by, by_steps, has_sketches=bool(kinds))
    statement = Statement(view, plan, by, by_steps, top)
    summed = [f"sum({name}) AS {name}" for name in measures] + [f"string_agg({name}, '') AS {name}" for name in kinds]
    groups = statement.groups
    keys = ", ".join(["step", *groups])
    ordered = f" ORDER BY coalesce(sum({order}), 0) DESC, {keys}" if order else f" ORDER BY {keys}"
    columns = [*measures, *kinds]
    sql = (
        f"SELECT {', '.join([keys, *summed])} FROM ({statement.source(columns)}) AS found GROUP BY {keys}{ordered}"  # noqa: S608
        + (f" LIMIT {int(limit)}" if limit else "")
    )
    names, width = tuple(measures), len(groups) + 1
    rows = tuple(
        Row(
            step=row[0],
            group=tuple(row[1:width]),
            sums=figures.sums(names, row[width : width + len(names)]),
            sketches={kind: figures.sketch(kind, row[width + len(names) + at]) for at, kind in enumerate(kinds)},
        )
        for row in run(sql, statement.parameters, plan)
    )
    return Answer(rows, planning.source(plan))


@dataclass(frozen=True)
class Leader:
    """One of the values that cost most."""

    value: str
    requests: int
    cost_usd: Decimal


@dataclass(frozen=True)
class Distinct:
    """How many values of a dimension occurred, not counting none, and what their records cost; the dearest values first."""

    count: int
    cost_usd: Decimal
    leaders: tuple[Leader, ...]


def distinct(
    view: View, dimension: str, *, by_steps: bool = False, limit: int = 1
) -> tuple[dict[int, Distinct], Source]:
    """By step; exactly, and everything from one reading of the rows. `limit`: how many leaders."""
    plan = _plan(view, (dimension,), by_steps)
    statement = Statement(view, plan, (dimension, TENANT), by_steps, None)
    value, keys = statement.groups[0], ", ".join(statement.groups)
    within = "(PARTITION BY step)"
    sql = (
        f"SELECT step, {value}, requests, cost_usd, count, total FROM (SELECT step, {value}, requests, cost_usd, "  # noqa: S608
        f"count(*) OVER {within} AS count, sum(cost_usd) OVER {within} AS total, "
        f"row_number() OVER (PARTITION BY step ORDER BY cost_usd DESC NULLS LAST, {value}) AS place "
        f"FROM (SELECT step, {keys}, sum(requests) AS requests, sum(cost_usd) AS cost_usd "
        f"FROM ({statement.source(['requests', 'cost_usd'])}) AS found WHERE {value} <> '' GROUP BY step, {keys}) AS counted) AS ranked "
        f"WHERE place <= {max(1, limit)} ORDER BY step, place"
    )
    by_step: dict[int, Distinct] = {}
    for step, name, requests, cost, count, total in run(sql, statement.parameters, plan):
        before = by_step[step].leaders if step in by_step else ()
        leader = Leader(name, int(requests or 0), cost or Decimal(0))
        by_step[step] = Distinct(count, total or Decimal(0), (*before, leader))
    return by_step, planning.source(plan)


@dataclass(frozen=True)
class Each:
    """One value of a dimension, and what its records come to; of a tenant, as others may have values of the same name."""

    tenant_id: UUID
    value: str
    requests: int
    cost_usd: Decimal


def each(view: View, dimension: str) -> tuple[list[Each], Source]:
    """All values that occurred, but none, in no order. Raises `planning.Unanswerable`."""
    plan = _plan(view, (dimension,), by_steps=False)
    statement = Statement(view, plan, (TENANT, dimension), False, None)
    tenant, value = statement.groups
    sql = (
        f"SELECT {tenant}, {value}, sum(requests), sum(cost_usd) FROM ({statement.source(['requests', 'cost_usd'])}) AS found "  # noqa: S608
        f"WHERE {value} <> '' GROUP BY 1, 2"
    )
    rows = run(sql, statement.parameters, plan)
    return [
        Each(UUID(tenant_id), name, int(requests or 0), cost or Decimal(0)) for tenant_id, name, requests, cost in rows
    ], planning.source(plan)


def series(view: View, shape: Shape) -> list[int]:
    """The shape's series that the view is narrowed down to."""
    statement = Statement(view, Plan(shape, (), ()), (), False, None)
    return [row[0] for row in run(statement.series(shape), statement.parameters, statement.plan)]


def occupied(view: View) -> list[Span]:
    """Spans of time, oldest first, outside of which no record has what the view is narrowed down to: its days, quarters and minutes that
    have some, and what only the log itself can tell. Raises `planning.Unanswerable`."""
    plan = _plan(view, (), by_steps=False)
    spans = list(plan.raw)
    for part in plan.parts:
        statement = Statement(view, Plan(plan.shape, (part,), ()), (), False, None)
        rows = run(f"SELECT DISTINCT bucket FROM ({statement.source(['bucket'])}) AS found", statement.parameters, plan)  # noqa: S608
        spans += [_extent(row[0], part.level, view.range) for row in rows]
    return joined(sorted(spans))


def _extent(bucket: dt.datetime, level: Level, span: Range) -> Span:
    """When a bucket begins and ends."""
    if level in SECONDS:
        return bucket, bucket + dt.timedelta(seconds=SECONDS[level])
    day = bucket.date()
    begin, end = (
        dt.datetime.fromtimestamp(windows.midnight(item, span.zone), dt.UTC)
        for item in (day, day + dt.timedelta(days=1))
    )
    return begin, end


def joined(spans: list[Span]) -> list[Span]:
    """Sorted spans, those that meet as one."""
    found: list[Span] = []
    for start, end in spans:
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def _plan(view: View, by: tuple[str, ...], by_steps: bool, *, has_sketches: bool = False) -> Plan:
    values = view.filters.values
    is_single = len(values.get("tag", ())) <= 1 or "tag" in by
    return planning.plan(
        view.scope, view.range, {*by, *values}, by_steps=by_steps, has_sketches=has_sketches, is_single=is_single
    )


def run(sql: str, parameters: dict[str, Any], plan: Plan) -> list[Any]:
    """The rows; what reads much of the raw log is given up after a while, with `planning.Unanswerable`."""

    def ask(alias: str) -> list[Any]:
        with transaction.atomic(alias, savepoint=bool(plan.raw)), connections[alias].cursor() as cursor:
            cursor.execute("SET LOCAL jit = off")
            if plan.raw:
                cursor.execute(f"SET LOCAL statement_timeout = {RAW_TIMEOUT_MS}")
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())

    try:
        return standby.read(ask)
    except OperationalError as error:
        if plan.raw and isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise Unanswerable(
                _("Reading the request log took too long. Choose a shorter range, or fewer filters.")
            ) from error
        raise
