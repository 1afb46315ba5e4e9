"""A statement as its page shows it: tables of rows whose numbers are written out."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.statements import Dimension, Figures, Section, Statement

CENTS = 2
TITLES = {
    Dimension.MODEL: gettext_lazy("By model"),
    Dimension.TASK: gettext_lazy("By task"),
    Dimension.KEY: gettext_lazy("By API key"),
    Dimension.END_USER: gettext_lazy("By end user"),
}
NOBODY = {
    Dimension.MODEL: gettext_lazy("attempts that no model answered"),
    Dimension.TASK: gettext_lazy("requests without a task"),
    Dimension.KEY: gettext_lazy("requests without a key"),
    Dimension.END_USER: gettext_lazy("requests without an end user"),
}


@dataclass(frozen=True)
class Money:
    """An amount with every digit, those behind the cents apart: they are shown paler."""

    cents: str
    rest: str


@dataclass(frozen=True)
class Row:
    """`remark` set: the row is no subject's own."""

    name: str
    remark: Any
    requests: str
    input_tokens: str
    cache_read_tokens: str
    output_tokens: str
    cost: Money


@dataclass(frozen=True)
class Table:
    title: Any
    rows: list[Row]
    dimension: str


@dataclass(frozen=True)
class PlanRow:
    name: str
    span: str
    price: str


def context(made: Statement) -> dict[str, Any]:
    """What the template shows."""
    decimals = _decimals(made)
    return {
        "tenant": made.tenant,
        "month": made.first_day,
        "is_so_far": made.is_so_far,
        "span": _span(made.first_day, made.last_day),
        "made_at": formats.date_format(made.made_at.astimezone(made.zone), "DATETIME_FORMAT"),
        "total": _row("", "", made.total, decimals),
        "tables": [_table(section, decimals) for section in made.sections],
        "plans": [
            PlanRow(plan.name, _span(plan.first_day, plan.last_day), f"${plan.price_usd_per_month:,.2f}")
            for plan in made.plans
        ],
        "problems": made.problems,
    }


def _table(section: Section, decimals: int) -> Table:
    dimension = Dimension(section.dimension)
    rows = [_row(line.name, "", line.figures, decimals) for line in section.lines]
    if section.more:
        name = _("%(count)s more") % {"count": f"{section.more:,}"}
        rows.append(_row(name, _("all of them are in the CSV"), section.more_figures, decimals))
    if section.has_rest:
        rows.append(_row(_("(none)"), NOBODY[dimension], section.rest, decimals))
    return Table(TITLES[dimension], rows, section.dimension)


def _row(name: str, remark: Any, figures: Figures, decimals: int) -> Row:
    return Row(
        name=name,
        remark=remark,
        requests=f"{figures.requests:,}",
        input_tokens=f"{figures.input_tokens:,}",
        cache_read_tokens=f"{figures.cache_read_tokens:,}",
        output_tokens=f"{figures.output_tokens:,}",
        cost=_money(figures.cost_usd, decimals),
    )


def _decimals(made: Statement) -> int:
    """As many as the finest cost on the page has, so that the points stand below each other."""
    costs = [made.total.cost_usd]
    for section in made.sections:
        costs += [line.figures.cost_usd for line in section.lines]
        costs += [section.more_figures.cost_usd, section.rest.cost_usd]
    return max(CENTS, *(-int(cost.normalize().as_tuple().exponent) for cost in costs))


def _money(amount: Decimal, decimals: int) -> Money:
    written = f"{abs(amount):,.{decimals}f}"
    end = len(written) - (decimals - CENTS)
    return Money(("−$" if amount < 0 else "$") + written[:end], written[end:])


def _span(first: dt.date, last: dt.date) -> str:
    return f"{formats.date_format(first, 'DATE_FORMAT')} – {formats.date_format(last, 'DATE_FORMAT')}"
