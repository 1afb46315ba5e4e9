"""Statements: the months there are, each as a page that prints well and as CSV. For every member."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing import figures, statement_csv, statement_page, statements
from billing import months as _months  # noqa: F401  (the converter in the addresses below)
from tenants import visits
from tenants.models import Tenant
from tenants.sites import console


@console.page("statements/", name="statements", subject="statements")
@require_safe
@never_cache
def months(request: HttpRequest) -> HttpResponse:
    """Every month with its total, the latest first."""
    found = statements.months(visits.of(request).tenant, timezone.now())
    context = {"title": _("Statements"), "months": [_month(item) for item in found]}
    return console.render(request, "billing/statements/months.html", context)


@console.page("statements/<month:month>/", name="statement", subject="statements")
@require_safe
@never_cache
def page(request: HttpRequest, month: dt.date) -> HttpResponse:
    """The statement to read and to print."""
    made = _statement(visits.of(request).tenant, month)
    earlier, later = statements.neighbours(made)
    context = {
        "title": _("Statement of %(month)s") % {"month": formats.date_format(month, "F Y")},
        **statement_page.context(made),
        "earlier": earlier,
        "later": later,
    }
    return console.render(request, "billing/statements/statement.html", context)


@console.page("statements/<month:month>/statement.csv", name="statement_csv", subject="statements")
@require_safe
@never_cache
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


def _month(item: statements.MonthTotal) -> dict[str, Any]:
    total = item.total
    return {
        "name": formats.date_format(item.first_day, "F Y"),
        "is_so_far": item.is_so_far,
        "link": reverse("console:statement", args=[item.first_day]),
        "csv": reverse("console:statement_csv", args=[item.first_day]),
        "requests": f"{total.requests:,}",
        "tokens": f"{total.input_tokens + total.output_tokens:,}",
        "cost": figures.usd(total.cost_usd),
        "exact": f"${total.cost_usd:,f}",
    }
