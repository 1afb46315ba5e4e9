"""One budget's page: its bar, who used most, raises, and what has become of it."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing import budgets, figures, history, in_force, sentences, telling
from billing.models import Budget
from billing.pages import shown_lines
from billing.pages.budget_forms import UNITS, RaiseForm
from billing.pages.budgets import budget_of
from tenants import visits
from tenants.sites import console

SEARCH_LENGTH = 200
TOP = 5
LEAST_SECONDS = 6 * 3600


@console.page("budgets/<uuid:budget_id>/", name="billing_budget_change", subject="budgets")
@require_safe
@never_cache
def page(request: HttpRequest, budget_id: UUID) -> HttpResponse:
    return shown(request, budget_of(request, budget_id))


def shown(request: HttpRequest, budget: Budget, *, raise_form: RaiseForm | None = None) -> HttpResponse:
    """With the form of a raise as it was refused, if it was."""
    visit, now = visits.of(request), timezone.now()
    line = in_force.of_budget(budget, now)
    channels = list(telling.listening(visit.tenant.pk))
    context: dict[str, Any] = {
        "title": budget.name,
        "line": shown_lines.shown(line, channels, now),
        "may_change": visit.may("change", "budgets"),
        "may_delete": visit.may("delete", "budgets"),
        "most": f":{TOP}",
    }
    if request.GET.get("part"):
        return console.render(request, "billing/limits/figures.html", context)
    context |= {
        "budget": budget,
        "raises": [_raise(item, budget, now) for item in budget.raises.all()],
        "raise_form": raise_form or RaiseForm(ends_at=_likely_end(line, now)),
        "unit": dict(UNITS)[Budget.Metric(budget.metric)],
        "zone": timezone.get_current_timezone_name(),
        "history": _history(budget, request.GET.get("before", "")),
    }
    return console.render(request, "billing/limits/budget.html", context)


@console.page("budgets/<uuid:budget_id>/consumers/", name="billing_budget_consumers", subject="budgets")
@require_safe
@never_cache
def consumers(request: HttpRequest, budget_id: UUID) -> HttpResponse:
    """Of a budget for each: those whose names hold the text, most used first."""
    budget, now = budget_of(request, budget_id), timezone.now()
    line = in_force.of_budget(budget, now)
    text = request.GET.get("q", "").strip()[:SEARCH_LENGTH]
    uses = in_force.search(visits.of(request).tenant, line, text) if line.is_each else ()
    context = {
        "bars": None if uses is None else [shown_lines.bar(line, use) for use in uses],
        "line": shown_lines.shown(line, [], now),
        "text": text,
    }
    return console.render(request, "billing/limits/consumers.html", context)


@console.page("budgets/<uuid:budget_id>/switch/", name="billing_budget_switch", subject="budgets", action="change")
@require_POST
def switch(request: HttpRequest, budget_id: UUID) -> HttpResponse:
    budget = budget_of(request, budget_id)
    is_active = request.POST.get("to") == "on"
    budgets.switch(budget, is_active=is_active)
    said = _("“%(name)s” limits again.") if is_active else _("“%(name)s” is switched off: it limits nothing any more.")
    messages.success(request, said % {"name": budget.name})
    return HttpResponseRedirect(reverse("console:billing_budget_change", args=[budget.pk]))


@console.page("budgets/<uuid:budget_id>/delete/", name="billing_budget_delete", subject="budgets", action="delete")
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def delete(request: HttpRequest, budget_id: UUID) -> HttpResponse:
    """GET asks, POST deletes."""
    budget = budget_of(request, budget_id)
    if request.method == "POST":
        name = budget.name
        budgets.delete(budget)
        messages.success(request, _("“%(name)s” is deleted. What it alerted of stays to be seen.") % {"name": name})
        return HttpResponseRedirect(reverse("console:billing_budget_changelist"))
    context = {
        "title": _("Delete “%(name)s”?") % {"name": budget.name},
        "budget": budget,
        "says": sentences.blocking(budget),
    }
    return console.render(request, "billing/limits/delete.html", context)


def _likely_end(line: in_force.Line, now: dt.datetime) -> dt.datetime:
    """The window's end; a day from now, if that is too soon or there is none."""
    tomorrow = timezone.localtime(now + dt.timedelta(days=1))
    if line.window.end is None or line.window.end - now.timestamp() < LEAST_SECONDS:
        return tomorrow
    return dt.datetime.fromtimestamp(line.window.end, line.zone)


def _raise(item: Any, budget: Budget, now: Any) -> dict[str, Any]:
    starts_at, ends_at = timezone.localtime(item.starts_at), timezone.localtime(item.ends_at)
    person = item.created_by
    state = "over" if item.ends_at <= now else "coming" if item.starts_at > now else "in force"
    return {
        "pk": item.pk,
        "amount": sentences.quantity(budget.metric, item.amount),
        "from": formats.date_format(starts_at, "DATETIME_FORMAT"),
        "until": formats.date_format(ends_at, "DATETIME_FORMAT"),
        "reason": item.reason,
        "by": (person.get_full_name() or person.get_username()) if person is not None else "",
        "state": {"over": _("over"), "coming": _("to come"), "in force": _("in force")}[state],
        "is_over": state == "over",
    }


def _history(budget: Budget, before: str) -> dict[str, Any]:
    try:
        at = parse_datetime(before)
    except ValueError:
        at = None
    now = timezone.now()
    found = history.of(budget, before=at if at is not None and timezone.is_aware(at) else None)
    events = [
        {
            "kind": event.kind,
            "who": event.who,
            "text": event.text,
            "iso": event.at.isoformat(),
            "ago": figures.ago(event.at, now),
            "exact": figures.exact(timezone.localtime(event.at)),
        }
        for event in found.events
    ]
    return {"events": events, "earlier": found.earlier.isoformat() if found.earlier is not None else ""}
