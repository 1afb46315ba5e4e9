"""Every address × everybody: the answer is what `tenants.roles` says, and whoever is refused has changed nothing.

An address that is new fails here until it is said what it takes. Pages are answered without their templates, which have tests of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.db import transaction
from django.template.base import Origin
from django.template.loaders.base import Loader
from django.test import Client
from django.urls import URLPattern

from tenants import roles
from tenants.roles import RIGHTS, Role
from tenants.sites import console
from tests.cast import Cast, cast, logged_in
from tests.config.matrix.addresses import everything, filled, model_page, of_site, prepare
from tests.management import script

__all__ = ["cast"]
pytestmark = pytest.mark.django_db

PEOPLE = {"vera": Role.VIEWER, "bob": Role.DEVELOPER, "ada": Role.ADMIN, "alice": Role.OWNER, "olga": Role.OWNER}
OUTSIDERS = ("anonymous", "charlie")
EVERYBODY = (*OUTSIDERS, *PEOPLE)

# What it takes: the right to look, and the right to send something.
PAGES: dict[str, tuple[str, str, str]] = {
    "tenants_apikey_rotate": ("keys", "change", "change"),
    "tenants_apikey_end_secret": ("keys", "change", "change"),
    "tenants_apikey_revoke": ("keys", "change", "change"),
    "gateway_cachepolicy_purge": ("caches", "change", "change"),
    "gateway_model_breakers": ("models", "view", "view"),
    "gateway_model_breaker_table": ("models", "view", "view"),
    "gateway_model_breaker": ("models", "change", "change"),
    "gateway_provider_models": ("providers", "change", "change"),
    "gateway_provider_model_list": ("providers", "change", "change"),
    "gateway_provider_model_editor": ("providers", "change", "change"),
    "gateway_provider_connect": ("providers", "add", "add"),
    "gateway_provider_test": ("providers", "change", "change"),
    "gateway_routingrule_explain": ("rules", "view", "view"),
}  # fmt: skip
# Every member's: frames and ways on, and what is one's own.
MEMBERS = {
    "index", "search", "login", "logout", "jsi18n", "autocomplete", "view_on_site", "setup", "setup_later", "team_leave",
    "management_schema", "management_docs", "",
}  # fmt: skip
KINDS = {"changelist": ("view", "view"), "history": ("view", "view"), "change": ("view", "change")}
KINDS |= {kind: (kind, kind) for kind in ("add", "delete")}

API = {
    "keys": "keys", "providers": "providers", "models": "models", "tasks": "tasks", "context-policies": "tasks", "rules": "rules",
    "cache-policies": "caches", "budgets": "budgets", "limits": "budgets", "channels": "channels", "alerts": "alerts",
    "statements": "statements", "end-users": "end_users", "members": "members", "invitations": "members",
    "audit-trail": "audit", "requests": "requests", "feedback": "feedback", "labels": "labels", "quality-models": "quality_models",
    "semantic-caches": "caches", "semantic-checks": "cache_checks", "subscriptions": "subscription", "tenant": "tenant",
    "single-sign-on": "sso", "alert-settings": "alerts", "metrics": "dashboards", "content": "content", "content-policy": "content",
    "judges": "judges", "judges-budget": "judges", "judgements": "judgements", "measured-quality": "judgements",
}  # fmt: skip
DOING = {
    "rotate", "revoke", "end", "test", "order", "purge", "raises", "rotate-secret", "switch-on", "erase", "list-models", "resend",
}  # fmt: skip
NONE_YET = "api/v1/single-sign-on"  # Globex has none
GOOD = (200, 201, 204, 302)
ODD_BODY = {"no_such_field": 1}


class Blank(Loader):
    """Every template there is, and nothing in it."""

    def get_template_sources(self, template_name: str) -> Iterator[Origin]:
        yield Origin(name=template_name, template_name=template_name, loader=self)

    def get_contents(self, origin: Origin) -> str:
        return ""


@pytest.fixture(autouse=True)
def _blank_pages(settings: Any) -> None:
    (engine,) = settings.TEMPLATES
    options = {**engine["OPTIONS"], "loaders": ["tests.config.matrix.test_matrix.Blank"]}
    settings.TEMPLATES = [{**engine, "APP_DIRS": False, "OPTIONS": options}]


@pytest.fixture(autouse=True)
def _at_any_pace(settings: Any) -> None:
    """Somebody without a key asks for everything here, in a moment."""
    settings.MANAGEMENT_UNKNOWN_PER_MINUTE = settings.MANAGEMENT_CALLS_PER_MINUTE = 1_000_000


def client_of(name: str, cast: Cast) -> Client:
    return Client() if name == "anonymous" else logged_in(getattr(cast, name))


def rights_of(item: URLPattern) -> tuple[str, str, str] | None:
    """Subject, and the rights for GET and POST; None: every member's."""
    name = item.name or ""
    page = next((page for page in console._pages if page.name == name), None)
    if page is not None:
        return (page.subject, page.action, page.action) if page.subject else None
    of_model = model_page(name)
    if of_model is not None:
        model, kind = of_model
        admin = console._registry[model]
        subject = getattr(admin, "subject", "") or {"logentry": "audit"}[model._meta.model_name]
        return (subject, *KINDS[kind])
    assert name in PAGES or name in MEMBERS, f"say in this table who may open {name} ({item.pattern})"
    return PAGES.get(name)


