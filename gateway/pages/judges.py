"""Judges in the console: which tasks' answers are judged, by whom and by what rubric, and what that may cost."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from gateway import judge_policies
from gateway.caching import evidence
from gateway.judging import counting
from gateway.models import JudgePolicy, Task
from gateway.pages.judge_forms import JudgeBudgetForm, JudgeForm
from gateway.pages.tasks import read_or_write, tasks
from gateway.quality.figures import Counts
from tenants import visits
from tenants.models import Tenant
from tenants.sites import console

SEEN = dt.timedelta(days=28)


@console.page("judges/", name="judges", subject="judges")
@read_or_write
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    """The tasks with their judges, and the form of the budget."""
    visit = visits.of(request)
    tenant, may_change = visit.tenant, visit.may("change", "judges")
    if request.method == "POST" and not may_change:
        raise PermissionDenied
    form = JudgeBudgetForm(request.POST if request.method == "POST" else None, instance=judge_policies.budget(tenant))
    if request.method == "POST" and form.is_valid():
        try:
            judge_policies.save(form.instance)
        except ValidationError as error:
            form.refuse(error)
        else:
            messages.success(request, _("Saved. Judges spend no more than that from now on."))
            return HttpResponseRedirect(reverse("console:judges"))
    now = timezone.now()
    counted = counting.counts(counting.Asked([tenant.pk], now - SEEN, now), by=("task",))
    policies = {row.task: row for row in JudgePolicy.objects.filter(tenant=tenant)}
    shown = [_shown(slug, name, policies.get(slug), counted) for slug, name in _places(policies)]
    context = {
        "title": _("Judges"),
        "form": form,
        "may_change": may_change,
        "spent": _spent(tenant, now),
        "places": shown,
        "has_any": any(item["is_on"] for item in shown),
        "days": SEEN.days,
    }
    return console.render(request, "gateway/judges/page.html", context)


@console.page("judges/models/", name="judge_of_models", subject="judges")
@read_or_write
@never_cache
def of_models(request: HttpRequest) -> HttpResponse:
    """Of answers to whoever names a model."""
    return _edit(request, "", _("Judge of models that are asked for by name"), ())


@console.page("judges/task/<slug:task_slug>/", name="judge_of_task", subject="judges")
@read_or_write
@never_cache
def of_task(request: HttpRequest, task_slug: str) -> HttpResponse:
    slug, visit = task_slug, visits.of(request)
    task = tasks().filter(slug=slug).order_by("tenant_id").first()  # the tenant's own goes before the operator's
    if task is None and not JudgePolicy.objects.filter(tenant=visit.tenant, task=slug).exists():
        raise Http404
    return _edit(request, slug, _("Judge of task/%(slug)s") % {"slug": slug}, _chain(task))


def _edit(request: HttpRequest, slug: str, title: str, chain: tuple[str, ...]) -> HttpResponse:
    visit = visits.of(request)
    may_change = visit.may("change", "judges")
    if request.method == "POST" and not may_change:
        raise PermissionDenied
    policy = judge_policies.of(visit.tenant, slug)
    is_new = policy._state.adding
    if is_new and request.method != "POST":
        policy.is_active = True  # who comes here wants one
    form = JudgeForm(request.POST if request.method == "POST" else None, instance=policy)
    if request.method == "POST" and form.is_valid():
        try:
            judge_policies.save(policy)
        except ValidationError as error:
            form.refuse(error)
        else:
            _tell(request, policy, chain)
            return HttpResponseRedirect(reverse("console:judges"))
    context = {"title": title, "form": form, "is_open": may_change, "is_new": is_new, "slug": slug}
    return console.render(request, "gateway/judges/form_page.html", context)


def _tell(request: HttpRequest, policy: JudgePolicy, chain: tuple[str, ...]) -> None:
    if not policy.is_active:
        messages.success(request, _("These answers are not judged any more. What was found stays."))
        return
    told = {"share": f"{policy.share_percent.normalize():f}", "judge": policy.judge}
    messages.success(request, _("From now on %(share)s of a hundred answers are judged by %(judge)s.") % told)
    if policy.judge in chain:
        said = _(
            "%(judge)s judges answers of its own, too. Models favour those: such scores are marked, and routing leaves them out."
        )
        messages.warning(request, said % told)


def _chain(task: Task | None) -> tuple[str, ...]:
    if task is None:
        return ()
    return (task.default_model.name, *(item.model.name for item in task.fallbacks.all()))


def _places(policies: dict[str, JudgePolicy]) -> list[tuple[str, str]]:
    """What may have a judge: slug and name; tasks that are gone and had one, too."""
    found = {task.slug: task.name for task in tasks().filter(is_active=True).order_by("slug")}
    found |= {slug: "" for slug in policies if slug and slug not in found}
    return [*found.items(), ("", _("Models asked for by name"))]


def _shown(slug: str, name: str, policy: JudgePolicy | None, counted: dict[tuple[str, ...], Counts]) -> dict[str, Any]:
    counts = counted.get((slug,), Counts())
    found = ""
    if counts.judged:
        low, high = evidence.wilson(counts.good, counts.judged)
        found = _("%(share).0f %% good (%(low).0f – %(high).0f %%), %(count)s scores") % {
            "share": 100 * counts.good / counts.judged,
            "low": 100 * low,
            "high": 100 * high,
            "count": f"{counts.judged:,}",
        }
    is_on = policy is not None and policy.is_active and policy.share_percent > 0
    return {
        "title": f"task/{slug}" if slug else name,
        "name": name if slug else "",
        "href": reverse("console:judge_of_task", args=[slug]) if slug else reverse("console:judge_of_models"),
        "is_on": is_on,
        "share": f"{policy.share_percent.normalize():f}" if policy is not None else "",
        "judge": policy.judge if policy is not None else "",
        "found": found,
        "quality": f"{reverse('console:dashboards_tab', args=['quality'])}?range=30d&task={slug or '(none)'}",
    }


def _spent(tenant: Tenant, now: dt.datetime) -> dict[str, str]:
    return {kind: f"${judge_policies.used_usd(tenant, kind, now):.4f}" for kind in ("day", "month")}
