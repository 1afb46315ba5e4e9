"""The budgets page: every limit in force in one place, kept up to date while one looks at it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing import in_force, proposals, telling
from billing.models import Budget
from billing.pages import shown_lines
from tenants import visits
from tenants.sites import console

ORDERS = {"": gettext_lazy("By what they limit"), "closest": gettext_lazy("Closest to the limit first")}


@console.page("budgets/", name="billing_budget_changelist", subject="budgets")
@require_safe
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    """All limits. With `?part=1` the list alone: what the page asks for while it is looked at."""
    context = {"title": _("Budgets"), **listed(request)}
    if request.GET.get("part"):
        return console.render(request, "billing/limits/list.html", context)
    return console.render(request, "billing/limits/page.html", context)


def listed(request: HttpRequest) -> dict[str, Any]:
    """What the list shows."""
    visit, now = visits.of(request), timezone.now()
    order = request.GET.get("order", "")
    lines = in_force.read(visit.tenant, now)
    channels = list(telling.listening(visit.tenant.pk))
    arrange = shown_lines.by_closeness if order == "closest" else shown_lines.grouped
    names = {line.budget.name for line in lines if line.origin == in_force.BUDGET and line.budget is not None}
    may_add = visit.may("add", "budgets")
    return {
        "groups": arrange(lines, channels, now),
        "has_channels": bool(channels),
        "is_live": all(line.is_live for line in lines),
        "order": order if order in ORDERS else "",
        "orders": ORDERS,
        "may_add": may_add,
        "may_change": visit.may("change", "budgets"),
        "has_budgets": bool(names),
        "proposals": proposals.left(visit.tenant, names, now) if may_add else [],
        "now": timezone.localtime(now),
    }


def budget_of(request: HttpRequest, budget_id: Any) -> Budget:
    """The tenant's budget of that id; raises `Http404`."""
    rows = Budget.objects.select_related("tenant", "api_key").prefetch_related("raises")
    return get_object_or_404(rows, pk=budget_id, tenant=visits.of(request).tenant)
