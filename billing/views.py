"""Statements, for operators and for members of the tenant in any role. To everyone else they do not exist."""

from __future__ import annotations

import datetime as dt

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing import statement_csv, statement_page, statements
from tenants.admin import scope
from tenants.models import Tenant


@require_safe
@never_cache
@login_required
def current(request: HttpRequest, slug: str) -> HttpResponse:
    """To the present month's statement."""
    tenant = _tenant(request, slug)
    month = statements.current_month(tenant, timezone.now())
    return HttpResponseRedirect(reverse("billing:statement", args=[tenant.slug, month]))


@require_safe
@never_cache
@login_required
def page(request: HttpRequest, slug: str, month: dt.date) -> HttpResponse:
    """The statement to read and to print."""
    tenant = _tenant(request, slug)
    made = _statement(tenant, month)
    earlier, later = statements.neighbours(made)
    context = {**statement_page.context(made), "earlier": earlier, "later": later, "is_staff": request.user.is_staff}
    return render(request, "billing/statement.html", context)


@require_safe
@never_cache
@login_required
def table(request: HttpRequest, slug: str, month: dt.date) -> StreamingHttpResponse:
    """The statement with every end user, as CSV."""
    made = _statement(_tenant(request, slug), month)
    response = StreamingHttpResponse(statement_csv.stream(made), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="tollgate-{slug}-{month:%Y-%m}.csv"'
    return response


def _tenant(request: HttpRequest, slug: str) -> Tenant:
    rows = Tenant.objects.all()
    if not scope.is_operator(request):
        rows = rows.filter(pk__in=scope.tenant_ids(request))
    return get_object_or_404(rows, slug=slug)


def _statement(tenant: Tenant, month: dt.date) -> statements.Statement:
    now = timezone.now()
    if month > statements.current_month(tenant, now):
        raise Http404
    return statements.statement(tenant, month.year, month.month, now=now)
