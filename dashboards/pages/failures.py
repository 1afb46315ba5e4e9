"""The tab Errors: what goes wrong, by kind, and what retries and fallbacks make good."""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboards import breakers, errors, metrics
from dashboards.breakers import Stretch
from dashboards.metrics import METRICS, Unit
from dashboards.pages import words
from dashboards.pages.answers import Answers
from dashboards.pages.panels import Chart, Column, Line, Series, Table
from dashboards.pages.tabs import Tab

KINDS = tuple(f"errors_{kind}" for kind in errors.ALL)
MOST_OPENINGS = 50
AGAIN = ("retries", "fallbacks", "escalations")
RATES = ("error_rate", "failed_call_rate")


def _kinds(answers: Answers) -> Chart:
    names = tuple(name for name in KINDS if answers.whole[name]) or KINDS[:1]
    return answers.over_time(
        "kinds", _("Errors by kind"), names, shape="bars",
        filters={name: {"error": name.removeprefix("errors_")} for name in names},
        labels={name: words.ERROR_NAMES[name.removeprefix("errors_")] for name in names},
    )  # fmt: skip


def _rates(answers: Answers) -> Chart:
    text = _("Of requests, what their senders saw; of calls to providers, what went wrong behind.")
    labels = {"error_rate": _("of requests"), "failed_call_rate": _("of calls to providers")}
    return answers.over_time("rates", _("Error rate"), RATES, text=text, labels=labels)


def _again(answers: Answers) -> Chart:
    text = _("A retry calls the same model again, a fallback another one; an escalation asks a better model.")
    return answers.over_time("again", _("Retries and fallbacks"), AGAIN, shape="bars", text=text)


def _by_kind(answers: Answers) -> Table:
    whole = {kind: int(answers.whole[f"errors_{kind}"] or 0) for kind in errors.ALL}
    requests = int(answers.whole["requests"] or 0)
    lines = tuple(
        Line(str(words.ERROR_NAMES[kind]), (count, count / requests if requests else None), {"error": kind})
        for kind, count in sorted(whole.items(), key=lambda item: -item[1])
        if count
    )
    columns = (Column(_("Errors"), Unit.COUNT), Column(_("Of all requests"), Unit.SHARE))
    return Table("kind", _("What goes wrong"), _("Kind"), columns, lines, bar=0)


def _types(answers: Answers) -> Table:
    """By the code that the sender got, of the kinds above."""
    found = metrics.table(answers.view, "error_type", ["errors", "requests"], order="errors", limit=20)
    lines = tuple(
        Line(line.name or _("no code"), (line.whole["errors"],), {"error_type": line.name} if line.name else None)
        for line in found.lines
        if line.whole["errors"]
    )
    columns = (Column(_("Errors"), METRICS["errors"].unit),)
    return Table("codes", _("By code"), _("Code"), columns, lines, bar=0, notes=found.source.notes)


def _open(answers: Answers) -> Chart:
    """For how long circuit breakers were open, step by step."""
    span = answers.view.range
    end = min(span.end, span.now)
    found = _stretches(answers)
    sums = breakers.open_ms(found, span.edges, max(end, span.edges[-1]))
    models = {one.name: {"model": one.model} for one in found}
    series = tuple(
        Series(name, tuple(values), place, models[name]) for place, (name, values) in enumerate(sums.items())
    )
    text = _(
        "While a model's circuit breaker is open it is left alone, and requests go to the next model of their chain."
    )
    return Chart(
        "breakers", _("Circuit breakers open"), Unit.MS, span.edges, end, span.zone.key, span.step.is_whole_days,
        series, text, "bars",
    )  # fmt: skip


def _openings(answers: Answers) -> Table:
    """Each time, the latest first."""
    span = answers.view.range
    end = min(span.end, span.now)
    found = _stretches(answers)
    lines = tuple(
        Line(
            f"{one.name} · {_when(one.span.began_at, span.zone)} – {_until(one.span.ended_at, span.zone)}",
            (
                (min(one.span.ended_at or end, end) - one.span.began_at) / dt.timedelta(milliseconds=1),
                one.span.openings,
            ),
            {"model": one.model},
            _("still open") if one.span.ended_at is None else "",
            "warn",
        )
        for one in found[:MOST_OPENINGS]
    )
    columns = (Column(_("For"), Unit.MS), Column(_("Openings"), Unit.COUNT))
    text = _("An opening more for each probe that failed. Times are of the tenant's zone.")
    return Table("openings", _("When they opened"), _("Model"), columns, lines, text, 0)


def _stretches(answers: Answers) -> list[Stretch]:
    """As far as the page is narrowed down to models or providers."""
    found = breakers.stretches(answers.tenant, answers.view.range)
    filters = answers.view.filters
    return [
        one
        for one in found
        if (not filters.model or one.model in filters.model)
        and (not filters.provider or one.provider in filters.provider)
    ]


def _when(at: dt.datetime, zone: dt.tzinfo) -> str:
    return f"{at.astimezone(zone):%-d %b, %H:%M:%S}"


def _until(at: dt.datetime | None, zone: dt.tzinfo) -> str:
    return _("now") if at is None else f"{at.astimezone(zone):%H:%M:%S}"


def _table(answers: Answers) -> Table:
    by = TAB.by(answers)
    names = ("requests", "errors", "error_rate", "calls", "failed_calls", "failed_call_rate", "retries", "fallbacks")
    title = _("By %(dimension)s") % {"dimension": str(words.DIMENSION_NAMES[by]).lower()}
    return answers.table("by", title, by, names, bar="error_rate")


TAB = Tab(
    slug="errors",
    label=gettext_lazy("Errors"),
    names=("requests", "errors", *RATES, *KINDS, "calls", "failed_calls", *AGAIN),
    tiles=("error_rate", "errors", "failed_call_rate", "retries", "fallbacks", "requests"),
    panels={
        "kinds": _kinds,
        "rates": _rates,
        "again": _again,
        "kind": _by_kind,
        "codes": _types,
        "by": _table,
        "breakers": _open,
        "openings": _openings,
    },
    dimensions=("model", "provider", "task", "endpoint", "key", "status"),
    verdicts={},
)
