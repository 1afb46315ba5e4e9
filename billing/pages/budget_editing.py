"""Writing a budget: the form that is a sentence, in the list's place or on a page of its own, and what it would have done so far.

Asked by htmx (`?part=1`, or its header with a POST) a view answers with the part alone.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing import budgets, figures, in_force, limits, lookback, proposals, selectors, sentences, subjects, telling
from billing.lookback import Limited, LookBack
from billing.models import Budget
from billing.pages import shown_lines
from billing.pages.budget_forms import TYPED, BudgetForm
from billing.pages.budgets import budget_of, listed
from tenants import visits
from tenants.models import Tenant
from tenants.sites import console

read_or_write = require_http_methods(["GET", "HEAD", "POST"])
SUGGESTED = 20
UNITS = {
    "minute": lambda count: _("%d minutes") % count,
    "hour": lambda count: _("%d hours") % count,
    "day": lambda count: _("%d days") % count,
    "week": lambda count: _("%d weeks") % count,
    "month": lambda count: _("%d months") % count,
}


@console.page("budgets/add/", name="billing_budget_add", subject="budgets", action="add")
@read_or_write
@never_cache
def add(request: HttpRequest) -> HttpResponse:
    tenant = visits.of(request).tenant
    form = BudgetForm(request.POST or None, tenant=tenant)
    if request.method == "POST" and form.is_valid():
        try:
            budget = budgets.create(tenant, form.values())
        except ValidationError as error:
            form.refuse(error)
        else:
            said = _("“%(name)s” is in force from the next request on.") % {"name": budget.name}
            if is_part(request):
                return console.render(request, "billing/limits/added.html", {"said": said, **listed(request)})
            messages.success(request, said)
            return HttpResponseRedirect(reverse("console:billing_budget_change", args=[budget.pk]))
    return _form_page(request, form, _("New budget"), reverse("console:billing_budget_add"))


@console.page("budgets/<uuid:budget_id>/edit/", name="billing_budget_edit", subject="budgets", action="change")
@read_or_write
@never_cache
def edit(request: HttpRequest, budget_id: UUID) -> HttpResponse:
    budget = budget_of(request, budget_id)
    form = BudgetForm(request.POST or None, tenant=visits.of(request).tenant, budget=budget)
    name = budget.name
    if request.method == "POST" and form.is_valid():
        try:
            budgets.change(budget, form.values(), now=timezone.now())
        except ValidationError as error:
            form.refuse(error)
        else:
            said = _("Saved: “%(name)s” is in force like this from the next request on.") % {"name": budget.name}
            if is_part(request):
                return _line(request, budget_of(request, budget_id), said)
            messages.success(request, said)
            return HttpResponseRedirect(reverse("console:billing_budget_change", args=[budget.pk]))
    return _form_page(request, form, name, reverse("console:billing_budget_edit", args=[budget_id]), budget_id)


@console.page("budgets/<uuid:budget_id>/line/", name="billing_budget_line", subject="budgets")
@require_safe
@never_cache
def line(request: HttpRequest, budget_id: UUID) -> HttpResponse:
    """The budget's line of the list: what “Cancel” brings back."""
    return _line(request, budget_of(request, budget_id), "")


@console.page("budgets/propose/<slug:slug>/", name="billing_budget_propose", subject="budgets", action="add")
@require_POST
def propose(request: HttpRequest, slug: str) -> HttpResponse:
    """Make one of the proposed budgets."""
    tenant = visits.of(request).tenant
    proposal = proposals.find(tenant, slug, timezone.now())
    if proposal is None:
        raise Http404
    try:
        budget = budgets.create(tenant, proposal.values)
    except ValidationError:  # pressed twice: it is there already
        return HttpResponseRedirect(reverse("console:billing_budget_changelist"))
    messages.success(request, _("“%(name)s” is in force from the next request on.") % {"name": budget.name})
    return HttpResponseRedirect(reverse("console:billing_budget_changelist"))


@console.page("budgets/subjects/", name="billing_budget_subjects", subject="budgets")
@require_safe
@never_cache
def suggest(request: HttpRequest) -> HttpResponse:
    """Names that hold what is being typed, as JSON."""
    dimension = request.GET.get("of", "")
    found = subjects.of(visits.of(request).tenant, dimension, request.GET.get("q", "")) if dimension in TYPED else []
    return JsonResponse({"names": [choice.value for choice in found[:SUGGESTED]]})


@console.page("budgets/preview/", name="billing_budget_preview", subject="budgets")
@require_safe
@never_cache
def preview(request: HttpRequest) -> HttpResponse:
    """What the form says just now, and what it would have done in the last windows. Incomplete input is no error here."""
    tenant, now = visits.of(request).tenant, timezone.now()
    form = BudgetForm(request.GET, tenant=tenant)
    said: dict[str, Any] = {}
    if form.is_valid():
        values = form.values()
        budget = Budget(tenant=tenant, **{name: value for name, value in vars(values).items() if name != "channel_ids"})
        said = {"says": sentences.blocking(budget), "before": sentences.before_blocking(budget)}
        subject = budget.counted_subject
        is_each = budget.scope != limits.TENANT and not subject
        limited = Limited(budget.scope, None if is_each else subject, budget.metric, budget.window, budget.amount)
        found = lookback.look_back(tenant, limited, now)
        said |= {"name": budgets.suggested_name(tenant, budget), "look_back": _looked_back(limited, found)}
        said["warnings"] = _warnings(tenant, budget)
    return console.render(request, "billing/limits/preview.html", said)


