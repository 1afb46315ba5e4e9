"""What the home page says of spending: today, the budgets that are nearest to their end, and alerts."""

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

from billing import alert_messages, budget_bars, money, sentences, standing
from billing.models import Alert, Budget, DailyUsage
from tenants import visits
from tenants.admin import times
from tenants.pages.home import Card, card

NEAR_PERCENT = 50
SHOWN = 3
LOOKED_AT = 100  # budgets: of more, the list of budgets tells
RECENT = dt.timedelta(days=7)


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


@card(order=20)
def budgets(request: HttpRequest) -> Card:
    """Those of which most is used; or that there is none."""
    link = reverse("console:billing_budget_changelist")
    rows = list(Budget.objects.filter(tenant=visits.of(request).tenant, is_active=True)[:LOOKED_AT])
    if not rows:
        text = _("Nothing limits what is spent but the plan.")
        if not visits.of(request).may("add", "budgets"):
            return Card(_("No budget yet"), "savings", text)
        return Card(_("No budget yet"), "savings", text, reverse("console:billing_budget_add"), _("Set a budget"))
    standings = standing.standing(rows, timezone.now())
    used = [
        (budget, standings[budget.pk], max((use.percent for use in standings[budget.pk].uses or ()), default=0))
        for budget in rows
    ]
    near = sorted((item for item in used if item[2] >= NEAR_PERCENT), key=lambda item: -item[2])[:SHOWN]
    text = ""
    if not near:
        text = ngettext("Less than half of it is used.", "Of all %(count)d less than half is used.", len(rows)) % {
            "count": len(rows)
        }
    lines = [
        {
            "name": budget.name,
            "url": reverse("console:billing_budget_change", args=[budget.pk]),
            "bar": budget_bars.shown(budget, found).bars[0],
            "of": sentences.quantity(budget.metric, found.amount),
        }
        for budget, found, _percent in near
    ]
    title = _("Budgets close to their limit") if near else _("Budgets")
    return Card(title, "savings", text, link, _("All budgets"), "billing/cards/budgets.html", {"lines": lines})


@card(order=30)
def alerts(request: HttpRequest) -> Card | None:
    """Of the last days; nothing where there were none."""
    recent = Alert.objects.filter(tenant=visits.of(request).tenant, crossed_at__gt=timezone.now() - RECENT)
    rows = alert_messages.with_key_names(recent.select_related("tenant", "budget")).order_by("-crossed_at")[:SHOWN]
    lines = [
        {"text": alert_messages.text(alert), "at": times.ago(alert.crossed_at), "is_full": alert.threshold >= 100}
        for alert in rows
    ]
    if not lines:
        return None
    link = reverse("console:billing_alert_changelist")
    return Card(_("Alerts"), "notifications", "", link, _("All alerts"), "billing/cards/alerts.html", {"lines": lines})
