"""What the console's first page says of spending, limits and alerts."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django.db.models import Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing import in_force, money, telling
from billing.models import DailyUsage
from billing.pages import shown_lines
from billing.pages.alerts import standing_of
from tenants import visits
from tenants.pages.home import Card, card

NEAREST = 3


@card(order=10)
def today(request: HttpRequest) -> Card:
    """Of the tenant's day, beside the day before."""
    day = timezone.localdate()
    rows = DailyUsage.objects.filter(
        tenant=visits.of(request).tenant, dimension=DailyUsage.Dimension.TENANT, day__gte=day - dt.timedelta(days=1)
    )
    sums = {name: Sum(name) for name in ("requests", "cost_usd", "input_tokens", "output_tokens")}
    added: Any = rows.values("day").annotate(**{f"{name}_sum": total for name, total in sums.items()})
    by_day = {row["day"]: row for row in added}
    context = {"today": _use(by_day.get(day)), "yesterday": _use(by_day.get(day - dt.timedelta(days=1)))}
    link = reverse("console:gateway_requestlog_changelist")
    return Card(_("Today"), "today", "", link, _("See the requests"), "billing/cards/today.html", context)


def _use(row: dict[str, Any] | None) -> dict[str, str]:
    cost, requests = (row["cost_usd_sum"], row["requests_sum"]) if row else (Decimal(0), 0)
    tokens = row["input_tokens_sum"] + row["output_tokens_sum"] if row else 0
    return {
        "cost": money.short(cost),
        "requests": ngettext("%(count)s request", "%(count)s requests", requests) % {"count": f"{requests:,}"},
        "tokens": ngettext("%(count)s token", "%(count)s tokens", tokens) % {"count": f"{tokens:,}"},
    }


@card(order=30)
def budgets(request: HttpRequest) -> Card:
    """The limits that are nearest to being used up; or that there is no budget yet."""
    visit, now = visits.of(request), timezone.now()
    link = reverse("console:billing_budget_changelist")
    lines = [line for line in in_force.read(visit.tenant, now) if line.is_active]
    if not any(line.origin == in_force.BUDGET for line in lines) and visit.may("add", "budgets"):
        text = _("A budget stops what runs away, and tells you before.")
        return Card(_("Set a budget"), "savings", text, link, _("See three proposals"), step=4)
    nearest = sorted((line for line in lines if line.nearest), key=lambda line: -line.closeness)[:NEAREST]
    full = sum(1 for line in lines if line.closeness >= 1)
    text = (
        ngettext("%(count)d limit is used up.", "%(count)d limits are used up.", full) % {"count": full} if full else ""
    )
    context = {"lines": [shown_lines.shown(line, [], now) for line in nearest]}
    template = "billing/limits/card.html"
    return Card(_("Budgets"), "savings", text, link, _("See all limits"), template, context, is_tall=len(nearest) > 1)


@card(order=40)
def alerts(request: HttpRequest) -> Card | None:
    visit, count = visits.of(request), standing_of(request).going_on
    link = reverse("console:billing_alert_changelist")
    if not telling.listening(visit.tenant.pk).exists() and visit.may("add", "channels"):
        text = _("Alerts are sent to nobody yet. Add an e-mail address, a webhook or Slack.")
        add = reverse("console:billing_alertchannel_add")
        return Card(_("Nobody is told"), "campaign", text, add, _("Add an alert channel"))
    if not count:
        return Card(_("Alerts"), "notifications", _("Nothing is the matter."), link, _("See earlier ones"))
    text = ngettext("%(count)d alert goes on.", "%(count)d alerts go on.", count) % {"count": count}
    return Card(_("Alerts"), "notifications", text, link, _("See the alerts"))