def is_part(request: HttpRequest) -> bool:
    """Whether only a part of the page is asked for."""
    return bool(request.GET.get("part")) or request.headers.get("HX-Request") == "true"


def _form_page(
    request: HttpRequest, form: BudgetForm, title: str, action: str, budget_id: UUID | None = None
) -> HttpResponse:
    context = {
        "title": title,
        "form": form,
        "action": action,
        "budget_id": budget_id,
        "is_part": is_part(request),
        "dom_id": f"budget-{budget_id}" if budget_id else "add-budget",
        "has_channels": bool(form.fields["channels"].choices),  # type: ignore[attr-defined]
    }
    template = "billing/limits/form.html" if is_part(request) else "billing/limits/form_page.html"
    return console.render(request, template, context)


def _line(request: HttpRequest, budget: Budget, said: str) -> HttpResponse:
    visit, now = visits.of(request), timezone.now()
    channels = list(telling.listening(visit.tenant.pk))
    context = {
        "line": shown_lines.shown(in_force.of_budget(budget, now), channels, now),
        "may_change": visit.may("change", "budgets"),
        "said": said,
    }
    return console.render(request, "billing/limits/saved.html", context)


def _warnings(tenant: Tenant, budget: Budget) -> list[str]:
    """What is allowed but hardly meant."""
    said = []
    for limit in selectors.limits_of_plan(tenant.pk).limits:
        is_same = (limit.dimension, limit.metric, limit.window) == (budget.scope, budget.metric, budget.window)
        amount = figures.of(limit.metric, limit.amount)
        if is_same and budget.amount > amount:
            words = {"amount": sentences.quantity(limit.metric, amount)}
            said.append(_("Your plan stops at %(amount)s a month already, before this budget does.") % words)
    if not budget.amount:
        said.append(_("An amount of 0 lets nothing through."))
    return said


def _looked_back(limited: Limited, found: LookBack | None) -> dict[str, Any] | None:
    """The last windows as bars against the amount, and a sentence."""
    if found is None:
        return {"said": _("There is too much to add up for a look back.")}
    if limited.window == "total":
        words = {
            "used": figures.usd(found.most)
            if limited.metric == limits.USD
            else sentences.quantity(limited.metric, found.most)
        }
        return {
            "said": _("So far, the most is %(used)s.") % words if found.has_use else _("Nothing has been used so far.")
        }
    count = UNITS[limited.window](len(found.windows))
    if not found.has_use:
        return {"said": _("Nothing was used in the last %(windows)s.") % {"windows": count}}
    top = max(found.most, limited.amount)
    bars = [
        {
            "x": index * 10,
            "y": 60 - _height(item.most, top),
            "height": _height(item.most, top),
            "is_over": bool(item.over),
            "label": _bar_label(limited, item),
        }
        for index, item in enumerate(found.windows)
    ]
    return {
        "said": _would_have(limited, found, count),
        "bars": bars,
        "width": len(bars) * 10 - 2,
        "line": 60 - _height(limited.amount, top),
        "label": _("What was used in each of the last %(windows)s, against the amount") % {"windows": count},
    }


def _height(amount: Decimal, top: Decimal) -> float:
    return float(round(amount / top * 60, 1)) if top else 0.0


def _would_have(limited: Limited, found: LookBack, count: str) -> str:
    most = figures.usd(found.most) if limited.metric == limits.USD else sentences.quantity(limited.metric, found.most)
    words = {"crossed": found.crossed, "windows": count, "most": most, "over": found.over, "subjects": found.subjects}
    if not found.crossed:
        return _("It would not have been used up in the last %(windows)s; the most was %(most)s.") % words
    if limited.subject is None:
        return (
            _(
                "It would have been used up in %(crossed)d of the last %(windows)s, by %(over)d of %(subjects)d; the most was %(most)s."
            )
            % words
        )
    return _("It would have been used up in %(crossed)d of the last %(windows)s; the most was %(most)s.") % words


def _bar_label(limited: Limited, item: Any) -> str:
    how = "TIME_FORMAT" if limited.window in lookback.SECONDS else "DATE_FORMAT"
    used = (
        figures.usd(Decimal(item.most))
        if limited.metric == limits.USD
        else sentences.quantity(limited.metric, item.most)
    )
    whose = f" ({item.subject})" if limited.subject is None and item.subject and limited.dimension != limits.KEY else ""
    return f"{formats.date_format(item.start, how)}: {used}{whose}"
