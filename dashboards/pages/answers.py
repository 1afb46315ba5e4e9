"""The answers of one page, each question put once: tiles, charts and tables that show the same share it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from dashboards import metrics, people
from dashboards.metrics import METRICS, Value
from dashboards.pages import words
from dashboards.pages.asked import NONE, Asked
from dashboards.pages.names import names_of
from dashboards.pages.panels import OTHERS, Chart, Column, Line, Mark, Series, Shape, Table
from dashboards.people import People
from dashboards.reading import View
from tenants.models import Tenant

T = TypeVar("T")
COLOURS, MOST_LINES = 8, 25


@dataclass
class Answers:
    """`names`: the metrics that the page shows over time, asked together. `tenant` None: the page is about all of them."""

    asked: Asked
    tenant: Tenant | None
    names: tuple[str, ...]
    _remembered: dict[str, Any] = field(default_factory=dict)

    def remembered(self, name: str, make: Callable[[], T]) -> T:
        """What `make` makes, once for the page: for tabs that ask something of their own. What it raises, it raises each time."""
        if name not in self._remembered:
            self._remembered[name] = make()
        found: T = self._remembered[name]
        return found

    @property
    def view(self) -> View:
        return self.asked.view

    @cached_property
    def _chart(self) -> metrics.Chart:
        return metrics.chart(self.view, self.names)

    @property
    def whole(self) -> Mapping[str, Value]:
        return self._chart.lines[0].whole

    @cached_property
    def _before(self) -> metrics.Line | None:
        if not self.asked.is_compared:
            return None
        return metrics.chart(replace(self.view, range=self.view.range.previous()), self.names).lines[0]

    @property
    def before(self) -> Mapping[str, Value] | None:
        return self._before.whole if self._before is not None else None

    @cached_property
    def people(self) -> People | None:
        """Each end user of the view, as far as that is packed."""
        return people.read(self.view)

    def _known(self, dimension: str) -> People | None:
        return self.people if dimension == people.DIMENSION else None

    def over_time(
        self,
        key: str,
        title: str,
        names: Sequence[str],
        *,
        shape: Shape = "line",
        text: str = "",
        marks: tuple[Mark, ...] = (),
        filters: Mapping[str, Mapping[str, str]] | None = None,
        labels: Mapping[str, Any] | None = None,
        thresholds: Iterable[str] = (),
    ) -> Chart:
        """Some of the page's metrics by steps; beside them those of the period before, which of stacked ones is their sum."""
        line, source = self._chart.lines[0], self._chart.source
        said = {name: str((labels or {}).get(name) or words.metric(name)) for name in names}
        series = [
            Series(
                said[name],
                line.steps[name],
                colour=place,
                filters=(filters or {}).get(name, {}),
                is_threshold=name in thresholds,
            )
            for place, name in enumerate(names)
        ]
        return self._made(
            key, title, METRICS[names[0]].unit, [*series, *self._earlier(names, said, is_stacked=shape != "line")],
            shape=shape, text=text, marks=marks, notes=source.notes,
        )  # fmt: skip

    def by_group(
        self,
        key: str,
        title: str,
        name: str,
        dimension: str,
        *,
        order: str = "requests",
        shape: Shape = "line",
        text: str = "",
        is_threshold: bool = False,
        top: int = COLOURS - 1,
    ) -> Chart:
        """One metric by steps and by the values of a dimension that have most of `order`, all others as one."""
        found = metrics.chart(self.view, [name], by=dimension, order=order, top=top, known=self._known(dimension))
        lines = [
            line for line in found.lines if any(line.steps[name] if line.name is None else _known(line.steps[name]))
        ]
        names = names_of(dimension, [line.name for line in lines])
        series = [
            Series(
                words.value_name(dimension, line.name, names),
                line.steps[name],
                colour=OTHERS if line.name is None else place,
                filters={} if line.name is None else {dimension: line.name or NONE},
                is_threshold=is_threshold,
            )
            for place, line in enumerate(lines)
        ]
        return self._made(key, title, METRICS[name].unit, series, shape=shape, text=text, notes=found.source.notes)

    def table(
        self,
        key: str,
        title: str,
        dimension: str,
        names: Sequence[str],
        *,
        order: str = "requests",
        text: str = "",
        bar: str = "",
        limit: int = MOST_LINES,
        labels: Mapping[str, Any] | None = None,
    ) -> Table:
        """Metrics by the values of a dimension, each of which leads to its requests."""
        found = metrics.table(self.view, dimension, names, order=order, limit=limit + 1, known=self._known(dimension))
        if len(found.lines) > limit:
            more = _("The first %(count)s, by %(metric)s.") % {"count": limit, "metric": words.metric(order).lower()}
            text = f"{text} {more}".strip()
        called = names_of(dimension, [line.name for line in found.lines])
        lines = tuple(
            Line(
                words.value_name(dimension, line.name, called),
                tuple(line.whole[name] for name in names),
                {dimension: line.name or NONE},
            )
            for line in found.lines[:limit]
        )
        columns = tuple(
            Column(str((labels or {}).get(name) or words.metric(name)), METRICS[name].unit) for name in names
        )
        return Table(
            key, title, str(words.DIMENSION_NAMES[dimension]), columns, lines, text,
            bar=names.index(bar) if bar else None, notes=found.source.notes,
        )  # fmt: skip

    def _earlier(self, names: Sequence[str], said: Mapping[str, str], *, is_stacked: bool) -> list[Series]:
        if self._before is None:
            return []
        count = len(self.view.range.edges)

        def fitted(values: Sequence[Value]) -> tuple[Value, ...]:
            """Step by step beside this period's; a day of daylight saving has one more or less."""
            return (*values, *[None] * count)[:count]

        steps = self._before.steps
        if is_stacked:
            sums = tuple(sum(value or 0 for value in at) for at in zip(*(steps[name] for name in names), strict=True))
            return [Series(_("Period before, in all"), fitted(sums), OTHERS, is_before=True)]
        return [
            Series(_("%(name)s, before") % {"name": said[name]}, fitted(steps[name]), place, is_before=True)
            for place, name in enumerate(names)
        ]

    def _made(self, key: str, title: str, unit: metrics.Unit, series: Sequence[Series], **options: Any) -> Chart:
        span = self.view.range
        return Chart(
            key, title, unit, span.edges, min(span.end, span.now),
            span.zone.key, span.step.is_whole_days, tuple(series), **options,
        )  # fmt: skip


def _known(values: Iterable[Value]) -> Iterable[bool]:
    return (value is not None for value in values)
