"""A panel's data as a table for spreadsheets: plain numbers with every digit, times with their offset.

As a statement's (see `billing.statement_csv`): UTF-8 with a byte order mark, and no cell that a spreadsheet would take for a formula.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from zoneinfo import ZoneInfo

from billing.statement_csv import BYTE_ORDER_MARK, safe
from dashboards.metrics import Value
from dashboards.pages import words
from dashboards.pages.panels import Chart, Panel, Series, Table


def encoded(panel: Panel) -> bytes:
    table = io.StringIO(BYTE_ORDER_MARK)
    table.seek(0, io.SEEK_END)
    csv.writer(table).writerows(rows(panel))
    return table.getvalue().encode()


def rows(panel: Panel) -> Iterator[Sequence[str]]:
    """The head, then a row for each step of a chart, or each line of a table."""
    if isinstance(panel, Chart):
        return _chart(panel)
    if isinstance(panel, Table):
        return _table(panel)
    return iter([[safe(panel.text)]])


def _chart(panel: Chart) -> Iterator[Sequence[str]]:
    zone = ZoneInfo(panel.zone)
    columns = [column for item in panel.series for column in _columns(item)]
    yield ["time", *_safe(f"{label} ({panel.unit.value})" for label, _values in columns)]
    for place, edge in enumerate(panel.edges):
        yield [edge.astimezone(zone).isoformat(), *(words.plain(values[place]) for _label, values in columns)]


def _columns(item: Series) -> Iterator[tuple[str, Sequence[Value]]]:
    """A line's values, and the interval that they lie in, if it has one."""
    yield item.label, item.values
    if item.low:
        yield f"{item.label}, from", item.low
        yield f"{item.label}, to", item.high


def _table(panel: Table) -> Iterator[Sequence[str]]:
    yield _safe([panel.names, *(f"{column.label} ({column.unit.value})" for column in panel.columns)])
    for line in panel.lines:
        yield [safe(line.name), *(words.plain(value) for value in line.values)]


def _safe(texts: Iterable[str]) -> list[str]:
    return [safe(text) for text in texts]
