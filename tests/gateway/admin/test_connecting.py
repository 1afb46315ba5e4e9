"""A tenant connects providers of its own: tried out first, explained where they fail, and never a way to see a key or to reach inside."""

from __future__ import annotations

import html
import json
import logging
from ipaddress import ip_network
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.urls import reverse

from gateway.models import Model, Provider
from tenants.models import Membership, Tenant
from tests.cast import CREDENTIAL, Cast, at_work, in_console, logged_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("simulator")]

KEY = "sk-of-acme-0123456789-wxyz"
CONNECT = "/admin/gateway/provider/connect/"
PARTLY = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture(autouse=True)
def url(simulator_process: Any, settings: Any) -> str:
    settings.OUTBOUND_ALLOW = [ip_network("127.0.0.1/32")]
    return f"{simulator_process.base_url}/v1"


def form(url: str, **fields: str) -> dict[str, str]:
    return {"kind": "openai-compatible", "name": "ours", "base_url": url, "key": KEY, **fields}


def text(response: Any) -> str:
    return html.unescape(response.content.decode())


def page(provider: Provider, name: str) -> str:
    return reverse(f"admin:gateway_provider_{name}", args=[provider.pk])


def connected(cast: Cast, url: str, **fields: Any) -> Provider:
    values = {"name": "ours", "kind": "openai-compatible", "base_url": url, "credential": KEY, **fields}
    return Provider.objects.create(tenant=cast.acme.tenant, **values)


def test_a_connection_that_works_is_saved_and_leads_on_to_its_models(cast: Cast, url: str):
    response = at_work(cast.ada).post(CONNECT, form(url))
    provider = Provider.objects.get(name="ours")
    assert (response.status_code, response["Location"]) == (302, at_work(cast.ada).at(page(provider, "models")))
    assert (provider.tenant, provider.credential) == (cast.acme.tenant, KEY)
    assert (provider.credential_hint, provider.test_fault) == ("sk-…wxyz", "")
    assert provider.tested_at is not None


def test_for_htmx_the_way_on_is_a_header(cast: Cast, url: str):
    response = at_work(cast.ada).post(CONNECT, form(url, **{"from": "setup"}), **PARTLY)
    assert response.status_code == 200
    assert response["HX-Redirect"].endswith("/models/?from=setup")


@pytest.mark.parametrize("partly", [{}, PARTLY])
def test_a_wrong_key_is_explained_saved_nowhere_and_not_repeated(cast: Cast, url: str, partly: dict[str, str]):
    response = at_work(cast.ada).post(CONNECT, form(url, key="sk-invalid-0123456789-abcd"), **partly)
    assert "127.0.0.1 does not accept this key." in text(response)
    assert 'data-field="credential"' in text(response)
    assert "sk-invalid-0123456789-abcd" not in text(response)
    assert ("<html" in text(response)) is not bool(partly)
    assert not Provider.objects.filter(name="ours").exists()


def test_what_does_not_work_is_saved_for_whoever_insists(cast: Cast, url: str):
    at_work(cast.ada).post(CONNECT, form(url, key="sk-invalid-0123456789-abcd", anyway="yes"))
    assert Provider.objects.get(name="ours").test_fault == "wrong_key"


def test_a_server_that_lists_no_models_is_tried_with_one_that_is_named(cast: Cast, url: str, simulator: Any):
    simulator.behave(path="/v1/models", fault="404")
    client = at_work(cast.ada)
    assert 'name="model"' in text(client.post(CONNECT, form(url), **PARTLY))
    assert client.post(CONNECT, form(url, model="sim-x")).status_code == 302
    assert Provider.objects.get(name="ours").test_fault == ""


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"base_url": ""}, "base_url", "needs its base URL"),
        ({"base_url": "ftp://x"}, "base_url", "Enter a valid URL"),
        ({"base_url": "http://10.0.0.1/v1"}, "base_url", "10.0.0.1 is not an address on the public internet."),
        ({"base_url": "http://169.254.169.254/latest"}, "base_url", "not an address on the public internet"),
        (
            {"base_url": "http://no-such-name.invalid/v1"},
            "base_url",
            "does not lead to addresses on the public internet",
        ),
        ({"base_url": "https://me:word@example.com/v1"}, "base_url", "must not hold a user name or password"),
        ({"name": "not a slug"}, "name", "valid “slug”"),
        ({"kind": "openai", "base_url": "", "key": ""}, "key", "refuses every call without a credential"),
        ({"key": "sk-one two"}, "key", "one line of printable ASCII"),
        ({"kind": "other"}, "kind", "not one of the available choices"),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_nobody_is_called(
    cast: Cast, url: str, simulator: Any, fields: dict[str, str], field: str, message: str
):
    client = at_work(cast.ada)
    response = client.post(CONNECT, form(url, **fields))
    assert message in html.unescape(str(response.context["form"].errors[field]))
    part = text(client.post(CONNECT, form(url, **fields), **PARTLY))
    assert f'id="id_{field}_error"' in part
    assert message in part
    assert "hx-swap-oob" in part
    assert simulator.requests() == []
    assert not Provider.objects.filter(tenant=cast.acme.tenant).exclude(pk=cast.acme.provider.pk).exists()


