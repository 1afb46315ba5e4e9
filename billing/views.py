"""Statements, pages of the tenant's console for every member. Without a site of their own: they are made to be printed."""

from __future__ import annotations

import datetime as dt

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing import statement_csv, statement_page, statements
from tenants import visits
from tenants.models import Tenant
from tenants.sites import needs


@require_safe
@never_cache
@needs("view", "statements")
def current(request: HttpRequest) -> HttpResponse:
    """To the present month's statement."""
    month = statements.current_month(visits.of(request).tenant, timezone.now())
    return HttpResponseRedirect(reverse("billing:statement", args=[month]))


@require_safe
@never_cache
@needs("view", "statements")
def page(request: HttpRequest, month: dt.date) -> HttpResponse:
    """The statement to read and to print."""
    made = _statement(visits.of(request).tenant, month)
    earlier, later = statements.neighbours(made)
    context = {**statement_page.context(made), "earlier": earlier, "later": later}
    return render(request, "billing/statement.html", context)


@require_safe
@never_cache
@needs("view", "statements")
def table(request: HttpRequest, month: dt.date) -> StreamingHttpResponse:
    """The statement with every end user, as CSV."""
    made = _statement(visits.of(request).tenant, month)
    response = StreamingHttpResponse(statement_csv.stream(made), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="tollgate-{made.tenant.slug}-{month:%Y-%m}.csv"'
    return response


def _statement(tenant: Tenant, month: dt.date) -> statements.Statement:
    now = timezone.now()
    if month > statements.current_month(tenant, now):
        raise Http404
    return statements.statement(tenant, month.year, month.month, now=now)
