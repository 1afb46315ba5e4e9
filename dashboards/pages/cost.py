"""The tab Cost: what requests cost, who and what for, what was saved, and what the month will come to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import windows
from dashboards import forecast, savings, users
from dashboards.metrics import Unit, Value
from dashboards.pages import words
from dashboards.pages.answers import Answers
from dashboards.pages.panels import Chart, Column, Line, Mark, Series, Table, Tile
from dashboards.pages.tabs import Tab

PER_REQUEST = ("cost_per_request", "cost_p50", "cost_p95")
SAVED = ("saved_exact_usd", "saved_semantic_usd", "saved_prefix_usd", "saved_cascade_usd")
_DAY = dt.timedelta(days=1)


def _grouped(answers: Answers) -> Chart:
    by = TAB.by(answers)
    title = _("Cost by %(dimension)s") % {"dimension": _lower(by)}
    if by == "tag":  # on top of each other, what has several tags would count several times
        text = _("A request with several tags counts for each of them.")
        return answers.by_group("cost", title, "cost_usd", by, order="cost_usd", text=text)
    return answers.by_group("cost", title, "cost_usd", by, order="cost_usd", shape="bars")


def _per_request(answers: Answers) -> Chart:
    text = _("All of a request's calls, those that failed too. The mean is of all requests, refused ones as well.")
    labels = {"cost_per_request": _("mean"), "cost_p50": _("median"), "cost_p95": _("p95")}
    return answers.over_time("per-request", _("Cost per request"), PER_REQUEST, text=text, labels=labels)


def _saved(answers: Answers) -> Chart:
    names = tuple(name for name in SAVED if answers.whole[name]) or ("saved_prefix_usd",)
    return answers.over_time("saved", _("Saved"), names, shape="bars", text=_("What caches and the cascade saved."))


def _layers(answers: Answers) -> Table:
    found = savings.savings(answers.view)
    lines = []
    for item in found.layers:
        note = _("estimate") if item.is_estimate else ""
        if item.usd is None:
            note = _("not recorded")
        lines.append(Line(str(words.LAYER_NAMES[item.layer]), (item.usd, item.tokens or None), note=note))
    columns = (Column(_("Saved"), Unit.USD), Column(_("Tokens left out"), Unit.TOKENS))
    text = _("What context policies left out is valued at today's input price.")
    return Table("layers", _("Saved by layer"), _("Layer"), columns, tuple(lines), text, 0, found.source.notes)


def _month(answers: Answers) -> Chart | None:
    """The month so far and to come, added up day by day, beside its budgets: of a tenant's whole traffic only."""
    tenant = answers.tenant
    if tenant is None or answers.view.filters.values:
        return None
    now, zone = answers.view.range.now, answers.view.range.zone
    found = forecast.month(tenant, now)
    today = now.astimezone(zone).date()
    first = today.replace(day=1)
    days = [first + _DAY * place for place in range(32) if (first + _DAY * place).month == first.month]
    spent = _spent(found, today, days)
    expected: list[Value] = [None] * (today - first).days
    total = found.spent_usd
    for day in days[len(expected) :]:
        total += found.by_day.get(day, Decimal(0))
        expected.append(total)
    edges = tuple(dt.datetime.fromtimestamp(windows.midnight(day, zone), dt.UTC) for day in days)
    return Chart(
        "month", _("This month"), Unit.USD, edges, edges[-1], zone.key, True,
        (
            Series(_("Spent so far"), spent, 0),
            Series(_("Expected"), tuple(expected), 0, is_before=True),
        ),
        text=_month_text(found),
        marks=tuple(Mark(_budget_name(item), float(item.amount_usd), tone="warn") for item in found.budgets[:3]),
        is_fixed=True,
    )  # fmt: skip


def _spent(found: forecast.Forecast, today: dt.date, days: Sequence[dt.date]) -> tuple[Value, ...]:
    """What was spent by the end of each day, today as far as it has come; None for days to come."""
    total, values = Decimal(0), []
    for day in days:
        total += found.spent_by_day.get(day, Decimal(0))
        values.append(total if day <= today else None)
    return tuple(values)


def _month_text(found: forecast.Forecast) -> str:
    money = {
        name: words.written(getattr(found, f"{name}_usd"), Unit.USD) for name in ("spent", "expected", "low", "high")
    }
    text = _("%(spent)s so far; about %(expected)s by its end, probably %(low)s to %(high)s.") % money
    if found.is_guess:
        text += " " + _("There are only %(days)s whole days to go by, so this is a guess.") % {"days": found.days_known}
    reached = [item for item in found.budgets if item.reached_on is not None]
    if reached:
        day = f"{reached[0].reached_on:%-d %b}"
        text += " " + _("“%(budget)s” is expected to be spent on %(day)s.") % {"budget": reached[0].name, "day": day}
    return text


def _budget_name(item: forecast.BudgetOutlook) -> str:
    return f"{item.name} {words.written(item.amount_usd, Unit.USD)}"


def _table(answers: Answers) -> Table:
    by = TAB.by(answers)
    has_sketches = by != "end_user"  # they are counted by user, but not measured
    names = ["cost_usd", "requests", "cost_per_request", *(["cost_p95"] if has_sketches else []), "input_tokens"]
    title = _("By %(dimension)s") % {"dimension": _lower(by)}
    return answers.table("by", title, by, (*names, "output_tokens"), order="cost_usd", bar="cost_usd")


def _users(answers: Answers) -> list[Tile]:
    found = users.users(answers.view, known=answers.people)
    per_user = found.cost_per_user
    return [
        Tile(_("End users"), words.written(found.count, Unit.COUNT)),
        Tile(_("Cost per end user"), words.written(per_user, Unit.USD), words.exact(per_user, Unit.USD)),
    ]


def _lower(dimension: str) -> str:
    name = str(words.DIMENSION_NAMES[dimension])
    return name if dimension == "key" else name.lower()


TAB = Tab(
    slug="cost",
    label=gettext_lazy("Cost"),
    names=("cost_usd", *PER_REQUEST, *SAVED, "saved_usd", "requests"),
    tiles=("cost_usd", "cost_per_request", "cost_p95", "saved_usd"),
    panels={
        "cost": _grouped,
        "month": _month,
        "per-request": _per_request,
        "by": _table,
        "saved": _saved,
        "layers": _layers,
    },
    dimensions=("model", "task", "key", "feature", "tag", "end_user", "provider", "endpoint"),
    verdicts={},
    more_tiles=_users,
)
