"""Panels as the template takes them: everything written, every link made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboards.metrics import Value
from dashboards.pages import words
from dashboards.pages.asked import Asked
from dashboards.pages.panels import Line, Panel, Problem, Table


@dataclass(frozen=True)
class Cell:
    """`percent`: how long its bar is, as SVG takes it; empty: it has none."""

    text: str
    exact: str = ""
    percent: str = ""


@dataclass(frozen=True)
class ShownLine:
    name: str
    href: str
    note: str
    tone: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Shown:
    """`kind`: "chart", "table" or "problem". `data` is for the charts' script."""

    kind: str
    panel: Panel
    csv: str = ""
    requests: str = ""
    is_empty: bool = False
    data_id: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    lines: tuple[ShownLine, ...] = ()


def shown(panel: Panel, asked: Asked, links: Mapping[str, str]) -> Shown:
    if isinstance(panel, Problem):
        return Shown("problem", panel)
    requests = links["requests"] + asked.query({"by": None, "live": None, "compare": None})
    if isinstance(panel, Table):
        lines = _lines(panel, asked, links)
        return Shown("table", panel, links["csv"], requests, panel.is_empty, lines=lines)
    data = {**panel.data(), "requests": requests, "page": links["page"] + asked.query()}
    return Shown("chart", panel, links["csv"], requests, panel.is_empty, f"data-{panel.key}", data)


def _lines(panel: Table, asked: Asked, links: Mapping[str, str]) -> tuple[ShownLine, ...]:
    values = [float(line.values[panel.bar] or 0) for line in panel.lines] if panel.bar is not None else []
    most = max(values, default=0)
    return tuple(_line(line, panel, most, asked, links) for line in panel.lines)


def _line(line: Line, panel: Table, most: float, asked: Asked, links: Mapping[str, str]) -> ShownLine:
    return ShownLine(
        line.name,
        _href(line, asked, links),
        line.note,
        line.tone,
        tuple(
            Cell(
                words.written(value, column.unit),
                words.exact(value, column.unit),
                _percent(value, most) if place == panel.bar else "",
            )
            for place, (value, column) in enumerate(zip(line.values, panel.columns, strict=True))
        ),
    )


def _href(line: Line, asked: Asked, links: Mapping[str, str]) -> str:
    """To its requests; of a tenant, to its dashboards."""
    if line.filters is None:
        return ""
    if "tenant" in line.filters:
        return links["tenant"] + asked.query({"by": None, **line.filters})
    return links["requests"] + asked.query({"by": None, "live": None, "compare": None, **line.filters})


def _percent(value: Value, most: float) -> str:
    return f"{100 * float(value or 0) / most:.1f}%" if most > 0 else "0%"
