"""Whose rows a request may see, from its address: /t/<slug>/… is that tenant's console, /admin/… the operators', and the rest nobody's.

In a console everything happens within the tenant (`tenancy.entered`): in one transaction, which is rolled back if the view raises, and in
the tenant's time zone. The slug is taken off the path and put into the script prefix, so that views and links know nothing of it. To
whoever may not come in, a tenant looks the same as one that does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.utils import timezone

from tenants import tenancy, visits
from tenants.accounts import second_factor, single_sign_on
from tenants.console import addresses
from tenants.models import Membership, SsoConnection
from tenants.visits import Visit

CONSOLE = re.compile(r"^/t/(?P<slug>[-\w]+)(?P<rest>/.*)?\Z", re.DOTALL)
OPERATORS = "/admin/"
LAST = "console"  # in the session: the slug of the tenant whose console was open last


class TenancyMiddleware:
    """The innermost: what others do after the response (session, messages) is done with the service's own rights."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with tenancy.nowhere():
            place = CONSOLE.match(request.path_info)
            if place is not None:
                return self._console(request, place["slug"], place["rest"])
            if request.path_info.startswith(OPERATORS) and visits.is_operator(request.user):
                with tenancy.across("the operators' pages show every tenant"):
                    return self.get_response(request)
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Django has made a response of it by the time it would reach us."""
        request._tollgate_failed = True  # type: ignore[attr-defined]

    def _console(self, request: HttpRequest, slug: str, rest: str | None) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        visit = visits.find(request, slug)
        if visit is None:
            raise Http404
        if rest is None:
            return HttpResponseRedirect(addresses.console(slug))
        sso = _required_sign_on(request, visit)
        if sso is not None:
            query = urlencode({"next": request.get_full_path()})
            return HttpResponseRedirect(f"{addresses.outside('single_sign_on_by_name', sso.provider_id)}?{query}")
        demanded = second_factor.demanded(request, of_operator=visit.by_operator)
        if demanded is not None:
            return demanded
        self._remember(request, visit)
        visits.begin(request, visit)
        request.path_info, request.urlconf = rest, addresses.URLCONF
        with (
            addresses.within(slug),
            timezone.override(ZoneInfo(visit.tenant.timezone)),
            tenancy.entered(visit.tenant.pk),
        ):
            response = self.get_response(request)
            if response.status_code >= 500 or getattr(request, "_tollgate_failed", False):
                transaction.set_rollback(True)
            return response

    def _remember(self, request: HttpRequest, visit: Visit) -> None:
        """Where one comes to next time: in this session, and for a member after signing in again."""
        if request.session.get(LAST) == visit.tenant.slug:
            return
        request.session[LAST] = visit.tenant.slug
        if not visit.by_operator:
            rows = Membership.objects.across("before the tenant is entered")
            rows.filter(tenant_id=visit.tenant.pk, user_id=str(request.user.pk)).update(last_opened_at=timezone.now())


def _required_sign_on(request: HttpRequest, visit: Visit) -> SsoConnection | None:
    """The connection that the tenant wants its members to have come through, if this one has not."""
    sso: SsoConnection | None = getattr(visit.tenant, "sso", None) if not visit.by_operator else None
    if sso is None or not (sso.is_required and sso.is_active) or single_sign_on.is_through(request, sso):
        return None
    return sso
