"""What a page of dashboards is made of: tiles, charts and tables. Frozen results with the exact values; the template, the charts' script
and the CSV each write them in their own way.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from dashboards.metrics import Unit, Value

Shape = Literal["line", "area", "bars"]
OTHERS = -1  # the colour of what has no line of its own


@dataclass(frozen=True)
class Tile:
    """`tone`: "good", "warn" or none, of the change since the period before. `verdict`: beside a target."""

    label: str
    value: str
    exact: str = ""
    change: str = ""
    before: str = ""
    tone: str = ""
    verdict: str = ""
    verdict_tone: str = ""


@dataclass(frozen=True)
class Series:
    """One line of a chart: a value for each step, None where there is none.

    `filters` narrow the page's requests down to the line's own. `is_before`: of the period before, drawn dashed. `is_threshold`: what lies
    above it is what one wants to look at, as with percentiles. `low` and `high`: the interval that each value lies in, if it has one.
    """

    label: str
    values: tuple[Value, ...]
    colour: int = 0
    filters: Mapping[str, str] = field(default_factory=dict)
    is_before: bool = False
    is_threshold: bool = False
    low: tuple[Value, ...] = ()
    high: tuple[Value, ...] = ()

    @property
    def has_something(self) -> bool:
        """A share of 0 with an interval was measured; other zeros mean that nothing happened."""
        return any(value is not None if self.low else value for value in self.values)


@dataclass(frozen=True)
class Mark:
    """A level of the chart's values, or with `high` a band of them."""

    label: str
    low: float
    high: float | None = None
    tone: Literal["good", "warn", "plain"] = "plain"


@dataclass(frozen=True)
class Chart:
    """`edges`: when its steps begin; `is_days`: they are days (or weeks, months) of `zone`, and not moments. `is_fixed`: of a span of its
    own, so one neither zooms into it nor drills down from it."""

    key: str
    title: str
    unit: Unit
    edges: tuple[dt.datetime, ...]
    end: dt.datetime
    zone: str
    is_days: bool
    series: tuple[Series, ...]
    text: str = ""
    shape: Shape = "line"
    marks: tuple[Mark, ...] = ()
    notes: tuple[str, ...] = ()
    is_fixed: bool = False

    is_chart = True

    @property
    def is_stacked(self) -> bool:
        return self.shape != "line"

    @property
    def is_empty(self) -> bool:
        return not any(item.has_something for item in self.series if not item.is_before)

    def data(self) -> dict[str, Any]:
        """For the script: times in seconds, money as floats (a chart has no use for more digits)."""
        return {
            "key": self.key,
            "title": self.title,
            "unit": self.unit.value,
            "shape": self.shape,
            "edges": [int(edge.timestamp()) for edge in self.edges],
            "end": int(self.end.timestamp()),
            "zone": self.zone if self.is_days else "",
            "isFixed": self.is_fixed,
            "series": [
                {
                    "label": item.label,
                    "values": _floats(item.values),
                    "low": _floats(item.low),
                    "high": _floats(item.high),
                    "colour": item.colour,
                    "filters": dict(item.filters),
                    "isBefore": item.is_before,
                    "isThreshold": item.is_threshold,
                }
                for item in self.series
            ],
            "marks": [
                {"label": mark.label, "low": mark.low, "high": mark.high, "tone": mark.tone} for mark in self.marks
            ],
        }


def _floats(values: Sequence[Value]) -> list[float | None]:
    return [None if value is None else float(value) for value in values]


@dataclass(frozen=True)
class Column:
    label: str
    unit: Unit


@dataclass(frozen=True)
class Line:
    """`filters` lead to its requests; None: there is no leading there. `note`: a word beside the name, in a tone."""

    name: str
    values: tuple[Value, ...]
    filters: Mapping[str, str] | None = None
    note: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Table:
    """`bar`: the column whose values are also drawn as bars; None: none is."""

    key: str
    title: str
    names: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    text: str = ""
    bar: int | None = None
    notes: tuple[str, ...] = ()

    is_chart = False

    @property
    def is_empty(self) -> bool:
        return not self.lines


@dataclass(frozen=True)
class Problem:
    """In place of a panel that could not be answered: what to ask instead."""

    key: str
    title: str
    text: str


Panel = Chart | Table | Problem
