"""Where people come in: to the console they had open last, to the operators' site, or to a choice."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tenants import sites, visits
from tenants.console import addresses
from tenants.console.middleware import LAST
from tenants.models import Membership, Tenant

PER_PAGE = 50


@require_safe
@never_cache
@login_required
def front(request: HttpRequest) -> HttpResponse:
    """`/`: on to where the person works. An operator who belongs to no tenant works at /admin/."""
    place = _last_opened(request)
    if place is not None:
        return HttpResponseRedirect(addresses.console(place.tenant.slug))
    if visits.is_operator(request.user):
        return HttpResponseRedirect(addresses.outside("admin:index"))
    return HttpResponseRedirect(addresses.outside("tenants"))


@require_safe
@never_cache
@login_required
def tenants(request: HttpRequest) -> HttpResponse:
    """`/t/`: the tenants that the person may open, to choose from. Operators may open all."""
    search = request.GET.get("q", "").strip()
    if visits.is_operator(request.user):
        rows = Tenant.objects.across("operators may open any tenant's console")
        if search:
            rows = rows.filter(Q(name__icontains=search) | Q(slug__icontains=search))
        page: Any = Paginator(rows.order_by("name", "pk"), PER_PAGE).get_page(request.GET.get("p"))
        found = [(tenant, "") for tenant in page]
    else:
        held = [item for item in visits.memberships(request) if search.lower() in item.tenant.name.lower()]
        page = Paginator(held, PER_PAGE).get_page(request.GET.get("p"))
        found = [(item.tenant, item.get_role_display()) for item in page]
    context = {
        **sites.frame(request),
        "title": _("Your tenants"),
        "places": [
            {"name": tenant.name, "role": role, "url": addresses.console(tenant.slug), "is_active": tenant.is_active}
            for tenant, role in found
        ],
        "page": page,
        "search": search,
        "is_operator": visits.is_operator(request.user),
    }
    return TemplateResponse(request, "console/tenants.html", context)


def _last_opened(request: HttpRequest) -> Membership | None:
    """Of the person's memberships, the one opened last: in this session, or else ever; the first one, if none was."""
    held = visits.memberships(request)
    last = request.session.get(LAST)
    here = [item for item in held if item.tenant.slug == last]
    opened = sorted((item for item in held if item.last_opened_at), key=lambda item: item.last_opened_at, reverse=True)  # type: ignore[arg-type,return-value]
    return next(iter([*here, *opened, *held]), None)
