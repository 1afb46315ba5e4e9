"""Routing rules in the console: the list in the order in which they are asked, and what changes it. The form is in `rule_editing`.

The addresses are those of the model's pages on the operators' site, whose history and deletion serve here, too.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from gateway import routing_checks, routing_rules
from gateway.models import RoutingRule, RoutingTarget
from gateway.pages.explain_box import box, names
from gateway.routing import sentences
from gateway.routing_rules import StaleOrder
from tenants import visits
from tenants.sites import console

MOST_IDS = 1000


@console.page("gateway/routingrule/", name="gateway_routingrule_changelist", subject="rules")
@require_safe
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    context = {
        "title": _("Routing rules"),
        "explain": box(request),
        "names": names(),
        **listed(request),
    }
    return console.render(request, "gateway/rules/page.html", context)


@console.page("gateway/routingrule/order/", name="gateway_routingrule_order", subject="rules", action="change")
@require_POST
def order(request: HttpRequest) -> HttpResponse:
    """Save an order: ids in `wanted`, and in `seen` as they stood. 409, and the list as it is, if they stand otherwise by now."""
    tenant = visits.of(request).tenant
    try:
        seen, wanted = (_ids(request.POST.get(name, "")) for name in ("seen", "wanted"))
    except ValueError:
        return HttpResponse(status=400)
    try:
        routing_rules.reorder(tenant, seen=seen, wanted=wanted)
    except StaleOrder:
        said = _("Somebody has changed the rules meanwhile. Here they are as they stand now; nothing was moved.")
        return _list(request, said, status=409)
    return _list(request, _("Saved. The new order decides from the next request on."))


@console.page(
    "gateway/routingrule/<uuid:rule_id>/switch/", name="gateway_routingrule_switch", subject="rules", action="change"
)
@require_POST
def switch(request: HttpRequest, rule_id: UUID) -> HttpResponse:
    rule = own_rule(request, rule_id)
    is_active = request.POST.get("to") == "on"
    try:
        routing_rules.switch(rule, is_active=is_active)
    except ValidationError as error:
        return _list(request, " ".join(error.messages), wrong_id=str(rule.pk))
    said = _("“%(rule)s” decides again.") if is_active else _("“%(rule)s” is switched off: no request is sent by it.")
    return _list(request, said % {"rule": rule.name})


def listed(request: HttpRequest) -> dict[str, Any]:
    """What the list shows."""
    visit = visits.of(request)
    odd, _of_tasks = routing_checks.oddities_in(routing_checks.in_force(visit.tenant))
    rows = [_shown(rule, visit.tenant.timezone, odd) for rule in routing_rules.in_order(rules())]
    may_change = visit.may("change", "rules")
    return {
        "own": [row for row in rows if row["is_own"]],
        "shared": [row for row in rows if not row["is_own"] and row["is_active"]],
        "may_add": visit.may("add", "rules"),
        "may_change": may_change,
        "may_order": may_change and sum(row["is_own"] for row in rows) > 1,
        "order": ",".join(row["id"] for row in rows if row["is_own"]),
    }


def rules() -> QuerySet[RoutingRule]:
    """The tenant's own and the operator's, with their targets."""
    targets = RoutingTarget.objects.order_by("position").select_related("model")
    return RoutingRule.objects.prefetch_related(Prefetch("targets", targets))


def own_rule(request: HttpRequest, rule_id: UUID) -> RoutingRule:
    """The tenant's rule of that id. Raises `Http404`, and `PermissionDenied` for one of the operator's, which one may see."""
    rule: RoutingRule = get_object_or_404(rules(), pk=rule_id)
    if rule.tenant_id != visits.of(request).tenant.pk:
        raise PermissionDenied
    return rule


def _shown(rule: RoutingRule, zone: str, odd: dict[str, list[str]]) -> dict[str, Any]:
    targets = list(rule.targets.all())
    asked = [said for condition in rule.conditions(ZoneInfo(zone)) if (said := condition.says())]
    names_of = [target.model.name for target in targets]
    is_own = rule.tenant_id is not None
    return {
        "id": str(rule.pk),
        "name": rule.name,
        "is_own": is_own,
        "is_active": rule.is_active,
        "asked": asked,
        "chosen": sentences.chosen(rule.choice(), names_of, [target.weight for target in targets]),
        "warnings": odd.get(str(rule.pk), []) if is_own else [],
    }


def _list(request: HttpRequest, said: str, *, wrong_id: str = "", status: int = 200) -> HttpResponse:
    context = {"said": said, "wrong_id": wrong_id, "is_bad": status == 409, **listed(request)}
    return console.render(request, "gateway/rules/list.html", context, status=status)


def _ids(text: str) -> list[UUID]:
    """Raises `ValueError`."""
    found = [UUID(item) for item in text.split(",") if item]
    if len(found) > MOST_IDS:
        raise ValueError
    return found
