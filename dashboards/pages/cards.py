"""What the console's home page says of the last day's traffic."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from dashboards import metrics, ranges, scopes
from dashboards.metrics import METRICS
from dashboards.pages import words
from dashboards.reading import View
from tenants import visits
from tenants.pages.home import Card, card

SHOWN = ("requests", "cost_usd", "error_rate", "latency_p95")


@card(order=10)
def last_day(request: HttpRequest) -> Card | None:
    """Nothing before there is any traffic: the steps above say what to do then."""
    visit = visits.of(request)
    if not visit.may("view", "dashboards"):
        return None
    tenant = visit.tenant
    view = View(scopes.of_tenant(tenant), ranges.preset("24h", timezone.now(), ZoneInfo(tenant.timezone)))
    found, _source = metrics.totals(view, SHOWN)
    if not found["requests"]:
        return None
    figures = {name: words.written(found[name], METRICS[name].unit) for name in SHOWN}
    text = _("%(requests)s requests for %(cost_usd)s, %(error_rate)s with an error; 95 of 100 within %(latency_p95)s.")
    return Card(
        _("Last 24 hours"), "monitoring", text % figures, reverse("console:dashboards"), _("Open the dashboards")
    )
