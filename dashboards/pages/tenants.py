"""The operators' tab: tenants and providers beside each other."""

from __future__ import annotations

from dataclasses import replace

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboards import metrics
from dashboards.metrics import METRICS
from dashboards.pages import words
from dashboards.pages.answers import Answers
from dashboards.pages.panels import Chart, Column, Line, Table
from dashboards.pages.tabs import Tab
from dashboards.shapes import TENANT

TROUBLED, FAILING = 0.01, 0.1  # shares of a provider's calls that fail


def _cost(answers: Answers) -> Chart:
    return answers.by_group("cost", _("Cost by tenant"), "cost_usd", TENANT, order="cost_usd", shape="bars")


def _requests(answers: Answers) -> Chart:
    return answers.by_group("requests", _("Requests by tenant"), "requests", TENANT, shape="bars")


def _spenders(answers: Answers) -> Table:
    names = ("cost_usd", "requests", "error_rate", "latency_p95", "hit_rate", "saved_usd")
    return answers.table("spenders", _("Top spenders"), TENANT, names, order="cost_usd", bar="cost_usd")


def _providers(answers: Answers) -> Table:
    """Each provider's health, by what its calls came to."""
    names = ("calls", "failed_call_rate", "failed_calls", "latency_p95", "ttft_p95", "speed_p50", "cost_usd")
    found = metrics.table(answers.view, "provider", names, order="calls", limit=50)
    lines = []
    for line in found.lines:
        if not line.name:
            continue
        rate = line.whole["failed_call_rate"] or 0
        note, tone = _("well"), "good"
        if rate >= TROUBLED:
            note, tone = (_("failing"), "warn") if rate >= FAILING else (_("some calls fail"), "warn")
        values = tuple(line.whole[name] for name in names)
        lines.append(Line(line.name, values, {"provider": line.name}, note, tone))
    columns = tuple(Column(words.metric(name), METRICS[name].unit) for name in names)
    return Table(
        "providers", _("Provider health"), _("Provider"), columns, tuple(lines), bar=1, notes=found.source.notes
    )


def _rates(answers: Answers) -> Chart:
    made = answers.by_group("failing", _("Failed calls by provider"), "failed_call_rate", "provider")
    return replace(made, text=_("Share of calls to each provider that failed."))


TAB = Tab(
    slug="tenants",
    label=gettext_lazy("Tenants"),
    text=gettext_lazy("Tenants and providers beside each other"),
    names=("cost_usd", "requests", "error_rate", "latency_p95", "hit_rate", "saved_usd"),
    tiles=("cost_usd", "requests", "error_rate", "latency_p95", "hit_rate", "saved_usd"),
    panels={
        "cost": _cost,
        "spenders": _spenders,
        "providers": _providers,
        "failing": _rates,
        "requests": _requests,
    },
    dimensions=("tenant",),
    verdicts={},
    is_for_operators=True,
)