def may(role: Role, action: str, subject: str) -> bool:
    """With the cast's rows, which none of them has made."""
    return roles.may(role, action, subject) and not (  # type: ignore[arg-type]
        action in ("change", "delete") and roles.only_own(role, subject)
    )


class Undone(Exception):
    """What was allowed is taken back, so that the next one finds things as they were."""


def undone(ask: Any, *args: Any, **kwargs: Any) -> Any:
    found = None
    try:
        with transaction.atomic():
            found = ask(*args, **kwargs)
            raise Undone
    except Undone:
        return found


@pytest.mark.parametrize("name", EVERYBODY)
def test_pages_of_a_console(cast: Cast, name: str):
    prepare(cast)
    client, home, before, wrong = client_of(name, cast), f"/t/{cast.acme.tenant.slug}/", everything(), []
    for route, item in of_site("config.console_urls", without=("api/v1/",)):
        wanted, address = rights_of(item), home + filled(route, item, cast)
        for method, action in (("get", wanted[1]), ("post", wanted[2])) if wanted else (("get", ""),):
            if name in OUTSIDERS:
                found = getattr(client, method)(address).status_code
                is_right = found == (302 if name == "anonymous" else 404)
            elif wanted is None or may(PEOPLE[name], action, wanted[0]):
                if method == "post" and wanted is not None and action != "view":
                    continue  # what those may do who may is in the tests of each page
                found = undone(getattr(client, method), address).status_code
                is_right = found in (*GOOD, 405) or (found in (403, 404) and (method == "post" or _leads_nowhere(item)))
            else:
                found = getattr(client, method)(address).status_code
                is_right = found == 403
            if not is_right:
                wrong.append((method, route, found))
    assert not wrong, "\n".join(map(str, wrong))
    assert everything() == before


def _leads_nowhere(item: URLPattern) -> bool:
    """Nothing of that name; a choice without a field, which is refused to everybody; a second identity provider, of which there is one; and
    an operator is no member who could leave."""
    nowhere = {"billing_budget_propose", "dashboards_tab", "dashboards_csv", "autocomplete", "view_on_site"}
    return item.name in nowhere | {"tenants_ssoconnection_add", "team_leave"}


def api_routes() -> Iterator[tuple[str, str, URLPattern]]:
    """(method, route, pattern) of every operation."""
    for route, item in of_site(
        "config.urls", within="api/v1/", without=("api/v1/schema/", "api/v1/docs/", "api/v1/<path")
    ):
        view: Any = item.callback
        for method in list(getattr(view, "actions", None) or ["get"]):
            if method != "head":
                yield method, route, item


def api_right(method: str, route: str) -> tuple[str, str]:
    """Action and subject."""
    noun, last = route.removeprefix("api/v1/").split("/")[0], route.split("/")[-1]
    subject = API[noun]
    if method == "get":
        return "view", subject
    if last == "send-again":
        return "add", subject
    if method == "post" and last in DOING:
        return "change", subject
    return {"post": "add", "patch": "change", "delete": "delete"}[method], subject


def test_the_api_is_large_and_every_noun_has_a_subject():
    found = {(method, route) for method, route, _item in api_routes()}
    assert len(found) > 70
    assert {api_right(method, route)[1] for method, route in found} <= set(RIGHTS)


