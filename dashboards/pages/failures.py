"""The tab Errors: what goes wrong, by kind, and what retries and fallbacks make good."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboards import errors, metrics
from dashboards.metrics import METRICS, Unit
from dashboards.pages import words
from dashboards.pages.answers import Answers
from dashboards.pages.panels import Chart, Column, Line, Table
from dashboards.pages.tabs import Tab

KINDS = tuple(f"errors_{kind}" for kind in errors.ALL)
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
    panels={"kinds": _kinds, "rates": _rates, "again": _again, "kind": _by_kind, "codes": _types, "by": _table},
    dimensions=("model", "provider", "task", "endpoint", "key", "status"),
    verdicts={},
)
