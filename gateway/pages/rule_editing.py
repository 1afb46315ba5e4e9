"""Writing a routing rule: a form in groups. Whoever may only look sees it filled in and cannot change it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from gateway import routing_checks, routing_rules
from gateway.models import RoutingRule
from gateway.pages.rule_forms import RuleForm
from gateway.pages.rules import rules
from gateway.routing_rules import Link
from tenants import visits
from tenants.sites import console

read_or_write = require_http_methods(["GET", "HEAD", "POST"])


@console.page("gateway/routingrule/add/", name="gateway_routingrule_add", subject="rules", action="add")
@read_or_write
@never_cache
def add(request: HttpRequest) -> HttpResponse:
    """`?task=` has that task ticked."""
    rule = RoutingRule(tenant=visits.of(request).tenant)
    rule.tasks = request.GET.getlist("task")
    return _edit(request, rule, _("New routing rule"), is_open=True)


@console.page("gateway/routingrule/<uuid:rule_id>/change/", name="gateway_routingrule_change", subject="rules")
@read_or_write
@never_cache
def change(request: HttpRequest, rule_id: UUID) -> HttpResponse:
    rule = get_object_or_404(rules(), pk=rule_id)
    visit = visits.of(request)
    may_change = visit.may("change", "rules") and rule.tenant_id == visit.tenant.pk
    if request.method == "POST" and not may_change:
        raise PermissionDenied
    return _edit(request, rule, rule.name, is_open=may_change)


def _edit(request: HttpRequest, rule: RoutingRule, title: str, *, is_open: bool) -> HttpResponse:
    is_new, visit = rule._state.adding, visits.of(request)
    links = [] if is_new else [Link(target.model, target.weight) for target in rule.targets.all()]
    data = request.POST if request.method == "POST" else None
    form = RuleForm(data, instance=rule, links=links, now=timezone.now())
    if data is not None and form.is_valid():
        try:
            routing_rules.save(rule, form.links())
        except ValidationError as error:
            form.refuse(error)
        else:
            said = (
                _("“%(rule)s” is in force from the next request on.")
                if rule.is_active
                else _("“%(rule)s” is saved, and switched off.")
            )
            messages.success(request, said % {"rule": rule.name})
            for text in routing_checks.oddities_of(rule):
                messages.warning(request, text)
            return HttpResponseRedirect(reverse("console:gateway_routingrule_changelist"))
    context = {
        "title": title,
        "form": form,
        "rule": None if is_new else rule,
        "is_open": is_open,
        "is_operators": rule.tenant_id is None,
        "may_delete": is_open and not is_new and visit.may("delete", "rules"),
    }
    return console.render(request, "gateway/rules/form_page.html", context)
