"""The playground: a page that writes to a model as an application would, and shows what came of it.

The page's script calls the API itself, with a token that is given here to those who may use it; nothing of what is written passes through
this page. What it has run it remembers in the browser.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from billing import limits
from billing.models import DailyUsage
from gateway.admin import request_search
from gateway.models import RequestLog
from gateway.pages import offers
from gateway.quality.feedback import REASONS
from tenants import playground, sites, visits
from tenants.console import addresses
from tenants.models import ApiKey, EndUser
from tenants.pages.home import Card, card

SUGGESTED_END_USERS = 50


@sites.console.page("playground/", name="playground", subject="playground", action="add")
@require_safe
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    visit = visits.of(request)
    state = playground.state(visit.tenant)
    offered, spent = offers.of(state.key), _spent(state.key)
    context = {
        "title": _("Playground"),
        "offered": offered,
        "is_on": state.is_on,
        "may_switch_on": visit.may("change", "playground"),
        "spent": spent,
        "end_users": EndUser.objects.order_by("-created_at")[:SUGGESTED_END_USERS],
        "settings": {**_settings(request, offered, state.key), "used": spent["used"]},
    }
    return sites.console.render(request, "console/playground.html", context)


@sites.console.page("playground/token/", name="playground_token", subject="playground", action="add")
@require_POST
@never_cache
def token(request: HttpRequest) -> HttpResponse:
    """A token for the page's calls; the tenant's key for them is made with the first one."""
    visit = visits.of(request)
    try:
        playground.open_for(visit.tenant, by=_maker(request))
    except playground.SwitchedOff:
        return JsonResponse({"error": _("The playground is switched off.")}, status=409)
    made = playground.issue(visit.tenant.pk, request.user.get_username())
    return JsonResponse({"token": made, "expires_in": playground.LIFETIME_SECONDS})


@sites.console.page("playground/requests/<uuid:request_id>/", name="playground_request", subject="requests")
@require_safe
@never_cache
def written(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Where the request's trace is; 204 until it is written, some moments after the answer."""
    rows = RequestLog.objects.filter(request_search.around(request_id), tenant=visits.of(request).tenant)
    if not rows.filter(request_id=request_id).exists():
        return HttpResponse(status=204)
    return JsonResponse({"url": reverse("console:gateway_requestlog_change", args=[request_id])})


@sites.console.page("playground/on/", name="playground_on", subject="playground", action="change")
@require_POST
def switch_on(request: HttpRequest) -> HttpResponse:
    playground.switch_on(visits.of(request).tenant, by=_maker(request))
    return HttpResponseRedirect(reverse("console:playground"))


def _maker(request: HttpRequest) -> Any:
    """Who a key is said to be made by. A console knows members only; of an operator the audit trail tells."""
    return None if visits.of(request).by_operator else request.user


@card(order=25)
def playground_card(request: HttpRequest) -> Card | None:
    if not visits.of(request).may("add", "playground"):
        return None
    text = _("Write to a model, compare two, and see what an answer costs and which way it went.")
    return Card(_("Playground"), "forum", text, reverse("console:playground"), _("Try a model"))


def _spent(key: ApiKey | None) -> dict[str, Any]:
    """What the playground has used this month, and may use."""
    today = timezone.localdate()
    used = Decimal(0)
    if key is not None:
        rows = DailyUsage.objects.filter(
            tenant_id=key.tenant_id,
            dimension=limits.KEY,
            subject=str(key.pk),
            day__gte=today.replace(day=1),
            day__lte=today,
        )
        used = rows.aggregate(sum=Sum("cost_usd"))["sum"] or used
    most = key.usd_per_month if key is not None else playground.USD_PER_MONTH
    return {
        "used": float(used),  # to be looked at, and added to by the page
        "most": f"{most:.2f}" if most is not None else "",
        "key_url": reverse("console:tenants_apikey_change", args=[key.pk]) if key is not None else "",
    }


def _settings(request: HttpRequest, offered: offers.Offers, key: ApiKey | None) -> dict[str, Any]:
    """What the page's script needs to know."""
    visit = visits.of(request)
    return {
        "api": addresses.outside("front") + "v1/",
        "tokenUrl": reverse("console:playground_token"),
        "requestsUrl": reverse("console:playground") + "requests/",
        "memory": f"tollgate.playground.{visit.tenant.pk}.{request.user.pk}",
        "about": {offer.name: offer.about for offer in [*offered.tasks, *offered.models]},
        "reasons": {name: str(label) for name, label in REASONS.items()},
        "links": {
            "request": reverse("console:gateway_requestlog_changelist"),
            "budgets": _if_may(visit, "budgets", "console:billing_budget_changelist"),
            "key": reverse("console:tenants_apikey_change", args=[key.pk])
            if key and visit.may("change", "budgets")
            else "",
            "models": reverse("console:gateway_model_changelist"),
            "providers": reverse("console:gateway_provider_changelist"),
            "rules": reverse("console:gateway_routingrule_changelist"),
            "keys": reverse("console:tenants_apikey_changelist"),
        },
    }


def _if_may(visit: visits.Visit, subject: str, name: str) -> str:
    return reverse(name) if visit.may("view", subject) else ""
