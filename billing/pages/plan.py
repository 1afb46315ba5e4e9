"""The tenant's plan in plain words: what it allows, how much of that is used just now, and what the tenant may set itself."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing import figures, in_force, limits, live_counters, telling
from billing.live_counters import LastMinute
from billing.models import Plan, PlanTier, Subscription
from billing.pages import shown_lines
from tenants import visits
from tenants.models import EndUser, Tenant
from tenants.sites import console

WIDTH = shown_lines.WIDTH


@console.page("plan/", name="billing_plan", subject="subscription")
@require_safe
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    visit, now = visits.of(request), timezone.now()
    rows = Subscription.objects.filter(tenant=visit.tenant, started_at__lte=now).select_related("plan")
    present = rows.filter(Q(ended_at=None) | Q(ended_at__gt=now)).order_by("-started_at").first()
    context: dict[str, Any] = {"title": _("Plan and limits"), "earlier": _earlier(rows, present)}
    if present is not None:
        channels = list(telling.listening(visit.tenant.pk))
        months = in_force.of_plan(visit.tenant, now)
        is_live, paces = _paces(visit.tenant, present.plan)
        context |= {
            "plan": present.plan,
            "price": f"${present.plan.price_usd_per_month:,.2f}",
            "since": formats.date_format(timezone.localtime(present.started_at), "DATE_FORMAT"),
            "until": formats.date_format(timezone.localtime(present.ended_at), "DATE_FORMAT")
            if present.ended_at
            else "",
            "months": [shown_lines.shown(line, channels, now) for line in months],
            "paces": paces,
            "is_live": is_live and all(line.is_live for line in months),
            "requests": _of_a_request(present.plan),
            "store_down": _when_store_is_down(present.plan),
            "tiers": _tiers(visit.tenant, present.plan),
        }
    if request.GET.get("part"):
        return console.render(request, "billing/plan/figures.html", context)
    context["own"] = _own(request)
    return console.render(request, "billing/plan/page.html", context)


def _earlier(rows: Any, present: Subscription | None) -> list[dict[str, str]]:
    past = rows.exclude(pk=present.pk) if present is not None else rows
    return [
        {
            "plan": row.plan.name,
            "from": formats.date_format(timezone.localtime(row.started_at), "DATE_FORMAT"),
            "until": formats.date_format(timezone.localtime(row.ended_at), "DATE_FORMAT") if row.ended_at else "",
        }
        for row in past.order_by("-started_at")[:12]
    ]


def _paces(tenant: Tenant, plan: Plan) -> tuple[bool, list[dict[str, Any]]]:
    """Whether the figures are live, and each limit at any moment with what is used of it."""
    is_live, last = True, LastMinute()
    try:
        (last,) = live_counters.last_minutes(tenant.pk, [(limits.TENANT, "")])
    except live_counters.Away:
        is_live = False
    known = (
        (plan.requests_per_minute, last.requests, _("requests in any 60 seconds")),
        (plan.tokens_per_minute, last.tokens, _("tokens in any 60 seconds")),
        (plan.max_concurrency, last.under_way, _("requests under way at once")),
    )
    return is_live, [_pace(amount, used, what) for amount, used, what in known if amount is not None]


def _pace(amount: int, used: int, what: str) -> dict[str, Any]:
    words = {"used": f"{used:,}", "amount": f"{amount:,}", "what": what}
    return {
        **words,
        "width": min(WIDTH, used * WIDTH // amount),
        "level": "full" if used >= amount else "near" if used * 100 >= 80 * amount else "",
        "label": _("%(used)s of %(amount)s %(what)s") % words,
    }


def _of_a_request(plan: Plan) -> list[str]:
    said = []
    if plan.max_input_tokens is not None:
        said.append(
            _("At most %(count)s input tokens; what is longer is refused.") % {"count": f"{plan.max_input_tokens:,}"}
        )
    if plan.max_output_tokens is not None:
        said.append(
            _("At most %(count)s output tokens; answers are cut there.") % {"count": f"{plan.max_output_tokens:,}"}
        )
    if plan.max_request_usd is not None:
        said.append(_("At most %(usd)s, at its upper bound.") % {"usd": figures.usd(plan.max_request_usd)})
    return said


def _when_store_is_down(plan: Plan) -> str:
    if plan.when_store_is_down == Plan.StoreDown.REFUSE:
        return _(
            "While limits cannot be checked (the counters' store is down), requests are refused and may be tried again."
        )
    return _(
        "While limits cannot be checked (the counters' store is down), each server lets up to %(requests)s requests or %(usd)s through."
    ) % {"requests": f"{plan.allowance_requests:,}", "usd": figures.usd(plan.allowance_usd)}


def _tiers(tenant: Tenant, plan: Plan) -> list[dict[str, Any]]:
    """What each end user of a tier may use, and how many there are. A tier that the plan does not know is not limited by it."""
    counted = EndUser.objects.filter(tenant=tenant).order_by().values("tier").annotate(count=Count("pk"))
    counts = {row["tier"]: row["count"] for row in counted}
    known = {row.tier: row for row in PlanTier.objects.filter(plan=plan)}
    return [_tier(name, known.get(name), counts.get(name, 0)) for name in sorted({*known, *counts})]


def _tier(name: str, row: PlanTier | None, count: int) -> dict[str, Any]:
    fields = ("tokens_per_day", "requests_per_minute", "tokens_per_minute", "max_concurrency")
    values = [getattr(row, field) if row is not None else None for field in fields]
    return {
        "name": name,
        "values": [_("no limit") if value is None else f"{value:,}" for value in values],
        "count": ngettext("%(count)s end user", "%(count)s end users", count) % {"count": f"{count:,}"},
    }


def _own(request: HttpRequest) -> list[dict[str, str]]:
    """What the tenant sets itself. Nothing of it lifts what the plan allows."""
    return [
        {
            "link": reverse("console:billing_budget_changelist"),
            "name": _("Budgets"),
            "text": _(
                "Amounts of money, tokens or requests, for the whole tenant or by key, end user, tier, task, model or tag."
            ),
        },
        {
            "link": reverse("console:tenants_apikey_changelist"),
            "name": _("API keys"),
            "text": _("Each key's own pace and monthly amounts."),
        },
        {
            "link": reverse("console:tenants_enduser_changelist"),
            "name": _("End users"),
            "text": _("Which tier each of them is in."),
        },
    ]
