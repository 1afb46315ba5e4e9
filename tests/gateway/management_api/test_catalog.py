"""Providers and models by the management API: credentials go in and never come out, and the operator's are there to look at."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import call_command

from gateway.models import Model, Provider
from tenants import audit
from tests.cast import CREDENTIAL, Cast
from tests.management import error_of, script

pytestmark = pytest.mark.django_db
SECRET = "sk-ant-a-new-one-0123456789"


def test_a_provider_is_connected_changed_and_removed(cast: Cast):
    ada = script(cast.acme.tenant, by=cast.ada)
    made = ada.post("providers", {"name": "claude", "kind": "anthropic", "credential": SECRET})
    assert made.status_code == 201, made.content
    assert SECRET not in made.content.decode()
    assert made.json()["credential_hint"] == "sk-ant-…6789"
    row = Provider.objects.get(pk=made.json()["id"])
    assert (row.tenant, row.credential) == (cast.acme.tenant, SECRET)
    assert ada.patch(f"providers/{row.pk}", {"is_active": False}).json()["is_active"] is False
    row.refresh_from_db()
    assert (row.is_active, row.credential) == (False, SECRET)
    assert SECRET not in str([entry.changes for entry in audit.history_of(row)])
    assert ada.delete(f"providers/{row.pk}").status_code == 204
    assert not Provider.objects.filter(pk=row.pk).exists()


def test_what_is_wrong_with_a_provider_is_said_of_its_fields(cast: Cast):
    ada, before = script(cast.acme.tenant), Provider.objects.count()
    private = {"name": "inner", "kind": "openai-compatible", "base_url": "http://10.1.2.3/v1"}
    assert list(error_of(ada.post("providers", private), 400)["fields"]) == ["base_url"]
    assert error_of(ada.post("providers", {"name": "claude", "kind": "anthropic"}), 400)["fields"] == {
        "credential": ["This provider refuses every call without a credential."]
    }
    same = {"name": cast.acme.provider.name, "kind": "openai", "credential": SECRET}
    assert error_of(ada.post("providers", same), 400)["message"] == "There is a provider of this name already."
    assert Provider.objects.count() == before


def test_a_credential_does_not_follow_its_provider_to_another_address(cast: Cast):
    ada = script(cast.acme.tenant)
    error = error_of(ada.patch(f"providers/{cast.acme.provider.pk}", {"base_url": "https://1.1.1.1/v1"}), 400)
    assert list(error["fields"]) == ["credential"]
    cast.acme.provider.refresh_from_db()
    assert (cast.acme.provider.base_url, cast.acme.provider.credential) == ("http://10.1.2.3/v1", CREDENTIAL)


def test_a_connection_is_tried_out_and_what_is_wrong_is_said(cast: Cast):
    response = script(cast.acme.tenant).post(f"providers/{cast.acme.provider.pk}/test")
    assert response.status_code == 200
    told = response.json()
    assert (told["works"], told["fault"], told["models"]) == (False, "not_allowed", [])
    assert told["title"]
    assert told["advice"]
    cast.acme.provider.refresh_from_db()
    assert cast.acme.provider.test_fault == "not_allowed"


def test_the_operators_providers_are_not_shown_and_its_models_are_only_looked_at(cast: Cast):
    ada = script(cast.acme.tenant, "owner")
    assert [row["name"] for row in ada.get("providers").json()["results"]] == [cast.acme.provider.name]
    error_of(ada.get(f"providers/{cast.provider.pk}"), 404)
    shared = {row["name"]: row["is_own"] for row in ada.get("models").json()["results"]}
    assert (shared[cast.model.name], shared[cast.acme.model.name]) == (False, True)
    assert cast.globex.model.name not in shared
    assert [row["name"] for row in ada.get("models", is_own="true").json()["results"]] == [cast.acme.model.name]
    for method in ("patch", "delete"):
        assert "operator" in error_of(ada.send(method, f"models/{cast.model.pk}", {"is_active": False}), 403)["message"]
    assert Model.objects.get(pk=cast.model.pk).is_active


def test_a_model_is_made_at_a_provider_of_ones_own_only(cast: Cast):
    ada = script(cast.acme.tenant)
    body: dict[str, Any] = {"name": "own", "provider": str(cast.acme.provider.pk), "capabilities": ["chat"]}
    made = ada.post("models", {**body, "input_usd_per_mtok": "0.25", "output_usd_per_mtok": 1})
    assert made.status_code == 201, made.content
    assert (made.json()["input_usd_per_mtok"], made.json()["output_usd_per_mtok"]) == ("0.25", "1")
    theirs = error_of(ada.post("models", {**body, "name": "x", "provider": str(cast.globex.provider.pk)}), 400)
    nobodys = error_of(ada.post("models", {**body, "name": "x", "provider": str(cast.globex.tenant.pk)}), 400)
    assert list(theirs["fields"]) == list(nobodys["fields"]) == ["provider"]
    assert theirs["fields"]["provider"][0].partition('"')[0] == nobodys["fields"]["provider"][0].partition('"')[0]
    operators = error_of(ada.post("models", {**body, "name": "x", "provider": str(cast.provider.pk)}), 400)
    assert "your own providers" in operators["fields"]["provider"][0]
    half = error_of(ada.post("models", {**body, "name": "x", "input_usd_per_mtok": 1}), 400)
    assert "both an input and an output price" in half["message"]
    assert not Model.objects.filter(name="x").exists()


def test_what_tasks_refer_to_is_not_deleted(cast: Cast):
    ada = script(cast.acme.tenant)
    assert error_of(ada.delete(f"models/{cast.acme.model.pk}"), 409)["code"] == "in_use"
    assert error_of(ada.delete(f"providers/{cast.acme.provider.pk}"), 409)["code"] == "in_use"
    assert Model.objects.filter(pk=cast.acme.model.pk).exists()


def test_a_lost_credential_is_replaced(cast: Cast, settings: Any):
    ada = script(cast.acme.tenant)
    settings.ENCRYPTION_KEYS = ["qk2Ls7P4x1m3kX1W1k2eR0m0r3w8J4S8gk7mJmC0b2U="]
    path = f"providers/{cast.acme.provider.pk}"
    assert ada.get(path).status_code == 200
    assert error_of(ada.patch(path, {"is_active": False}), 409)["code"] == "credential_lost"
    assert ada.patch(path, {"credential": SECRET}).status_code == 200
    assert Provider.objects.get(pk=cast.acme.provider.pk).credential == SECRET


def test_kept_results_are_rotated_with_the_other_secrets(cast: Cast):
    Provider.objects.update(credential="")  # others' may be of another test's key
    Authenticator.objects.all().delete()
    script(cast.acme.tenant).post("keys", {"name": "x", "scopes": ["chat"]}, idempotency_key="one")
    call_command("rotate_encryption")
