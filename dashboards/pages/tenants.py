"""The operators' tab: tenants and providers beside each other."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from dashboards import margins, metrics
from dashboards.metrics import METRICS, Unit
from dashboards.pages import words
from dashboards.pages.answers import Answers
from dashboards.pages.panels import Chart, Column, Line, Table
from dashboards.pages.tabs import Tab
from dashboards.shapes import TENANT
from gateway.admin import breakers
from gateway.models import Model
from gateway.resilience.breakers import OPEN

TROUBLED, FAILING = 0.01, 0.1  # shares of a provider's calls that fail


def _cost(answers: Answers) -> Chart:
    return answers.by_group("cost", _("Cost by tenant"), "cost_usd", TENANT, order="cost_usd", shape="bars")


def _requests(answers: Answers) -> Chart:
    return answers.by_group("requests", _("Requests by tenant"), "requests", TENANT, shape="bars")


def _spenders(answers: Answers) -> Table:
    names = ("cost_usd", "requests", "error_rate", "latency_p95", "hit_rate", "saved_usd")
    return answers.table("spenders", _("Top spenders"), TENANT, names, order="cost_usd", bar="cost_usd")


def _providers(answers: Answers) -> Table:
    """Each provider's health: what its calls came to in the range, and whether its models are called at the moment."""
    names = ("calls", "failed_call_rate", "failed_calls", "latency_p95", "ttft_p95", "speed_p50", "cost_usd")
    found = metrics.table(answers.view, "provider", names, order="calls", limit=50)
    is_open = _open_circuits()
    lines = []
    for line in found.lines:
        if line.name:
            note, tone = _health(line.whole["failed_call_rate"] or 0, is_open[line.name])
            values = tuple(line.whole[name] for name in names)
            lines.append(Line(line.name, values, {"provider": line.name}, note, tone))
    columns = tuple(Column(words.metric(name), METRICS[name].unit) for name in names)
    return Table(
        "providers", _("Provider health"), _("Provider"), columns, tuple(lines), bar=1, notes=found.source.notes
    )


def _health(rate: metrics.Value, is_open: int) -> tuple[str, str]:
    """In a word and a tone. An open circuit is of now, a rate of the whole range; the former counts more."""
    if is_open:
        return ngettext("%(count)d circuit open", "%(count)d circuits open", is_open) % {"count": is_open}, "warn"
    if (rate or 0) >= FAILING:
        return _("failing"), "warn"
    return (_("some calls fail"), "warn") if (rate or 0) >= TROUBLED else (_("well"), "good")


def _open_circuits() -> Counter[str]:
    """Provider → how many of its models are not called for the moment. None if Redis, which knows, is away."""
    models = list(Model.objects.select_related("provider").defer("provider__credential")[: breakers.MOST])
    states = breakers.states_of(models) or {}
    return Counter(
        model.provider.name
        for model in models
        if model.breaker == Model.Breaker.OPEN
        or (model.breaker == Model.Breaker.AUTO and model.pk in states and states[model.pk].state == OPEN)
    )


def _margins(answers: Answers) -> Table | None:
    if answers.view.filters.values:
        return None
    found = margins.margins(answers.view)
    lines = tuple(
        Line(item.plan or _("without a plan"), (item.tenants, item.price_usd, item.cost_usd, item.usd, item.share))
        for item in found.plans
    )
    labels = (
        (_("Tenants"), Unit.COUNT), (_("Price"), Unit.USD), (_("Cost"), Unit.USD), (_("Margin"), Unit.USD), (_("Share"), Unit.SHARE),
    )  # fmt: skip
    text = _(
        "What present prices leave: as if each tenant had been on its plan for the whole range, a part of a month."
    )
    columns = tuple(Column(label, unit) for label, unit in labels)
    return Table("margins", _("Margins by plan"), _("Plan"), columns, lines, text, notes=found.source.notes)


def _rates(answers: Answers) -> Chart:
    made = answers.by_group("failing", _("Failed calls by provider"), "failed_call_rate", "provider")
    return replace(made, text=_("Share of calls to each provider that failed."))


TAB = Tab(
    slug="tenants",
    label=gettext_lazy("Tenants"),
    names=("cost_usd", "requests", "error_rate", "latency_p95", "hit_rate", "saved_usd"),
    tiles=("cost_usd", "requests", "error_rate", "latency_p95", "hit_rate", "saved_usd"),
    panels={
        "cost": _cost,
        "spenders": _spenders,
        "providers": _providers,
        "margins": _margins,
        "failing": _rates,
        "requests": _requests,
    },
    dimensions=("tenant",),
    verdicts={},
    is_for_operators=True,
)
