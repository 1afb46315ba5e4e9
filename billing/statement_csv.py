"""A statement as a table for spreadsheets.

UTF-8 with a byte order mark, which Excel needs to read names that are not ASCII. A name that a spreadsheet would take for a formula gets an
apostrophe in front, also after a semicolon or the like within it, at which some spreadsheets begin a cell. Numbers are plain numbers, with
every digit of the cost.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from decimal import Decimal
from typing import Any

from asgiref.sync import sync_to_async
from django.utils.translation import gettext as _

from billing import statements
from billing.statements import Dimension, Figures, Line, Section, Statement
from tenants import tenancy

COLUMNS = ("section", "name", "requests", "input_tokens", "cache_read_tokens", "output_tokens", "cost_usd")
BYTE_ORDER_MARK = "\ufeff"
_FORMULA = re.compile("(^|[;\t\r\n])(?=[-=+@\t\r\n＝＋－＠])")


def safe(text: str) -> str:
    """A cell that no spreadsheet computes."""
    return _FORMULA.sub(r"\1'", text)


def chunks(made: Statement) -> Iterator[bytes]:
    """The table, piece by piece: the head, then batch after batch of end users, read as they are asked for."""
    yield _encode([COLUMNS, *_head(made)], mark=BYTE_ORDER_MARK)
    for batch in statements.end_users(made):
        yield _encode(_row(Dimension.END_USER, line.name, line.figures) for line in batch)
    yield _encode(_tail(made))


async def stream(made: Statement) -> AsyncIterator[bytes]:
    """The same for an asynchronous server, which would gather a plain iterator into a list.

    It outlives its request, and with it the tenancy, so each piece enters the tenant by itself.
    """
    pieces = chunks(made)

    def take() -> bytes | None:
        with tenancy.entered(made.tenant.pk):
            return next(pieces, None)

    while (piece := await sync_to_async(take)()) is not None:
        yield piece


def _head(made: Statement) -> Iterator[tuple[Any, ...]]:
    so_far = _(" (so far)") if made.is_so_far else ""
    yield _row("total", f"{made.tenant.name}, {made.first_day:%Y-%m}{so_far}", made.total)
    for plan in made.plans:
        name = f"{plan.name} ({plan.first_day} – {plan.last_day})"
        yield ("plan", safe(name), "", "", "", "", _decimal(plan.price_usd_per_month))
    for section in made.sections:
        if section.dimension != Dimension.END_USER:
            yield from _lines(section.dimension, section.lines)
            yield from _rest(section)


def _tail(made: Statement) -> Iterator[tuple[Any, ...]]:
    for section in made.sections:
        if section.dimension == Dimension.END_USER:
            yield from _rest(section)
    for problem in made.problems:
        yield ("warning", safe(problem), "", "", "", "", "")


def _lines(section: str, lines: Iterable[Line]) -> Iterator[tuple[Any, ...]]:
    for line in lines:
        yield _row(section, line.name, line.figures)


def _rest(section: Section) -> Iterator[tuple[Any, ...]]:
    if section.has_rest:
        yield _row(section.dimension, _("(none)"), section.rest)


def _row(section: str, name: str, figures: Figures) -> tuple[Any, ...]:
    *counts, cost_usd = figures.values()
    return (str(section), safe(name), *counts, _decimal(cost_usd))


def _decimal(amount: Decimal) -> str:
    return f"{amount:f}"


def _encode(rows: Iterable[Iterable[Any]], *, mark: str = "") -> bytes:
    table = io.StringIO(mark)
    table.seek(0, io.SEEK_END)
    csv.writer(table).writerows(rows)
    return table.getvalue().encode()
