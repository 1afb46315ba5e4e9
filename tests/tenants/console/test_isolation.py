"""A console shows its tenant and no other: to those who may not come in it does not exist, and a forgotten filter shows nothing either."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import models
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tenants import managers
from tenants.admin.base import TenantScopedAdmin
from tenants.console import addresses
from tenants.models import TenantOwned
from tenants.sites import console
from tests.cast import Cast, Company, build_cast, in_console, logged_in
from tests.tenants.bound_rows import row_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db: None) -> Cast:
    """With the audit trail of its making."""
    return build_cast()


ARGUMENTS = {"uuid": str(uuid4()), "month": "2026-10", "slug": "x", "int": "1"}
PAGES = sorted(console._registry, key=lambda model: model._meta.label)


def routes(resolver: Any, before: str = "") -> Iterator[str]:
    """Every address of the console, with made-up arguments."""
    for item in resolver.url_patterns:
        route = before + str(item.pattern)
        if isinstance(item, URLResolver):
            yield from routes(item, route)
        elif isinstance(item, URLPattern):
            address = route
            for name, converter in item.pattern.converters.items():
                kind = type(converter).__name__.removesuffix("Converter").lower()
                for spelled in (f"<{kind}:{name}>", f"<{name}>", f"<str:{name}>", f"<path:{name}>"):
                    address = address.replace(spelled, ARGUMENTS.get(kind, ARGUMENTS["uuid"]))
            yield address.replace("^", "").replace("(?P<app_label>auth|contenttypes)/$", "auth/").replace("$", "")


ROUTES = sorted({route for route in routes(get_resolver(addresses.URLCONF)) if "(?P" not in route})


def markers(company: Company) -> list[str]:
    return [
        str(company.tenant.pk), company.tenant.name, company.tenant.slug, company.provider.name, company.budget.name,
        company.channel.name, company.end_user.external_id, str(company.request), str(company.key.api_key),
    ]  # fmt: skip


def test_there_are_many_addresses():
    assert len(ROUTES) > 60
    assert {"", "budgets/", "tenants/apikey/add/", "statements/2026-10/"} <= set(ROUTES)


@pytest.mark.parametrize("method", ["get", "post"])
def test_to_a_stranger_every_page_of_a_console_is_one_that_does_not_exist(cast: Cast, method: str):
    ask = getattr(logged_in(cast.charlie), method)
    none = ask("/t/no-such-tenant/")
    assert none.status_code == 404
    for route in ROUTES:
        theirs = ask(f"/t/{cast.acme.tenant.slug}/{route}")
        assert (theirs.status_code, theirs.content) == (404, none.content), route
        assert dict(theirs.headers) == dict(none.headers), route


def test_to_someone_with_no_tenant_a_console_does_not_exist(cast: Cast):
    nobody = logged_in(User.objects.create(username="nobody@example.com"))
    theirs, none = nobody.get(f"/t/{cast.acme.tenant.slug}/"), nobody.get("/t/no-such-tenant/")
    assert (theirs.status_code, theirs.content) == (none.status_code, none.content) == (404, none.content)


def test_a_visitor_who_is_not_signed_in_is_sent_to_sign_in_whichever_tenant_it_is(cast: Cast):
    for slug in (cast.acme.tenant.slug, "no-such-tenant"):
        response = Client().get(f"/t/{slug}/budgets/?q=x")
        assert (response.status_code, response["Location"]) == (
            302,
            f"/account/login/?next=/t/{slug}/budgets/%3Fq%3Dx",
        )


def test_a_former_member_is_a_stranger(cast: Cast):
    client = in_console(cast.vera, cast.acme.tenant)
    assert client.get(client.home).status_code == 200
    cast.vera.memberships.all().delete()
    assert client.get(client.home).status_code == 404


@pytest.fixture
def forgotten_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Managers and pages that say nothing of tenants, as if somebody had forgotten to."""
    monkeypatch.setattr(managers.TenantManager, "get_queryset", models.Manager.get_queryset)
    monkeypatch.setattr(TenantScopedAdmin, "get_queryset", lambda page, request: page.model._base_manager.all())


@pytest.mark.usefixtures("forgotten_filters")
@pytest.mark.parametrize("model", PAGES, ids=[model._meta.label for model in PAGES])
def test_without_the_filters_of_the_code_lists_still_show_nothing_of_others(cast: Cast, model: Any):
    if issubclass(model, TenantOwned):
        row_of(model, cast.globex, cast)
    alice = in_console(cast.alice, cast.acme.tenant)
    address = f"{alice.home}{model._meta.app_label}/{model._meta.model_name}/"
    for query in ({}, {"q": "Globex"}, {"tenant": str(cast.globex.tenant.pk)}, {"all": "1"}):
        response = alice.get(address, query, follow=True)
        assert response.status_code == 200
        content = response.content.decode()
        assert not [text for text in markers(cast.globex) if text in content and text not in str(query)], query
    assert model._base_manager.count() > 0


@pytest.mark.usefixtures("forgotten_filters")
def test_without_the_filters_of_the_code_rows_of_others_are_still_not_found(cast: Cast):
    ada = in_console(cast.ada, cast.acme.tenant)
    for own, theirs in zip(cast.acme.rows, cast.globex.rows, strict=True):
        place = f"{ada.home}{own._meta.app_label}/{own._meta.model_name}"
        assert ada.get(f"{place}/{theirs.pk}/change/").status_code == 404
        assert ada.get(f"{place}/{theirs.pk}/history/").status_code == 404
        assert ada.post(f"{place}/{theirs.pk}/delete/", {"post": "yes"}).status_code in (403, 404)
        assert type(theirs)._base_manager.filter(pk=theirs.pk).exists()


@pytest.mark.usefixtures("forgotten_filters")
def test_without_the_filters_of_the_code_the_pages_that_are_no_lists_name_nobody_else(cast: Cast):
    ada = in_console(cast.ada, cast.acme.tenant)
    own = ("budgets/", "budgets/add/", "alerts/", "channels/", "plan/", "statements/")
    own += ("gateway/routingrule/add/", "gateway/task/add/", f"gateway/task/{cast.acme.task.pk}/context/")
    for address in ("", "search/?s=o", "gateway/routingrule/explain/", *own):
        content = ada.get(ada.home + address).content.decode()
        assert not [text for text in markers(cast.globex) if text in content], address
    for address in (f"budgets/{cast.globex.budget.pk}/", f"channels/{cast.globex.channel.pk}/"):
        assert ada.get(ada.home + address).status_code == 404
