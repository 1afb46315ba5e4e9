"""The SQL of a question: what it reads from each part of its plan, rollups and log, put together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboards import facts, sketches
from dashboards.filters import STATUS_CLASS, Filters
from dashboards.planning import Part, Plan, Span
from dashboards.ranges import Range
from dashboards.scopes import Scope
from dashboards.shapes import TENANT, Level, Shape

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


class Statement:
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
        if "end_user" in self.view.filters.values:  # few series of many: an index of their own leads to them
            where.append(f"c.series_id = ANY(ARRAY({self.series(shape)}))")
        elif self.view.filters.values:
            # "+ 0" keeps PostgreSQL from looking up each series in each bucket: it cannot know how many series there are of a label,
            # thinks few, and would search the index a hundred thousand times instead of reading the range once.
            where.append(f"c.series_id + 0 IN ({self.series(shape)})")
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

    def series(self, shape: Shape) -> str:
        """SQL: the numbers of the shape's series that the view is narrowed down to."""
        values = self.view.filters.values
        where = [self._tenants("s"), f"s.shape = {shape.code}"]
        where += [self._condition(name, wanted, _label(shape, name)) for name, wanted in values.items()]
        return f"SELECT s.id FROM dashboards_series AS s WHERE {' AND '.join(where)}"  # noqa: S608

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
