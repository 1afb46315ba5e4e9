"""A task's context policy in the console: the form in plain words, and a box that tries it on a conversation."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from gateway import context_policies, routing_checks, selectors
from gateway.models import Task
from gateway.pages.context_forms import ContextForm
from gateway.pages.context_preview import NotAConversation, Preview, preview
from gateway.pages.tasks import is_theirs, read_or_write, tasks
from tenants import visits
from tenants.sites import console


@console.page("gateway/task/<uuid:task_id>/context/", name="gateway_task_context", subject="tasks")
@read_or_write
@never_cache
def page(request: HttpRequest, task_id: UUID) -> HttpResponse:
    task = get_object_or_404(tasks(), pk=task_id)
    may_change = is_theirs(request, task)
    if request.method == "POST" and not may_change:
        raise PermissionDenied
    policy = context_policies.of(task)
    is_new = policy._state.adding
    form = ContextForm(request.POST if request.method == "POST" else None, instance=policy, now=timezone.now())
    if request.method == "POST" and form.is_valid():
        try:
            context_policies.save(policy)
        except ValidationError as error:
            form.refuse(error)
        else:
            messages.success(
                request, _("Saved. It holds for task/%(slug)s from the next request on.") % {"slug": task.slug}
            )
            return HttpResponseRedirect(reverse("console:gateway_task_change", args=[task.pk]))
    context = {
        "title": _("Long conversations of task/%(slug)s") % {"slug": task.slug},
        "form": form,
        "task": task,
        "is_new": is_new,
        "is_open": may_change,
        "is_operators": task.tenant_id is None,
    }
    return console.render(request, "gateway/tasks/context_page.html", context)


@console.page("gateway/task/<uuid:task_id>/context/preview/", name="gateway_task_context_preview", subject="tasks")
@require_POST
def tried(request: HttpRequest, task_id: UUID) -> HttpResponse:
    """What the form, as it stands and without saving it, would leave of the conversation in it. Only looks, so whoever may view may ask."""
    task = get_object_or_404(tasks(), pk=task_id)
    policy = context_policies.of(task)
    is_theirs_to_change = is_theirs(request, task)
    # To whoever may not change it the form's fields are disabled, and are not sent.
    data = (
        request.POST
        if is_theirs_to_change
        else {**_present(policy), "conversation": request.POST.get("conversation", "")}
    )
    form = ContextForm(data, instance=policy, now=timezone.now())
    context: dict[str, Any] = {"form": form, "task": task}
    if form.is_valid():
        try:
            context |= _shown(request, task, form)
        except NotAConversation as error:
            form.add_error("conversation", str(error))
    return console.render(request, "gateway/tasks/context_tried.html", context)


def _shown(request: HttpRequest, task: Task, form: ContextForm) -> dict[str, Any]:
    policy = form.instance
    plan = routing_checks.in_force(visits.of(request).tenant).limits.max_input_tokens
    found: Preview = preview(
        form.cleaned_data["conversation"],
        selectors.context_policy(policy, summary_model=""),
        kind=_kind(task),
        most_of_plan=plan,
    )
    gone = len(found.turns) - found.kept
    return {
        "found": found,
        "before": f"{found.before:,}",
        "after": f"{found.after:,}",
        "gone": gone,
        "is_off": not policy.is_active,
        "may_return": policy.relevant_turns if gone else 0,
        "has_summary": bool(policy.summarises and gone),
    }


def _kind(task: Task) -> str:
    """As the pipeline counts: by the provider of the task's chain that counts most."""
    models = [task.default_model, *(item.model for item in task.fallbacks.all())]
    kinds = [model.provider.kind for model in models]
    return "anthropic" if "anthropic" in kinds else kinds[0]


def _present(policy: Any) -> dict[str, Any]:
    """The saved policy as the form would post it."""
    values = ContextForm(instance=policy, now=timezone.now()).initial
    return {name: value for name, value in values.items() if value not in (None, False)}
