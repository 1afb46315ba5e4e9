"""The two faces: the operators' site at /admin/, which shows every tenant, and the console at /t/<slug>/, which shows one.

A model's page is written once, as a subclass of `tenants.admin.base.HouseAdmin`, and registered with `@sites.register`. Other pages of the
console are views with `@console.page`. Which tenant a console is about, and in which role somebody is there, is `tenants.visits`'.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from tenants import visits
from tenants.accounts import second_factor
from tenants.console import addresses
from tenants.roles import RIGHTS, Action
from tenants.visits import Visit

FOUND = 20  # entries of the search in the sidebar
LONG = 7  # tenants, from where on the switcher is searched

View = Callable[..., HttpResponseBase]


@dataclass(frozen=True)
class Page:
    """A view of a site that is no model's: where it is, and the right that one needs to open it in a console."""

    route: str
    name: str
    subject: str | None
    action: Action
    view: View


class HouseSite(UnfoldAdminSite):
    """What both have in common. Signing in and out is neither's: it stands at /account/."""

    enable_nav_sidebar = True
    empty_value_display = "–"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self._pages: list[Page] = []

    def page(
        self, route: str, *, name: str, subject: str | None = None, action: Action = "view"
    ) -> Callable[[View], View]:
        """Register a view at `route` within the site, as `<site>:<name>`, for those who may do `action` on `subject` (None: all)."""

        def register(view: View) -> View:
            self._pages.append(Page(route, name, subject, action, self._guarded(view, action, subject)))
            return view

        return register

    def _guarded(self, view: View, action: Action, subject: str | None) -> View:
        return view

    def may_open(self, request: HttpRequest, name: str) -> bool:
        """Whether the person may open the page of that name."""
        return any(page.name == name for page in self._pages) and self.has_permission(request)

    def get_urls(self) -> list[Any]:
        """The pages first; without Django's own of passwords."""
        pages = [path(page.route, self.admin_view(page.view), name=page.name) for page in self._pages]
        return [
            *pages,
            *(
                url
                for url in super().get_urls()
                if getattr(url, "name", None) not in ("password_change", "password_change_done")
            ),
        ]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        target = request.GET.get(REDIRECT_FIELD_NAME) or request.get_full_path()
        return redirect_to_login(target, addresses.outside("account_login"))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return HttpResponseRedirect(addresses.outside("account_logout"))

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The sidebar's entries that hold the text. Unfold's own keeps what it found by person, across tenants and roles."""
        asked = request.GET.get("s", "").strip().lower()
        groups = self.get_sidebar_list(request) if asked else []
        results = [
            {"title": item["title"], "description": group["title"], "link": item["link"], "icon": item["icon"]}
            for group in groups
            for item in group["items"]
            if asked in f"{item['title']} {item['description']}".lower()
        ]
        response = TemplateResponse(request, "unfold/helpers/search_results.html", {"results": results[:FOUND]})
        response["HX-Trigger"] = "search"
        return response

    def render(
        self, request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
    ) -> TemplateResponse:
        """A page in the site's frame. `context` has its title."""
        request.current_app = self.name
        return TemplateResponse(request, template, {**self.each_context(request), **context}, status=status)


class OperatorSite(HouseSite):
    """For those who run this Tollgate, and nobody else. The middleware lets its pages cross tenants (`tenants.console.middleware`)."""

    index_title = _("Overview")

    def has_permission(self, request: HttpRequest) -> bool:
        return visits.is_operator(request.user)

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        inner: View = super().admin_view(view, cacheable)

        @functools.wraps(view)
        def operators_only(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not self.has_permission(request):
                raise PermissionDenied
            return second_factor.demanded(request, of_operator=True) or inner(request, *args, **kwargs)

        return operators_only

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context: dict[str, Any] = super().each_context(request)
        context["lacks_second_factor"] = self.has_permission(request) and second_factor.is_missing(request)
        return context


class ConsoleSite(HouseSite):
    """A tenant's console, as far as the person's role reaches."""

    settings_name = "UNFOLD_CONSOLE"
    index_title = _("Home")

    def __init__(self, name: str = "console") -> None:
        super().__init__(name)

    def has_permission(self, request: HttpRequest) -> bool:
        """Who has come so far is a member, or an operator: the middleware has let nobody else in."""
        return visits.found(request) is not None

    def _guarded(self, view: View, action: Action, subject: str | None) -> View:
        return view if subject is None else needs(action, subject)(view)

    def may_open(self, request: HttpRequest, name: str) -> bool:
        """Whether the person may open the page of that name."""
        visit = visits.of(request)
        page = next(page for page in self._pages if page.name == name)
        return page.subject is None or visit.may(page.action, page.subject)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context: dict[str, Any] = super().each_context(request)
        visit = visits.found(request)
        if visit is not None:
            context |= {"visit": visit, "site_header": visit.tenant.name, "site_subheader": visit.role.label}
            context |= self._switcher(request, visit)
        return context

    def _switcher(self, request: HttpRequest, visit: Visit) -> dict[str, Any]:
        """The tenants that one can change to. Operators, who may open all, have a page to search them."""
        tenants = [item.tenant for item in visits.memberships(request)]
        if visit.by_operator:
            tenants = [visit.tenant, *tenants]
        places = [
            {"name": tenant.name, "url": addresses.console(tenant.slug), "is_here": tenant.pk == visit.tenant.pk}
            for tenant in tenants
        ]
        return {"switcher": places, "is_long_switcher": len(places) > LONG}

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return import_string("tenants.pages.home.home")(request)


def needs(action: Action, subject: str) -> Callable[[View], View]:
    """Answer 403 to members whose role may not do `action` on `subject`."""
    if subject not in RIGHTS:
        raise KeyError(subject)

    def guard(view: View) -> View:
        @functools.wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not visits.of(request).may(action, subject):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return guard


console = ConsoleSite()


def frame(request: HttpRequest) -> dict[str, Any]:
    """What the templates of pages outside of both sites need of the look. Asks nothing of anybody."""
    keys = ("SITE_TITLE", "SITE_HEADER", "SITE_SUBHEADER", "THEME", "BORDER_RADIUS")
    return {
        **{key.lower(): console._get_config(key, request) for key in keys},
        "colors": console._get_colors("COLORS", request),
        "site_favicons": console._get_favicons("SITE_FAVICONS", request),
        "site_icon": console._get_theme_images("SITE_ICON", request),
        "styles": console._get_list("STYLES", request),
        "scripts": console._get_list("SCRIPTS", request),
        "form_classes": console._get_config("FORMS", request).get("classes"),
    }


def register(*models: type[Model], in_console: bool = True) -> Callable[[Any], Any]:
    """Register a model's pages with the operators' site and, unless said otherwise, with the console."""

    def decorate(page: Any) -> Any:
        for site in (admin.site, console) if in_console else (admin.site,):
            for model in models:
                site.register(model, page)
        return page

    return decorate