def test_a_name_is_taken_once_in_a_tenant_and_another_one_is_suggested(cast: Cast, url: str):
    connected(cast, url, name="anthropic")
    client = at_work(cast.ada)
    response = client.post(CONNECT, form(url, name="anthropic"))
    assert "There is a provider of this name already." in text(response)
    assert client.get(CONNECT).context["form"].initial["name"] == "anthropic-2"
    assert client.get(CONNECT, {"kind": "openai"}).context["form"].initial["name"] == "openai"


def test_adding_in_a_console_is_connecting_and_for_operators_a_form(cast: Cast):
    client = at_work(cast.ada)
    added = client.get("/admin/gateway/provider/add/")
    assert (added.status_code, added["Location"]) == (302, client.at(CONNECT))
    assert logged_in(cast.olga).get("/admin/gateway/provider/add/").status_code == 200
    assert logged_in(cast.olga).get(CONNECT).status_code == 404


def test_who_came_from_the_setup_goes_back_there(cast: Cast):
    ada = at_work(cast.ada)
    assert f'href="{ada.home}setup/"' in text(ada.get(f"{CONNECT}?from=setup"))
    assert f'href="{ada.home}setup/"' not in text(ada.get(CONNECT))


def test_an_empty_list_says_how_to_begin_and_one_that_was_searched_how_to_see_all(cast: Cast):
    tenant = Tenant.objects.create(name="Initech", slug=f"initech-{cast.acme.tenant.slug}")
    for person, role in ((cast.ada, "admin"), (cast.vera, "viewer")):
        Membership.objects.create(tenant=tenant, user=person, role=role)
    ada, listed = in_console(cast.ada, tenant), reverse("admin:gateway_provider_changelist")
    content = text(ada.get(listed))
    assert "No providers yet" in content
    assert "Connect Anthropic, OpenAI or any compatible server" in content
    assert "Add provider" in content
    assert "Add provider" not in text(in_console(cast.vera, tenant).get(listed))
    searched = text(ada.get(listed, {"q": "nowhere"}))
    assert "Nothing matches" in searched
    assert "No providers yet" not in searched


