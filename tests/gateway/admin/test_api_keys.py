"""Keys in the admin: shown once, limited to what the tenant has, revoked for good."""

import datetime as dt
import html
import json
import logging
import re
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenants import api_keys
from tenants.models import ApiKey
from tests.cast import Cast, at_work, logged_in

pytestmark = pytest.mark.django_db

ADD = "/admin/tenants/apikey/add/"


def form(cast: Cast, **fields: Any) -> dict[str, Any]:
    return {"tenant": str(cast.acme.tenant.pk), "name": "new bot", "scopes": ["chat", "models"], **fields}


def made(client: Client, cast: Cast, **fields: Any) -> tuple[ApiKey, str, Any]:
    response = client.post(ADD, form(cast, **fields))
    assert response.status_code == 201, response.content.decode()
    secret = re.search(r'id="secret">(tg-[A-Za-z0-9_-]{43})<', response.content.decode())
    assert secret is not None
    return ApiKey.objects.get(name="new bot"), secret[1], response


def test_the_key_is_in_the_answer_and_opens_the_row(cast: Cast):
    key, secret, response = made(logged_in(cast.olga), cast)
    assert key.secrets.get().secret_sha256 == api_keys.digest(secret)
    assert (key.created_by, key.tenant, key.scopes) == (cast.olga, cast.acme.tenant, ["chat", "models"])
    assert "no-store" in response["Cache-Control"]
    assert "shown again" in html.unescape(response.content.decode())


