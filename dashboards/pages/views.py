"""The addresses of the dashboards: a tab's page, a panel's CSV, and the requests behind them. The same views serve consoles, which are
about their tenant, and the operators' site, which is about all tenants or the one that `?tenant=` names.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from dashboards import scopes, standby
from dashboards.models import Series
from dashboards.pages import asked as asking
from dashboards.pages import caches, cost, drilling, exports, failures, latency, quality, tabs, tenants, welcome
from dashboards.pages.answers import Answers
from dashboards.pages.asked import Asked
from dashboards.pages.showing import shown
from dashboards.pages.tabs import Tab
from dashboards.pages.toolbar import Link, toolbar
from dashboards.planning import Unanswerable
from gateway.admin.request_search import parse_id
from tenants import sites, visits
from tenants.models import Tenant

TABS = (tenants.TAB, latency.TAB, cost.TAB, failures.TAB, caches.TAB, quality.TAB)


@dataclass(frozen=True)
class Place:
    """Where a dashboard is looked at: `tenant` None: across all of them. `chosen`: the operator has chosen the tenant."""

    tenant: Tenant | None
    asked: Asked
    chosen: bool = False

    @property
    def tabs(self) -> Sequence[Tab]:
        return [tab for tab in TABS if not tab.is_for_operators or self.tenant is None]

    def tab(self, slug: str) -> Tab:
        found = next((tab for tab in self.tabs if tab.slug == slug), None)
        if found is None:
            raise Http404
        return found


def place(request: HttpRequest) -> Place:
    visit, chosen = visits.found(request), False
    if visit is not None:
        tenant: Tenant | None = visit.tenant
    else:
        tenant = _chosen(request)
        chosen = tenant is not None
    if tenant is not None:
        scope, zone = scopes.of_tenant(tenant), ZoneInfo(tenant.timezone)
    else:
        scope, zone = scopes.across_tenants(reason="an operator looks at the dashboards"), ZoneInfo(scopes.UTC)
    name = str(tenant.pk) if chosen and tenant is not None else ""
    return Place(tenant, asking.understood(request.GET, scope, zone, timezone.now(), tenant=name), chosen)


@require_safe
@standby.preferred()
def first(request: HttpRequest) -> HttpResponse:
    """The first tab."""
    here = place(request)
    return _tab(request, here, here.tabs[0].slug)


@require_safe
@standby.preferred()
def tab(request: HttpRequest, slug: str) -> HttpResponse:
    return _tab(request, place(request), slug)


def _tab(request: HttpRequest, here: Place, slug: str) -> HttpResponse:
    if here.chosen and slug == tenants.TAB.slug:  # about all tenants, so of one there is none
        return HttpResponseRedirect(address(latency.TAB.slug) + here.asked.query())
    found = here.tab(slug)
    answers = Answers(here.asked, here.tenant, found.names)
    tiles = tabs.tiles(found, answers)
    is_empty = bool(tiles) and not answers.whole["requests"]
    panels = [] if is_empty else tabs.panels(found, answers)
    context = {
        "title": found.label,
        "toolbar": toolbar(here.asked, found.dimensions, found.by(answers)),
        "tiles": tiles,
        "answers_requests": answers.whole["requests"] if tiles else None,
        "is_empty": is_empty,
        "welcome": _welcome(request, here) if is_empty else None,
        "problem": tabs.problem_of_all(panels),
        "panels": [shown(panel, here.asked, _links(here, slug, panel.key)) for panel in panels],
    }
    return _render(request, here, slug, "dashboards/tab.html", context)


@require_safe
@standby.preferred()
def csv(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """One panel's data, as the page with the same query string shows it."""
    here = place(request)
    found = here.tab(slug)
    if key not in found.panels:
        raise Http404
    panel = tabs.panel(found, key, Answers(here.asked, here.tenant, found.names))
    if panel is None:
        raise Http404
    name = f"tollgate-{slug}-{key}-{here.asked.view.range.start.astimezone(here.asked.view.range.zone):%Y-%m-%d}.csv"
    return HttpResponse(
        exports.encoded(panel),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


@require_safe
@standby.preferred()
def requests(request: HttpRequest) -> HttpResponse:
    here = place(request)
    problem, found = "", drilling.Listing(())
    try:
        found = drilling.listing(here.asked, before=request.GET.get("before", ""))
    except Unanswerable as error:
        problem = str(error)
    context = {
        "title": _("Requests"),
        "toolbar": toolbar(here.asked),
        "listing": found,
        "problem": problem,
        "is_across": here.tenant is None,
        "search": here.asked.text,
        "newest": here.asked.query() if request.GET.get("before") else "",
        "is_followed": _is_followed(request, here),
        "has_own_pace": True,
        "welcome": _welcome(request, here) if not found.rows and not here.asked.text else None,
    }
    return _render(request, here, "requests", "dashboards/requests.html", context)


def _is_followed(request: HttpRequest, here: Place) -> bool:
    """Whether new requests may come into the list: not into older pages, a range that has ended, or where one request was looked up."""
    is_looked_up = bool(here.asked.text) and parse_id(here.asked.text) is not None
    return not request.GET.get("before") and here.asked.view.range.name != "custom" and not is_looked_up


def address(slug: str) -> str:
    return reverse("admin:dashboards_requests" if slug == "requests" else "admin:dashboards_tab", args=_args(slug))


def _args(slug: str) -> list[str]:
    return [] if slug == "requests" else [slug]


def _links(here: Place, slug: str, key: str) -> dict[str, str]:
    query = here.asked.query()
    return {
        "csv": reverse("admin:dashboards_csv", args=[slug, key]) + query,
        "requests": address("requests"),
        "page": address(slug),
        "tenant": address(latency.TAB.slug),
    }


def _render(request: HttpRequest, here: Place, slug: str, template: str, context: dict[str, Any]) -> HttpResponse:
    """In the frame of the site, with the tabs, which keep what was chosen."""
    query = here.asked.query({"by": None, "q": None})
    links = [Link(str(item.label), address(item.slug) + query, item.slug == slug) for item in here.tabs]
    links.append(Link(_("Requests"), address("requests") + query, slug == "requests"))
    site: Any = sites.console if visits.found(request) is not None else admin.site
    frame = {
        "tabs": links,
        "here": request.get_full_path(),
        "path": request.path,
        "chosen": here.tenant if here.chosen else None,
        "all_tenants": address(tenants.TAB.slug) + here.asked.query({"tenant": None}),
        "now": dt.datetime.now(dt.UTC),
        "behind": standby.behind(),
    }
    response: HttpResponse = site.render(request, template, {**frame, **context})
    return response


def _chosen(request: HttpRequest) -> Tenant | None:
    try:
        return Tenant.objects.filter(pk=UUID(request.GET.get("tenant", ""))).first()
    except ValueError:
        return None


def _welcome(request: HttpRequest, here: Place) -> welcome.Welcome | None:
    """What to do first, if there has never been a request; None if there has."""
    rows = Series.objects.filter(tenant_id__in=here.asked.view.scope.tenant_ids)
    return None if rows.exists() else welcome.welcome(request)


_SITES: tuple[Any, ...] = (sites.console, admin.site)
for site in _SITES:
    site.page("dashboards/", name="dashboards", subject="dashboards")(first)
    site.page("dashboards/requests/", name="dashboards_requests", subject="requests")(requests)
    site.page("dashboards/<slug:slug>/", name="dashboards_tab", subject="dashboards")(tab)
    site.page("dashboards/<slug:slug>/<slug:key>.csv", name="dashboards_csv", subject="dashboards")(csv)