def test_the_key_is_nowhere_afterwards(cast: Cast, url: str, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    client = at_work(cast.ada)
    client.post(CONNECT, form(url))
    provider = Provider.objects.get(name="ours")
    client.post(page(provider, "test"))
    places = [
        text(client.get(page(provider, name), follow=True)) for name in ("change", "history", "models", "model_list")
    ]
    places += [text(client.get(reverse("admin:gateway_provider_changelist"))), caplog.text]
    places.append(json.dumps(list(LogEntry.objects.values()), default=str))
    assert "sk-…wxyz" in places[0]
    assert not [place for place in places if KEY in place]


def test_a_stored_connection_is_tested_and_what_came_of_it_is_remembered(cast: Cast, url: str, simulator: Any):
    provider, client = connected(cast, url), at_work(cast.ada)
    cast.acme.tenant.refresh_from_db()
    version = cast.acme.tenant.config_version
    assert "The connection works." in text(client.post(page(provider, "test"), **PARTLY))
    assert "Works" in text(client.get(reverse("admin:gateway_provider_changelist")))
    simulator.behave(fault="403")
    answer = text(client.post(page(provider, "test"), **PARTLY))
    assert "may not do this" in answer
    state = answer.partition('id="connection-state" hx-swap-oob="true"')[2]
    assert "Not permitted" in state  # what stands above is brought up to date
    assert "may not do this" in text(client.post(page(provider, "test"), follow=True))
    listed = text(client.get(reverse("admin:gateway_provider_changelist")))
    assert "Not permitted" in listed
    cast.acme.tenant.refresh_from_db()
    assert cast.acme.tenant.config_version == version  # a test is no edit
    assert not LogEntry.objects.filter(object_pk=str(provider.pk), action=LogEntry.Action.UPDATE).exists()


def edit(cast: Cast, provider: Provider, person: str = "ada", **fields: str) -> Any:
    values = {"name": provider.name, "kind": provider.kind, "base_url": provider.base_url, "is_active": "on", **fields}
    return at_work(getattr(cast, person)).post(page(provider, "change"), values)


@pytest.mark.parametrize(
    "fields",
    [
        {"base_url": "http://127.0.0.1:1/v1"},
        {"base_url": "https://thief.example/v1"},
        {"kind": "openai", "base_url": ""},
        {"kind": "anthropic", "base_url": ""},
    ],
)
def test_a_key_does_not_follow_a_new_address(cast: Cast, url: str, fields: dict[str, str]):
    """Or whoever may edit could have it sent to a server of theirs, and read it there."""
    provider = connected(cast, url)
    response = edit(cast, provider, **fields)
    assert "Enter the key again" in str(response.context["adminform"].form.errors["new_credential"])
    provider.refresh_from_db()
    assert (provider.kind, provider.base_url, provider.credential) == ("openai-compatible", url, KEY)


def test_with_its_key_entered_again_or_removed_the_address_may_change(cast: Cast, url: str):
    provider = connected(cast, url, tested_at=cast.acme.tenant.created_at, test_fault="timeout")
    assert (
        edit(cast, provider, base_url="http://127.0.0.1:1/v1", new_credential="sk-another-0123456789-abcd").status_code
        == 302
    )
    provider.refresh_from_db()
    assert (provider.base_url, provider.credential) == ("http://127.0.0.1:1/v1", "sk-another-0123456789-abcd")
    assert (provider.credential_hint, provider.tested_at, provider.test_fault) == ("sk-…abcd", None, "")
    assert edit(cast, provider, base_url=url, forget_credential="on").status_code == 302
    provider.refresh_from_db()
    assert (provider.base_url, provider.credential, provider.credential_hint) == (url, "", "")


def test_another_path_of_the_same_server_keeps_the_key(cast: Cast, url: str):
    provider = connected(cast, url)
    assert edit(cast, provider, base_url=f"{url}/beta").status_code == 302
    provider.refresh_from_db()
    assert provider.credential == KEY


def test_an_address_inside_is_refused_when_edited_also_by_an_operator(cast: Cast, url: str):
    provider = connected(cast, url)
    fields = {
        "name": "ours",
        "kind": provider.kind,
        "base_url": "http://10.0.0.1/v1",
        "new_credential": KEY,
        "is_active": "on",
    }
    for client in (at_work(cast.ada), logged_in(cast.olga)):
        response = client.post(page(provider, "change"), fields)
        assert "not an address on the public internet" in str(response.context["adminform"].form.errors["base_url"])
    shared = {**fields, "name": cast.provider.name, "kind": "openai"}
    assert logged_in(cast.olga).post(page(cast.provider, "change"), shared).status_code == 302  # the operator's own


def test_deleting_asks_and_takes_the_models_along(cast: Cast, url: str):
    provider = connected(cast, url)
    Model.objects.create(tenant=cast.acme.tenant, provider=provider, name="ours-1", capabilities=["chat"])
    client = at_work(cast.ada)
    assert "ours-1" in text(client.get(page(provider, "delete")))
    assert client.post(page(provider, "delete"), {"post": "yes"}).status_code == 302
    assert not Model.objects.filter(name="ours-1").exists()


def test_one_whose_models_are_in_use_stays(cast: Cast):
    client = at_work(cast.ada)
    client.post(page(cast.acme.provider, "delete"), {"post": "yes"})
    assert Provider.objects.filter(pk=cast.acme.provider.pk).exists()


@pytest.mark.parametrize("person", ["bob", "vera", "charlie"])
def test_others_connect_test_change_and_delete_nothing(cast: Cast, url: str, simulator: Any, person: str):
    provider = connected(cast, url)
    user = getattr(cast, person)
    client = in_console(user, cast.acme.tenant)
    status = 404 if person == "charlie" else 403
    before = list(Provider.objects.order_by("pk").values())
    assert client.get(CONNECT).status_code == status
    assert client.post(CONNECT, form(url, name="more")).status_code == status
    for name in ("test", "models", "change", "delete"):
        assert client.post(page(provider, name), form(url, post="yes", chosen="gpt-4o")).status_code == status
    for name in ("models", "model_list", "model_editor"):
        assert client.get(page(provider, name), {"chosen": "gpt-4o"}).status_code == status
    assert list(Provider.objects.order_by("pk").values()) == before
    assert simulator.requests() == []
    assert not Model.objects.filter(provider=provider).exists()


def test_anothers_provider_is_not_there(cast: Cast, simulator: Any):
    client = at_work(cast.ada)
    for provider in (cast.globex.provider, cast.provider):
        for name in ("test", "models", "model_list", "model_editor"):
            assert client.get(page(provider, name)).status_code == 404
            assert client.post(page(provider, name)).status_code == 404
    assert simulator.requests() == []
    assert CREDENTIAL not in text(client.get(reverse("admin:gateway_provider_changelist")))
