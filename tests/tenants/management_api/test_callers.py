"""Whose a request to the management API is: a key's with its role, or a signed-in person's in a console; nobody else's."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tenants import audit, management_keys, tenancy
from tenants.management_api.views import ManagementViewSet
from tenants.models import ApiKey, ManagementKey, Tenant
from tenants.roles import Role
from tests.cast import Cast, in_console, logged_in
from tests.management import Script, error_of, script

pytestmark = pytest.mark.django_db
NEW = {"name": "bot", "scopes": ["chat"]}


def test_without_a_key_one_is_told_to_send_one(cast: Cast):
    for client in (Script(), Script(client=logged_in(cast.alice))):  # a session serves within a console only
        response = client.get("keys")
        error = error_of(response, 401)
        assert (error["code"], response["WWW-Authenticate"]) == ("not_authenticated", "Bearer")
        assert "tgm-" in error["message"]


def test_an_applications_key_manages_nothing(cast: Cast):
    error = error_of(Script(cast.acme.key.secret).get("keys"), 401)
    assert "Applications' keys call models" in error["message"]


@pytest.mark.parametrize("secret", ["tgm-", "tgm-" + "x" * 43, "tgm-" + "x" * 400, "tgm-ä\x00"])
def test_a_made_up_key_is_refused(cast: Cast, secret: str):
    error_of(Script(secret).get("keys"), 401)


def test_a_revoked_or_expired_key_and_one_of_a_tenant_that_is_switched_off_are_refused(cast: Cast):
    revoked, expired, off = (script(tenant) for tenant in (cast.acme.tenant, cast.acme.tenant, cast.globex.tenant))
    assert [client.get("keys").status_code for client in (revoked, expired, off)] == [200, 200, 200]
    management_keys.revoke(revoked.key)
    ManagementKey.objects.filter(pk=expired.key.pk).update(expires_at=timezone.now())
    Tenant.objects.filter(pk=cast.globex.tenant.pk).update(is_active=False)
    for client in (revoked, expired, off):
        error_of(client.get("keys"), 401)


def test_a_use_is_noted_to_the_minute_and_is_no_edit(cast: Cast):
    client = script(cast.acme.tenant)
    client.get("keys")
    first = ManagementKey.objects.get().last_used_at
    assert timezone.now() - first < dt.timedelta(seconds=30)
    client.get("keys")
    assert ManagementKey.objects.get().last_used_at == first
    assert [entry.get_action_display() for entry in audit.history_of(ManagementKey.objects.get())] == ["create"]


def test_only_the_hash_of_a_key_is_stored(cast: Cast):
    made = management_keys.create(cast.acme.tenant, name="x", role=Role.VIEWER, by=None, by_role=Role.OWNER)
    row = ManagementKey.objects.values().get()
    assert made.secret not in str(row)
    assert row["prefix"] == made.secret[:10]


def test_a_key_is_limited_to_its_subjects(cast: Cast):
    client = script(cast.acme.tenant, "owner", subjects=["budgets"])
    error_of(client.get("keys"), 403)
    error_of(client.post("keys", NEW), 403)
    assert ApiKey.objects.filter(name="bot").count() == 0


def test_a_key_sees_its_own_tenant_only(cast: Cast):
    client = script(cast.acme.tenant, "owner")
    theirs = cast.globex.key.api_key
    for method, path in (("get", ""), ("patch", ""), ("post", "/rotate"), ("post", "/revoke")):
        nothing = client.send(method, f"keys/{cast.globex.tenant.pk}{path}", {})
        found = client.send(method, f"keys/{theirs.pk}{path}", {})
        assert (found.status_code, found.content) == (404, nothing.content)
    assert str(theirs.pk) not in client.get("keys", limit=200).content.decode()
    theirs.refresh_from_db()
    assert theirs.revoked_at is None


def test_without_the_filters_of_the_code_the_database_still_shows_nothing_of_others(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ManagementViewSet, "rows", lambda view: view.model._base_manager.all())
    content = script(cast.acme.tenant, "owner").get("keys").content.decode()
    assert (str(cast.acme.key.api_key.pk) in content, str(cast.globex.key.api_key.pk) in content) == (True, False)


def in_tab(cast: Cast, user: Any, *, checks_csrf: bool = False) -> Script:
    client = Client(enforce_csrf_checks=checks_csrf)
    client.force_login(user)
    return Script(client=client, home=f"/t/{cast.acme.tenant.slug}/api/v1/")


def test_a_member_may_call_it_from_the_console(cast: Cast):
    assert in_tab(cast, cast.vera).get("keys").status_code == 200
    error_of(in_tab(cast, cast.vera).post("keys", NEW), 403)
    made = in_tab(cast, cast.bob).post("keys", NEW).json()
    assert ApiKey.objects.get(pk=made["id"]).created_by == cast.bob


def test_a_session_without_the_csrf_token_writes_nothing(cast: Cast):
    tab = in_tab(cast, cast.alice, checks_csrf=True)
    assert tab.get("keys").status_code == 200
    error_of(tab.post("keys", NEW), 403)
    assert not ApiKey.objects.filter(name="bot").exists()
    tab.client.cookies["csrftoken"] = "a" * 32
    assert tab.post("keys", NEW, x_csrftoken="a" * 32).status_code == 201


def test_to_a_stranger_a_consoles_api_does_not_exist(cast: Cast):
    assert in_tab(cast, cast.charlie).get("keys").status_code == 404
    assert (
        in_console(cast.charlie, cast.globex.tenant).get(f"/t/{cast.globex.tenant.slug}/api/v1/keys").status_code == 200
    )


def test_a_key_goes_on_when_its_maker_has_left(cast: Cast):
    client = script(cast.acme.tenant, by=cast.ada)
    cast.ada.delete()
    assert client.post("keys", NEW).status_code == 201
    assert ApiKey.objects.get(name="bot").created_by is None


def test_an_address_that_there_is_not_is_told_in_the_same_format(cast: Cast):
    client = script(cast.acme.tenant)
    assert error_of(client.get("nothing/here"), 404)["code"] == "not_found"
    assert error_of(client.get("keys", staet="active"), 400)["fields"] == {"staet": ["There is no such filter."]}
    assert error_of(client.get("keys", state="odd"), 400)["fields"] == {"state": ['"odd" is not a valid choice.']}


def test_a_parameter_that_has_one_value_comes_once(cast: Cast):
    client = script(cast.acme.tenant)
    assert error_of(client.get("keys", state=["odd", "active"]), 400)["fields"] == {"state": ["Give it once."]}
    assert error_of(client.get("keys", limit=["5", "5"]), 400)["fields"] == {"limit": ["Give it once."]}


def test_bodies_that_are_none_are_refused(cast: Cast):
    client = script(cast.acme.tenant)
    send = client.client.post
    for body in ("{", "[]", '"x"', "[" * 100_000, '{"name": NaN}', '{"name": "\\u0000", "scopes": ["chat"]}'):
        response = send("/api/v1/keys", body, content_type="application/json", headers=client.headers)
        error_of(response, 400)
    large = send("/api/v1/keys", "x" * (1024 * 1024 + 1), content_type="application/json", headers=client.headers)
    error_of(large, 413)
    with tenancy.across("a test looks"):
        assert ApiKey.objects.filter(tenant=cast.acme.tenant).count() == 1


def test_numbers_are_no_texts_and_no_truths(cast: Cast):
    owner = script(cast.acme.tenant, "owner")
    for body, field in (
        ({"tasks": [0]}, "tasks[0]"),
        ({"tasks": ["x", True]}, "tasks[1]"),
        ({"redacts": 0}, "redacts"),
        ({"is_on": "yes"}, "is_on"),
    ):
        assert list(error_of(owner.patch("content-policy", body), 400)["fields"]) == [field]


def test_more_parameters_than_are_taken_are_refused(cast: Cast):
    client = script(cast.acme.tenant)
    response = client.client.get("/api/v1/keys?" + "a=b&" * 5000, headers=client.headers)
    assert error_of(response, 400)["code"] == "invalid"


def test_pages_go_on_where_the_last_one_ended(cast: Cast):
    client = script(cast.acme.tenant)
    ids = [client.post("keys", {**NEW, "name": f"bot {number}"}).json()["id"] for number in range(5)]
    first = client.get("keys", limit=2).json()
    assert [row["id"] for row in first["results"]] == [ids[4], ids[3]]
    client.post("keys", {**NEW, "name": "in between"})
    second = client.client.get(first["next"], headers=client.headers).json()
    assert [row["id"] for row in second["results"]] == [ids[2], ids[1]]
    assert error_of(client.get("keys", limit=201), 400)["fields"] == {"limit": ["A whole number from 1 to 200."]}
    error_of(client.get("keys", cursor="rubbish"), 404)


@pytest.mark.parametrize("path", ["keys", "limits", "rules/order"])
def test_a_method_that_there_is_not_is_said_to_be_none(cast: Cast, path: str):
    client = script(cast.acme.tenant)
    for method in ("OPTIONS", "PUT", "TRACE"):
        response = client.client.generic(method, client.home + path, headers=client.headers)
        assert error_of(response, 405)["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["nothing", "keys/%0A", "rules/a%0Ab/c", ""])
def test_an_address_that_there_is_not_is_said_in_json(cast: Cast, path: str):
    assert error_of(script(cast.acme.tenant).get(path), 404)["code"] == "not_found"
    within = Script(client=in_console(cast.ada, cast.acme.tenant), home=f"/t/{cast.acme.tenant.slug}/api/v1/")
    assert error_of(within.get(path), 404)["code"] == "not_found"
