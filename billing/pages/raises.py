"""Temporary raises of a budget: made and ended on the budget's page."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from billing import budgets, figures, sentences
from billing.models import BudgetRaise
from billing.pages import budget as budget_page
from billing.pages.budget_forms import RaiseForm
from billing.pages.budgets import budget_of
from tenants import visits
from tenants.sites import console


@console.page("budgets/<uuid:budget_id>/raises/", name="billing_raise_add", subject="budgets", action="change")
@require_POST
def add(request: HttpRequest, budget_id: UUID) -> HttpResponse:
    """Raise it; with what is wrong beside the fields otherwise."""
    budget = budget_of(request, budget_id)
    form = RaiseForm(request.POST)
    if form.is_valid():
        told = form.cleaned_data
        try:
            item = budgets.raise_temporarily(
                budget,
                amount=told["amount"],
                ends_at=told["ends_at"],
                reason=told["reason"],
                by=request.user,
                now=timezone.now(),
            )
        except ValidationError as error:
            form.refuse(error)
        else:
            until = figures.exact(timezone.localtime(item.ends_at))
            amount = sentences.quantity(budget.metric, item.amount)
            messages.success(request, _("Raised to %(amount)s until %(until)s.") % {"amount": amount, "until": until})
            return HttpResponseRedirect(reverse("console:billing_budget_change", args=[budget.pk]))
    return budget_page.shown(request, budget, raise_form=form)


@console.page("budgets/raises/<uuid:raise_id>/end/", name="billing_raise_end", subject="budgets", action="change")
@require_POST
def end(request: HttpRequest, raise_id: UUID) -> HttpResponse:
    rows = BudgetRaise.objects.select_related("budget__tenant")
    item = get_object_or_404(rows, pk=raise_id, tenant=visits.of(request).tenant)
    budgets.end_raise(item, timezone.now())
    messages.success(request, _("The raise is over: the budget's own amount holds from the next request on."))
    return HttpResponseRedirect(reverse("console:billing_budget_change", args=[item.budget_id]))