@pytest.mark.parametrize("name", EVERYBODY)
def test_operations_of_the_management_api_by_key(cast: Cast, name: str):
    """Nobody is let in by a session here, an operator neither."""
    prepare(cast)
    tenant, role = cast.acme.tenant, PEOPLE.get(name, Role.OWNER)
    caller = script(cast.globex.tenant if name == "charlie" else tenant, role.value)
    if name in ("anonymous", "olga"):
        caller.headers, caller.client = {}, client_of(name, cast)
    before, wrong = everything(), []
    for method, route, item in api_routes():
        address = filled(route, item, cast).removeprefix("api/v1/")
        action, subject = api_right(method, route)
        response = undone(caller.send, method, address, None if method in ("get", "delete") else ODD_BODY)
        if name in ("anonymous", "olga"):
            is_right = response.status_code == 401
        elif not may(role, action, subject):
            is_right = response.status_code == 403
        elif name == "charlie":
            is_right = (
                response.status_code == 404
                if ("<" in route and "month" not in route) or (route == NONE_YET and method != "post")
                else response.status_code in (200, 400)
            )
        else:
            is_right = response.status_code in (200, 201, 204, 400, 409)
        if not is_right:
            wrong.append((method, route, response.status_code, response.content[:200]))
    assert not wrong, "\n".join(map(str, wrong))
    assert everything() == before


@pytest.mark.parametrize("name", EVERYBODY)
def test_operations_of_the_management_api_within_a_console(cast: Cast, name: str):
    prepare(cast)
    client, home, before, wrong = client_of(name, cast), f"/t/{cast.acme.tenant.slug}/", everything(), []
    for method, route, item in api_routes():
        body = {} if method in ("get", "delete") else {"data": ODD_BODY, "content_type": "application/json"}
        found = undone(getattr(client, method), home + filled(route, item, cast), **body).status_code
        if name in OUTSIDERS:
            is_right = found == (302 if name == "anonymous" else 404)
        elif may(PEOPLE[name], *api_right(method, route)):
            is_right = found in (200, 201, 204, 400, 409)
        else:
            is_right = found == 403
        if not is_right:
            wrong.append((method, route, found))
    assert not wrong, "\n".join(map(str, wrong))
    assert everything() == before


@pytest.mark.parametrize("name", EVERYBODY)
def test_pages_of_the_operators_site(cast: Cast, name: str):
    prepare(cast)
    client, before, wrong = client_of(name, cast), everything(), []
    for route, item in of_site("config.urls", within="admin/"):
        address = "/" + filled(route, item, cast)
        for method in ("get",) if name == "olga" else ("get", "post"):
            response = undone(getattr(client, method), address)
            found = response.status_code
            if name == "olga":
                is_right = found in (*GOOD, 403, 404, 405)
            elif item.name == "login":
                is_right = found == 302
            elif item.name == "gateway_model_breaker_table":  # a part of a page, which has the page loaded anew
                is_right = response.headers.get("HX-Refresh") == "true" and not response.content
            else:
                is_right = found == (302 if name == "anonymous" else 403)
            if not is_right:
                wrong.append((method, route, found))
    assert not wrong, "\n".join(map(str, wrong))
    assert everything() == before


@pytest.mark.parametrize("name", ["anonymous", "olga"])
async def test_what_applications_call_opens_to_nobody_without_a_key(name: str):
    """Through the lean handler, which asks neither sessions nor the database."""
    from config.asgi import application

    cookie = [] if name == "anonymous" else [(b"cookie", b"sessionid=an-operators")]
    for route, item in of_site("config.urls", within="v1/"):
        address = "/" + route.replace("<path:name>", "gpt")
        for method in ("GET", "POST"):
            scope = {"type": "http", "method": method, "path": address, "raw_path": address.encode(), "query_string": b"",
                     "headers": [(b"host", b"localhost"), *cookie], "server": ("localhost", 80), "client": ("127.0.0.1", 1),
                     "scheme": "http", "http_version": "1.1", "root_path": ""}  # fmt: skip
            call = ApplicationCommunicator(application, scope)
            await call.send_input({"type": "http.request", "body": b"{}", "more_body": False})
            status = (await call.receive_output(5))["status"]
            await call.wait()
            expected = {400, 401, 405} if route == "v1/feedback" else {401, 404, 405} if not item.name else {401}
            assert status in expected, (method, route, status)


def test_everything_else_is_known():
    """What is neither a console's, nor the operators', nor an API is signing in, and what anybody may see."""
    others = of_site("config.urls", without=("admin/", "api/v1/", "v1/", "account/"))
    assert {route for route, _item in others} == {
        "", "t/", "alerts/confirm/<str:token>/", "invitation/<str:token>/", "api/schema/", "api/docs/",
        "feedback/<str:token>", "healthz", "readyz", "metrics",
    }  # fmt: skip
