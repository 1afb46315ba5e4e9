"""API keys by the management API: shown once, rotated with an overlap, revoked, and only as the role may."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from gateway.errors import Unauthenticated
from gateway.pipeline import credentials
from tenants import api_keys, audit
from tenants.models import ApiKey, ApiKeySecret
from tests.cast import Cast
from tests.management import error_of, script

pytestmark = pytest.mark.django_db


def test_a_key_is_made_with_its_secret_shown_this_once(cast: Cast):
    ada = script(cast.acme.tenant, by=cast.ada)
    body = {"name": "bot", "scopes": ["chat"], "allowed_models": [cast.model.name], "usd_per_month": "12.50"}
    response = ada.post("keys", body)
    assert response.status_code == 201, response.content
    made = response.json()
    assert made["secret"].startswith("tg-")
    assert (made["name"], made["scopes"], made["usd_per_month"], made["state"]) == ("bot", ["chat"], "12.5", "active")
    row = ApiKey.objects.get(pk=made["id"])
    assert (row.tenant, row.created_by, row.kind) == (cast.acme.tenant, cast.ada, "application")
    assert ApiKeySecret.objects.get(api_key=row).secret_sha256 == api_keys.digest(made["secret"])
    seen = ada.get(f"keys/{row.pk}").json()
    assert "secret" not in seen
    assert made["secret"] not in ada.get("keys").content.decode()
    assert [item["prefix"] for item in seen["secrets"]] == [made["secret"][:10]]


def test_the_trail_names_the_management_key_and_who_made_it(cast: Cast):
    ada = script(cast.acme.tenant, by=cast.ada)
    made = ada.post("keys", {"name": "bot", "scopes": ["chat"]}).json()
    entry = audit.history_of(ApiKey.objects.get(pk=made["id"])).order_by("id")[0]
    assert (entry.actor, entry.remote_addr) == (cast.ada, "127.0.0.1")
    assert ada.key is not None
    assert entry.additional_data["by_key"] == f"admin script ({ada.key.prefix}…)"
    assert entry.additional_data["tenant_id"] == str(cast.acme.tenant.pk)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"scopes": ["chat"]}, {"name": ["This field is required."]}),
        ({"name": "x", "scopes": []}, {"scopes": ["Ensure this field has at least 1 elements."]}),
        ({"name": "x", "scopes": ["fly"]}, {"scopes[0]": ['"fly" is not a valid choice.']}),
        ({"name": "x", "scopes": ["chat"], "usd_per_mont": 3}, {"usd_per_mont": ["Unknown field."]}),
        ({"name": "x", "scopes": ["chat"], "prefix": "tg-"}, {"prefix": ["This is only read, never written."]}),
        ({"name": "x", "scopes": ["chat"], "usd_per_month": -1}, {"usd_per_month": None}),
        (
            {"name": "x", "scopes": ["chat"], "allowed_models": ["nope"]},
            {"allowed_models": ["This tenant has no model “nope”."]},
        ),
        (
            {"name": "x", "scopes": ["chat"], "expires_at": "2020-01-01T00:00:00Z"},
            {"expires_at": ["This is over already. To end a key now, revoke it."]},
        ),
    ],
)
def test_what_is_wrong_is_said_of_each_field(cast: Cast, body: Any, fields: Any):
    ada, before = script(cast.acme.tenant), ApiKey.objects.count()
    error = error_of(ada.post("keys", body), 400)
    assert error["code"] == "invalid"
    assert set(error["fields"]) == set(fields)
    for name, texts in fields.items():
        assert texts is None or error["fields"][name] == texts
    assert ApiKey.objects.count() == before


def test_a_key_of_another_tenants_models_cannot_be_made(cast: Cast):
    ada = script(cast.acme.tenant)
    error = error_of(
        ada.post("keys", {"name": "x", "scopes": ["chat"], "allowed_models": [cast.globex.model.name]}), 400
    )
    assert list(error["fields"]) == ["allowed_models"]


def test_a_key_is_changed_in_part(cast: Cast):
    ada, key = script(cast.acme.tenant), cast.acme.key.api_key
    response = ada.patch(f"keys/{key.pk}", {"tokens_per_minute": 1000})
    assert (response.status_code, response.json()["tokens_per_minute"]) == (200, 1000)
    key.refresh_from_db()
    assert (key.tokens_per_minute, key.name) == (1000, "Acme bot")
    error_of(ada.patch(f"keys/{key.pk}", {"name": ""}), 400)
    key.refresh_from_db()
    assert key.name == "Acme bot"


def test_a_rotation_lets_the_former_secret_be_accepted_for_a_while(cast: Cast):
    ada, key = script(cast.acme.tenant, by=cast.ada), cast.acme.key
    former = key.secret[:10]
    made = ada.post(f"keys/{key.api_key.pk}/rotate", {"overlap_hours": 2, "seen": former})
    assert made.status_code == 201
    assert made.json()["prefix"] == made.json()["secret"][:10] != former
    ends = {item.prefix: item.ends_at for item in ApiKeySecret.objects.filter(api_key=key.api_key)}
    assert ends[made.json()["prefix"]] is None
    assert dt.timedelta(hours=1) < ends[former] - timezone.now() <= dt.timedelta(hours=2)
    again = error_of(ada.post(f"keys/{key.api_key.pk}/rotate", {"seen": former}), 400)
    assert "rotated a moment ago" in again["message"]
    secret_id = ApiKeySecret.objects.get(api_key=key.api_key, prefix=former).pk
    assert ada.post(f"keys/{key.api_key.pk}/secrets/{secret_id}/end").status_code == 200
    assert ApiKeySecret.objects.get(pk=secret_id).ends_at <= timezone.now()


def test_a_revoked_key_stays_in_the_list(cast: Cast):
    ada, key = script(cast.acme.tenant), cast.acme.key.api_key
    assert ada.post(f"keys/{key.pk}/revoke").json()["state"] == "revoked"
    first = ApiKey.objects.get(pk=key.pk).revoked_at
    assert ada.post(f"keys/{key.pk}/revoke").status_code == 200
    assert ApiKey.objects.get(pk=key.pk).revoked_at == first
    assert [row["id"] for row in ada.get("keys", state="revoked").json()["results"]] == [str(key.pk)]
    assert ada.get("keys", state="active").json()["results"] == []
    error_of(ada.delete(f"keys/{key.pk}"), 405)


def test_a_developers_key_changes_what_its_maker_has_made(cast: Cast):
    bob = script(cast.acme.tenant, "developer", by=cast.bob)
    own = bob.post("keys", {"name": "bob's", "scopes": ["chat"]}).json()["id"]
    assert bob.patch(f"keys/{own}", {"name": "still bob's"}).status_code == 200
    other = cast.acme.key.api_key
    error_of(bob.patch(f"keys/{other.pk}", {"name": "mine"}), 403)
    error_of(bob.post(f"keys/{other.pk}/rotate"), 403)
    error_of(bob.post(f"keys/{other.pk}/revoke"), 403)
    other.refresh_from_db()
    assert (other.name, other.revoked_at, ApiKeySecret.objects.filter(api_key=other).count()) == ("Acme bot", None, 1)


def test_the_playgrounds_key_is_none_of_an_applications(cast: Cast):
    row = api_keys.create(cast.acme.tenant, name="Playground", kind=ApiKey.Kind.PLAYGROUND).api_key
    ada = script(cast.acme.tenant)
    assert str(row.pk) not in ada.get("keys").content.decode()
    error_of(ada.post(f"keys/{row.pk}/rotate"), 404)


def test_a_developers_key_whose_maker_is_gone_changes_nobodys_keys(cast: Cast):
    """The cast's key was made by nobody, either."""
    client, key = script(cast.acme.tenant, "developer", by=None), cast.acme.key.api_key
    assert key.created_by is None
    error_of(client.patch(f"keys/{key.pk}", {"name": "mine"}), 403)
    error_of(client.post(f"keys/{key.pk}/revoke"), 403)
    key.refresh_from_db()
    assert (key.name, key.revoked_at) == ("Acme bot", None)


async def test_a_management_key_calls_no_model():
    with pytest.raises(Unauthenticated, match="calls no model"):
        await credentials.recognise("tgm-" + "x" * 43, "chat", None)  # type: ignore[arg-type]  # nothing is looked up
