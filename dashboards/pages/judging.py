"""What the tab Quality says of the judges themselves: whether they like long answers for their length, and what they cost."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from billing import windows
from dashboards import metrics, quality, ranges
from dashboards.filters import Filters
from dashboards.metrics import Unit, Value
from dashboards.pages.answers import Answers
from dashboards.pages.panels import Column, Line, Table
from dashboards.ranges import Range
from dashboards.reading import View
from gateway import judge_policies
from gateway.judging.ratings import BANDS
from gateway.quality import judge, lengths
from gateway.quality.agreement import Estimate
from gateway.quality.figures import Scores


def by_length(answers: Answers) -> Table:
    found = quality.by_length(answers.view)
    lines = tuple(Line(_band(band), _length_values(one)) for band, one in sorted(found.items()))
    columns = (
        Column(_("Scores"), Unit.COUNT),
        Column(_("Mean score"), Unit.SCORE), Column(_("from"), Unit.SCORE), Column(_("to"), Unit.SCORE),
        Column(_("Good, by judges"), Unit.SHARE),
        Column(_("With votes"), Unit.COUNT),
        Column(_("Judge above people"), Unit.SHARE), Column(_("from"), Unit.SHARE), Column(_("to"), Unit.SHARE),
    )  # fmt: skip
    notes = (
        _(
            "Longer answers may be better, so scores alone show no bias. Where the last columns rise with the length, judges like "
            "length more than people do: say in the rubric what is too long, or choose another judge."
        ),
    )
    return Table(
        "lengths", _("Do judges like long answers?"), _("Characters"), columns, lines, _slope(found), notes=notes
    )


def _slope(found: dict[int, Scores]) -> str:
    slope = lengths.slope(found)
    if slope is None:
        return _("There are too few scores to tell.")
    told = {name: _points(getattr(slope, name)) for name in ("value", "low", "high")}
    text = (
        _("With each doubling of an answer's length, scores change by %(value)s points of 5 (%(low)s to %(high)s).")
        % told
    )
    if slope.low <= 0 <= slope.high:
        text += " " + _("That may be chance.")
    return text


def _points(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−") if round(value, 2) else "0.00"


def _length_values(one: Scores) -> tuple[Value, ...]:
    mean = lengths.mean(one)
    good = one.counts.good / one.judged if one.judged else None
    above = lengths.above_people(one.counts.both)
    return (one.judged, *_three(mean), good, one.counts.both.total, *_three(above))


def _three(found: Estimate | None) -> tuple[Value, ...]:
    return tuple(found) if found is not None else (None, None, None)


def _band(band: int) -> str:
    if band == 0:
        return _("under %(characters)s") % {"characters": f"{BANDS[0]:,}"}
    if band == len(BANDS):
        return _("%(characters)s and more") % {"characters": f"{BANDS[-1]:,}"}
    return f"{BANDS[band - 1]:,} – {BANDS[band] - 1:,}"


def spending(answers: Answers) -> Table | None:
    """Of one tenant: what its judges cost beside what they may, and in the page's range."""
    tenant = answers.tenant
    if tenant is None:
        return None
    budget = judge_policies.budget(tenant)
    view = answers.view
    day, month, here = (_cost(replace(view, range=span)) for span in (*_so_far(view.range), view.range))
    lines = [
        _budget_line(_("Today"), day, budget.usd_per_day),
        _budget_line(_("This month"), month, budget.usd_per_month),
    ]
    lines.append(Line(_("In the range above"), (here, None, None)))
    columns = (Column(_("Spent"), Unit.USD), Column(_("Budget"), Unit.USD), Column(_("Used"), Unit.SHARE))
    text = _(
        "Of all tasks together, by the days of %(zone)s. Once a budget is spent, nothing is judged until it begins anew."
    )
    told = text % {"zone": tenant.timezone}
    return Table("judges-cost", _("What judging costs"), _("When"), columns, tuple(lines), told)


def _budget_line(name: str, spent: Decimal, budget: Decimal) -> Line:
    used = float(spent / budget) if budget else None
    is_spent = spent >= budget > 0
    return Line(name, (spent, budget, used), note=_("spent") if is_spent else "", tone="warn" if is_spent else "")


def _so_far(span: Range) -> tuple[Range, Range]:
    """Today, and this month, whatever the page's range."""
    month = ranges.preset(ranges.MONTH_TO_DATE, span.now, span.zone)
    today = span.now.astimezone(span.zone).date()
    return replace(month, start=dt.datetime.fromtimestamp(windows.midnight(today, span.zone), dt.UTC)), month


def _cost(view: View) -> Decimal:
    values: Any = metrics.totals(replace(view, filters=Filters(tag=(judge.TAG,))), ["cost_usd"])[0]
    found: Decimal = values["cost_usd"]
    return found