def test_the_key_is_nowhere_else_afterwards(cast: Cast, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    client = logged_in(cast.olga)
    key, secret, response = made(client, cast)
    places = [
        client.get(reverse("admin:tenants_apikey_change", args=[key.pk])).content.decode(),
        client.get(reverse("admin:tenants_apikey_history", args=[key.pk])).content.decode(),
        client.get(reverse("admin:tenants_apikey_changelist")).content.decode(),
        client.get(reverse("admin:index")).content.decode(),
        json.dumps(list(LogEntry.objects.values()), default=str),
        str([session.get_decoded() for session in Session.objects.all()]),
        str([cookie.OutputString() for cookie in response.cookies.values()]),
        caplog.text,
    ]
    assert not [place for place in places if secret in place or api_keys.digest(secret) in place]


def test_saving_to_go_on_or_to_add_another_shows_the_key_as_well(cast: Cast):
    _, secret, _ = made(logged_in(cast.olga), cast, _addanother="1")
    assert secret


def test_names_the_tenant_does_not_have_are_refused_by_name(cast: Cast):
    asked = f"{cast.model.name}, {cast.globex.model.name}, {cast.acme.model.name}x"
    response = logged_in(cast.olga).post(ADD, form(cast, allowed_models=asked, allowed_tasks="sumarise"))
    content = html.unescape(response.content.decode())
    assert response.status_code == 200
    assert f"This tenant has no model “{cast.globex.model.name}”." in content
    assert f"no model “{cast.acme.model.name}x”. Did you mean “{cast.acme.model.name}”?" in content
    assert "This tenant has no task “sumarise”." in content
    assert not ApiKey.objects.filter(name="new bot").exists()


def test_names_of_the_operator_and_of_the_tenant_are_taken(cast: Cast):
    models, tasks = f"{cast.model.name}, {cast.acme.model.name}", f"task/{cast.task.slug}, {cast.acme.task.slug}"
    key, _, _ = made(logged_in(cast.olga), cast, allowed_models=models, allowed_tasks=tasks)
    assert key.allowed_models == [cast.model.name, cast.acme.model.name]
    assert key.allowed_tasks == [cast.task.slug, cast.acme.task.slug]


def test_no_scope_is_refused_beside_the_field(cast: Cast):
    response = logged_in(cast.olga).post(ADD, form(cast, scopes=[]))
    assert response.context["adminform"].form.errors == {
        "scopes": ["Choose at least one scope; a key without any can do nothing."]
    }


def test_a_change_keeps_the_tenant_and_the_secret(cast: Cast):
    key = cast.acme.key.api_key
    fields = {"tenant": str(cast.globex.tenant.pk), "name": "renamed", "prefix": "tg-other"}
    before = key.secrets.values().get()
    response = logged_in(cast.olga).post(f"/admin/tenants/apikey/{key.pk}/change/", form(cast, **fields))
    assert response.status_code == 302
    fresh = ApiKey.objects.get(pk=key.pk)
    assert (fresh.name, fresh.tenant, fresh.prefix) == ("renamed", cast.acme.tenant, key.prefix)
    assert fresh.secrets.values().get() == before


def test_revoking_asks_first_and_then_revokes(cast: Cast):
    key = cast.acme.key.api_key
    client = at_work(cast.ada)
    address = reverse("admin:tenants_apikey_revoke", args=[key.pk])
    assert "cannot be taken back" in client.get(address).content.decode()
    key.refresh_from_db()
    assert key.revoked_at is None
    for wrong in ({}, {"name": "Acme"}):
        assert "Nothing was revoked." in html.unescape(client.post(address, wrong).content.decode())
    key.refresh_from_db()
    assert key.revoked_at is None
    assert client.post(address, {"name": " Acme bot "}).status_code == 302
    key.refresh_from_db()
    assert key.revoked_at is not None
    page = client.get(reverse("admin:tenants_apikey_change", args=[key.pk])).content.decode()
    assert address not in page


def test_several_are_revoked_after_a_question(cast: Cast):
    keys = [cast.acme.key.api_key, api_keys.create(cast.acme.tenant, name="second").api_key]
    client = logged_in(cast.olga)
    action = {"action": "revoke_selected", "_selected_action": [key.pk for key in keys]}
    asked = client.post(reverse("admin:tenants_apikey_changelist"), action)
    assert "Revoke 2 keys?" in asked.content.decode()
    assert ApiKey.objects.filter(pk__in=[key.pk for key in keys], revoked_at=None).count() == 2
    client.post(reverse("admin:tenants_apikey_changelist"), {**action, "confirmed": "yes"})
    assert not ApiKey.objects.filter(pk__in=[key.pk for key in keys], revoked_at=None).exists()


def test_the_list_says_which_keys_work(cast: Cast):
    expired = api_keys.create(cast.acme.tenant, name="old bot").api_key
    ApiKey.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - dt.timedelta(days=1))
    gone = api_keys.create(cast.acme.tenant, name="lost bot").api_key
    api_keys.revoke(gone)
    client = at_work(cast.ada)
    names = {"active": "Acme bot", "expired": "old bot", "revoked": "lost bot"}
    for state in names:
        content = client.get(reverse("admin:tenants_apikey_changelist"), {"state": state}).content.decode()
        assert [name for name in names.values() if name in content] == [names[state]]


@pytest.mark.parametrize("person", ["charlie", "vera"])
def test_others_cannot_revoke(cast: Cast, person: str):
    key = cast.acme.key.api_key
    address = reverse("admin:tenants_apikey_revoke", args=[key.pk])
    response = at_work(getattr(cast, person)).post(address, {"name": key.name})
    assert response.status_code == (404 if person == "charlie" else 403)
    key.refresh_from_db()
    assert key.revoked_at is None


def test_a_developer_makes_keys_and_changes_only_those(cast: Cast):
    client = at_work(cast.bob)
    own, _, _ = made(client, cast)
    assert own.created_by == cast.bob
    for key, status in ((own, 302), (cast.acme.key.api_key, 403)):
        address = reverse("admin:tenants_apikey_revoke", args=[key.pk])
        assert client.post(address, {"name": key.name}).status_code == status
    action = {"action": "revoke_selected", "_selected_action": [cast.acme.key.api_key.pk], "confirmed": "yes"}
    client.post(reverse("admin:tenants_apikey_changelist"), action)
    assert ApiKey.objects.get(pk=cast.acme.key.api_key.pk).revoked_at is None


def test_a_member_makes_no_key_for_another_tenant(cast: Cast):
    response = at_work(cast.ada).post(ADD, form(cast, tenant=str(cast.globex.tenant.pk)))
    assert response.status_code == 201
    assert ApiKey.objects.get(name="new bot").tenant == cast.acme.tenant
