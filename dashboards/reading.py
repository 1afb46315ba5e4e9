"""Puts a question to the rollups, and to the raw log for what they don't have, in one statement of SQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import psycopg
from django.db import OperationalError, connections, transaction
from django.utils.translation import gettext as _

from billing import windows
from dashboards import facts, figures, planning, sketches, standby
from dashboards.figures import Row
from dashboards.filters import STATUS_CLASS, Filters
from dashboards.planning import Part, Plan, Source, Span, Unanswerable
from dashboards.ranges import Range
from dashboards.scopes import Scope
from dashboards.shapes import SECONDS, TENANT, Level, Shape

RAW_TIMEOUT_MS = 30_000
_MERGED = dict.fromkeys(sketches.NAMES, "string_agg({}, '')")


@dataclass(frozen=True)
class View:
    """What a page looks at."""

    scope: Scope
    range: Range
    filters: Filters = field(default_factory=Filters)


@dataclass(frozen=True)
class Top:
    """Which values of the dimension that is asked by stand for themselves; all others are one group, None."""

    values: tuple[str, ...]


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
    statement = _Statement(view, plan, by, by_steps, top)
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
    statement = _Statement(view, plan, (dimension, TENANT), by_steps, None)
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


def occupied(view: View) -> list[Span]:
    """Spans of time, oldest first, outside of which no record has what the view is narrowed down to: its days, quarters and minutes that
    have some, and what only the log itself can tell. Raises `planning.Unanswerable`."""
    plan = _plan(view, (), by_steps=False)
    spans = list(plan.raw)
    for part in plan.parts:
        statement = _Statement(view, Plan(plan.shape, (part,), ()), (), False, None)
        rows = run(f"SELECT DISTINCT bucket FROM ({statement.source(['bucket'])}) AS found", statement.parameters, plan)  # noqa: S608
        spans += [_extent(row[0], part.level, view.range) for row in rows]
    return _joined(sorted(spans))


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


def _joined(spans: list[Span]) -> list[Span]:
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


class _Statement:
    """The parts of a question's SQL, and its parameters."""

    def __init__(self, view: View, plan: Plan, by: tuple[str, ...], by_steps: bool, top: Top | None) -> None:
        self.view, self.plan, self.by, self.by_steps, self.top = view, plan, by, by_steps, top
        self.parameters: dict[str, Any] = {"tenants": list(view.scope.tenant_ids)}
        self.groups = [f"by_{name}" for name in by]

    def source(self, columns: Sequence[str]) -> str:
        """SQL: step, groups and columns, of everything that belongs to the answer. Without parts, nothing."""
        selects = [self._of_part(part, columns) for part in self.plan.parts]
        selects += [self._of_raw(span, columns) for span in self.plan.raw]
        return " UNION ALL ".join(selects)

    def _of_part(self, part: Part, columns: Sequence[str]) -> str:
        """Added up by series first, which are numbers; what these stand for is looked up for what comes out."""
        shape = self.plan.shape
        assert shape is not None
        within = " OR ".join(
            f"(c.bucket >= {self._put(start)} AND c.bucket < {self._put(end)})" for start, end in part.spans
        )
        where = [f"c.level = {int(part.level)}", self._tenants("c"), f"c.shape = {shape.code}", f"({within})"]
        narrowed = [
            self._condition(name, values, _label(shape, name)) for name, values in self.view.filters.values.items()
        ]
        if narrowed:
            # "+ 0" keeps PostgreSQL from looking up each series in each bucket: it cannot know how many series there are of a label,
            # thinks few, and would search the index a hundred thousand times instead of reading the range once.
            series = [self._tenants("s"), f"s.shape = {shape.code}", *narrowed]
            where.append(f"c.series_id + 0 IN (SELECT s.id FROM dashboards_series AS s WHERE {' AND '.join(series)})")  # noqa: S608
        step = self._step("c.bucket", part.level)
        if not self.by:
            return f"SELECT {', '.join([step, *(f'c.{name}' for name in columns)])} FROM dashboards_cell AS c WHERE {' AND '.join(where)}"  # noqa: S608
        groups = [self._group(name, lambda name: _label(shape, name), "s.tenant_id") for name in self.by]
        merged = [f"{_MERGED.get(name, 'sum({})').format(f'c.{name}')} AS {name}" for name in columns]
        return (
            f"SELECT {', '.join(['c.step', *groups, *(f'c.{name}' for name in columns)])} FROM "  # noqa: S608
            f"(SELECT {', '.join([step, 'c.series_id', *merged])} FROM dashboards_cell AS c "
            f"WHERE {' AND '.join(where)} GROUP BY 1, 2) AS c JOIN dashboards_series AS s ON s.id = c.series_id"
        )

    def _of_raw(self, span: Span, columns: Sequence[str]) -> str:
        since, until = (self._put(at) for at in span)
        source = (
            facts.select(facts.log(self._tenants("l")), columns).replace("%(since)s", since).replace("%(until)s", until)
        )
        is_by_tag = "tag" in self.by
        values = self.view.filters.values
        conditions = [
            self._condition(name, found, _column(name)) for name, found in values.items() if name != "tag" or is_by_tag
        ]
        if "tag" in values and not is_by_tag:
            conditions.append(f"f.tags && {self._put(values['tag'])}::varchar[]")
        groups = [self._group(name, _column, "f.tenant_id") for name in self.by]
        tags = " CROSS JOIN LATERAL (SELECT DISTINCT unnest(f.tags) AS tag) AS t" if is_by_tag else ""
        found = [
            f"{sketches.entry_sql(f'f.{name}')} AS {name}" if name in sketches.NAMES else f"f.{name}"
            for name in columns
        ]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"SELECT {', '.join([self._step('f.accepted_at', None), *groups, *found])} FROM ({source}) AS f{tags}{where}"  # noqa: S608

    def _put(self, value: Any) -> str:
        """A parameter's place in the SQL."""
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"%({name})s"

    def _tenants(self, alias: str) -> str:
        ids = self.view.scope.tenant_ids
        return f"{alias}.tenant_id = {self._put(ids[0])}" if len(ids) == 1 else f"{alias}.tenant_id = ANY(%(tenants)s)"

    def _step(self, at: str, level: Level | None) -> str:
        """SQL: which step of the range a time is in, from 1 on. Days have their dates for edges."""
        if not self.by_steps:
            return "0 AS step"
        edges: Iterable[dt.datetime] = self.view.range.edges
        if level in (Level.DAY, Level.UTC_DAY):
            zone = self.view.range.zone
            edges = [dt.datetime.combine(edge.astimezone(zone).date(), dt.time(), dt.UTC) for edge in edges]
        return f"greatest(width_bucket({at}, {self._put(list(edges))}::timestamptz[]), 1) AS step"

    def _group(self, name: str, column: Callable[[str], str], tenant: str) -> str:
        value = f"{tenant}::text" if name == TENANT else column(name)
        if self.top is not None and name == self.by[0]:
            value = f"CASE WHEN {value} = ANY({self._put(list(self.top.values))}) THEN {value} END"
        return f"{value} AS by_{name}"

    def _condition(self, name: str, values: list[str], column: str) -> str:
        exact = [value for value in values if name != "status" or not STATUS_CLASS.match(value)]
        found = [f"{column} = ANY({self._put(exact)})"] if exact else []
        if len(exact) < len(values):
            classes = [f"{value[0]}%" for value in values if value not in exact]
            found.append(f"{column} LIKE ANY({self._put(classes)})")
        return f"({' OR '.join(found)})"


def _label(shape: Shape, name: str) -> str:
    """SQL: a dimension's value in a series of the shape."""
    return f"s.labels[{shape.dimensions.index(name) + 1}]"


def _column(name: str) -> str:
    """SQL: a dimension's value of a fact."""
    return "t.tag" if name == "tag" else f"f.{name}"
