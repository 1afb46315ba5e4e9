"""Tasks in the console: what applications may ask for by purpose, each with its chain of models, and the form of one.

The addresses are those of the model's pages on the operators' site, whose history and deletion serve here, too.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import F, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gateway import judge_policies, routing_checks, task_settings
from gateway.models import CachePolicy, ContextPolicy, RoutingRule, Task, TaskFallback
from gateway.pages.task_forms import TaskForm
from gateway.routing import strategies
from gateway.routing_rules import Link
from tenants import visits
from tenants.sites import console

read_or_write = require_http_methods(["GET", "HEAD", "POST"])
HOW = {
    strategies.CHEAPEST: lambda: _("cheapest first"),
    strategies.FASTEST: lambda: _("fastest first"),
    strategies.CASCADE: lambda: _("cascade"),
}


@console.page("gateway/task/", name="gateway_task_changelist", subject="tasks")
@require_safe
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    visit = visits.of(request)
    rows = list(tasks().order_by(F("tenant_id").asc(nulls_last=True), "slug"))
    _of_rules, odd = routing_checks.oddities_in(routing_checks.in_force(visit.tenant))
    own_slugs = {task.slug for task in rows if task.tenant_id is not None}
    shown = [_shown(task, odd, own_slugs) for task in rows if task.tenant_id is not None or task.is_active]
    context = {
        "title": _("Tasks"),
        "own": [item for item in shown if item["is_own"]],
        "shared": [item for item in shown if not item["is_own"]],
        "may_add": visit.may("add", "tasks"),
    }
    return console.render(request, "gateway/tasks/page.html", context)


@console.page("gateway/task/add/", name="gateway_task_add", subject="tasks", action="add")
@read_or_write
@never_cache
def add(request: HttpRequest) -> HttpResponse:
    return _edit(request, Task(tenant=visits.of(request).tenant), _("New task"), is_open=True)


@console.page("gateway/task/<uuid:task_id>/change/", name="gateway_task_change", subject="tasks")
@read_or_write
@never_cache
def change(request: HttpRequest, task_id: UUID) -> HttpResponse:
    task = get_object_or_404(tasks(), pk=task_id)
    may_change = is_theirs(request, task)
    if request.method == "POST" and not may_change:
        raise PermissionDenied
    return _edit(request, task, task.name, is_open=may_change)


@console.page("gateway/task/<uuid:task_id>/switch/", name="gateway_task_switch", subject="tasks", action="change")
@require_POST
def switch(request: HttpRequest, task_id: UUID) -> HttpResponse:
    task = get_object_or_404(tasks(), pk=task_id)
    if not is_theirs(request, task):
        raise PermissionDenied
    is_active = request.POST.get("to") == "on"
    task_settings.switch(task, is_active=is_active)
    said = (
        _("task/%(slug)s is answered again.")
        if is_active
        else _("task/%(slug)s is switched off: who asks for it is told that it is not there.")
    )
    messages.success(request, said % {"slug": task.slug})
    return HttpResponseRedirect(reverse("console:gateway_task_change", args=[task.pk]))


def tasks() -> QuerySet[Task]:
    """The tenant's own and the operator's, with their chains."""
    fallbacks = TaskFallback.objects.order_by("position").select_related("model__provider")
    return Task.objects.select_related("default_model__provider").prefetch_related(Prefetch("fallbacks", fallbacks))


def is_theirs(request: HttpRequest, task: Task) -> bool:
    """Whether the person may change the task: it is the tenant's own, and their role lets them."""
    visit = visits.of(request)
    return visit.may("change", "tasks") and task.tenant_id == visit.tenant.pk


def _edit(request: HttpRequest, task: Task, title: str, *, is_open: bool) -> HttpResponse:
    is_new, former = task._state.adding, task.slug
    links = [] if is_new else [Link(task.default_model), *(Link(item.model) for item in task.fallbacks.all())]
    data = request.POST if request.method == "POST" else None
    form = TaskForm(data, instance=task, links=links, now=timezone.now())
    if data is not None and form.is_valid():
        try:
            task_settings.save(task, form.links())
        except ValidationError as error:
            form.refuse(error)
        else:
            _tell(request, task, former)
            return HttpResponseRedirect(reverse("console:gateway_task_changelist"))
    context = {
        "title": title,
        "form": form,
        "task": None if is_new else task,
        "is_open": is_open,
        "is_operators": task.tenant_id is None,
        "may_delete": is_open and not is_new and visits.of(request).may("delete", "tasks"),
        "more": {} if is_new else _more(request, task, former),
    }
    return console.render(request, "gateway/tasks/form_page.html", context)


def _tell(request: HttpRequest, task: Task, former: str) -> None:
    messages.success(request, _("task/%(slug)s is in force like this from the next request on.") % {"slug": task.slug})
    if former and former != task.slug:
        for name in task_settings.asking_for(task, former):
            said = _("Rule “%(rule)s” asks for task/%(task)s, which is called otherwise now.")
            messages.warning(request, said % {"rule": name, "task": former})
    for text in routing_checks.oddities_of(task):
        messages.warning(request, text)


def _shown(task: Task, odd: dict[str, list[str]], own_slugs: set[str]) -> dict[str, Any]:
    is_own = task.tenant_id is not None
    choice, how = task.choice(), HOW.get(str(task.strategy))
    bounds = []
    if choice.quality_floor is not None:
        bounds.append(_("quality ≥ %(floor)d") % {"floor": choice.quality_floor})
    return {
        "id": str(task.pk),
        "slug": task.slug,
        "name": task.name,
        "about": task.description,
        "is_own": is_own,
        "is_active": task.is_active,
        "is_hidden": not is_own and task.slug in own_slugs,
        "chain": [task.default_model.name, *(item.model.name for item in task.fallbacks.all())],
        "notes": [how(), *bounds] if how is not None else bounds,
        "warnings": odd.get(task.slug, []) if is_own and task.is_active else [],
    }


def _more(request: HttpRequest, task: Task, slug: str) -> dict[str, Any]:
    """What else is set for the task, each with where it is: rules, context policy, cache policy."""
    visit = visits.of(request)
    rules = RoutingRule.objects.filter(tasks__contains=[slug]).order_by(
        F("tenant_id").asc(nulls_last=True), "position", "name"
    )
    cached = CachePolicy.objects.filter(tenant=visit.tenant, task=task).first()
    context = ContextPolicy.objects.filter(task=task).first()
    caches = ""
    if cached is not None:
        caches = reverse("console:gateway_cachepolicy_change", args=[cached.pk])
    elif visit.may("add", "caches"):
        caches = f"{reverse('console:gateway_cachepolicy_add')}?task={task.pk}"
    return {
        "rules": [
            {"name": rule.name, "link": reverse("console:gateway_routingrule_change", args=[rule.pk])} for rule in rules
        ],
        "new_rule": f"{reverse('console:gateway_routingrule_add')}?task={slug}" if visit.may("add", "rules") else "",
        "context": _("Trimmed") if context is not None and context.is_active else _("Sent as it comes"),
        "context_link": reverse("console:gateway_task_context", args=[task.pk]),
        "judge_link": reverse("console:judge_of_task", args=[slug]),
        "judge": _("Judged") if judge_policies.of(visit.tenant, slug).is_active else _("Not judged"),
        "cache": _("Its own policy") if cached is not None else _("As for all tasks"),
        "cache_link": caches,
    }
