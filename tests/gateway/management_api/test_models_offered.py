"""Which models a provider has, asked by the management API; and how models' circuit breakers stand."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as django_settings
from django_redis import get_redis_connection

from gateway.models import Model, Provider
from tenants import audit, redis_keys
from tests.cast import Cast
from tests.management import error_of, script

pytestmark = pytest.mark.django_db


def test_a_providers_models_are_told_with_what_is_known_and_can_be_added_as_told(
    cast: Cast, provider: Provider, simulator: Any
):
    ada = script(cast.acme.tenant)
    told = ada.post(f"providers/{provider.pk}/list-models").json()
    assert (told["works"], told["fault"], told["said"]) == (True, "", "")
    found = {item["upstream_id"]: item for item in told["models"]}
    best = found["gpt-4o"]
    assert (best["input_usd_per_mtok"], best["output_usd_per_mtok"], best["context_window"]) == ("2.5", "10", 128_000)
    assert (found["sim-gpt"]["input_usd_per_mtok"], found["sim-gpt"]["is_added"]) == (None, False)
    assert found["text-embedding-3-small"]["capabilities"] == ["embeddings"]
    body = {name: best[name] for name in ("upstream_id", "name", "capabilities", "context_window", "price_ref")}
    assert ada.post("models", {**body, "provider": str(provider.pk)}).status_code == 201
    again = ada.post(f"providers/{provider.pk}/list-models").json()["models"]
    assert [item["upstream_id"] for item in again if item["is_added"]] == ["gpt-4o"]
    provider.refresh_from_db()
    assert provider.tested_at is not None


def test_a_provider_that_cannot_be_asked_says_why(cast: Cast, provider: Provider, simulator: Any):
    simulator.behave(fault="401")
    told = script(cast.acme.tenant).post(f"providers/{provider.pk}/list-models").json()
    assert (told["works"], told["fault"], told["models"]) == (False, "wrong_key", [])
    assert told["title"]
    assert told["advice"]


def test_only_those_who_may_change_providers_have_them_asked(cast: Cast, provider: Provider, simulator: Any):
    for role in ("viewer", "developer"):
        error_of(script(cast.acme.tenant, role).post(f"providers/{provider.pk}/list-models"), 403)
    error_of(script(cast.globex.tenant, "owner").post(f"providers/{provider.pk}/list-models"), 404)
    assert simulator.requests() == []


def breaker_of(caller: Any, model: Model) -> dict[str, Any]:
    (found,) = [row for row in caller.get("models/breakers").json()["results"] if row["model"] == str(model.pk)]
    return dict(found)


def test_breakers_are_told_and_held_by_the_models_own_setting(cast: Cast):
    vera, ada, model = script(cast.acme.tenant, "viewer"), script(cast.acme.tenant, by=cast.ada), cast.acme.model
    assert breaker_of(vera, model) == {
        "model": str(model.pk), "name": model.name, "setting": "auto", "state": "closed", "since": None, "probe_seconds": 0.0,
        "well": 0, "badly": 0, "p95_first_byte_ms": None, "p95_whole_ms": None,
    }  # fmt: skip
    assert (breaker_of(vera, cast.model)["well"], breaker_of(vera, cast.model)["badly"]) == (None, None)
    assert ada.patch(f"models/{model.pk}", {"breaker": "open"}).status_code == 200
    assert (breaker_of(vera, model)["setting"], breaker_of(vera, model)["state"]) == ("open", "closed")
    assert cast.ada in {entry.actor for entry in audit.history_of(model)}
    error_of(ada.patch(f"models/{cast.model.pk}", {"breaker": "open"}), 403)
    assert not [
        row for row in vera.get("models/breakers").json()["results"] if row["model"] == str(cast.globex.model.pk)
    ]


def test_an_open_breaker_says_when_it_is_probed(cast: Cast):
    model, redis = cast.acme.model, get_redis_connection("default")
    key = redis_keys.breaker(model.provider_id, model.effective_upstream_id)
    seconds, _microseconds = redis.time()
    redis.hset(key, mapping={"state": "open", "since": seconds * 1000 - 5000, "until": seconds * 1000 + 30_000})
    try:
        told = breaker_of(script(cast.acme.tenant, "viewer"), model)
    finally:
        redis.delete(key)
    assert (told["state"], told["well"], told["badly"]) == ("open", None, None)
    assert 0 < told["probe_seconds"] <= 30
    assert told["since"] is not None


def test_breakers_are_not_told_while_redis_is_away(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    from redis import Redis

    caller = script(cast.acme.tenant)
    assert django_settings.REDIS_URL
    nobody = Redis(port=1, socket_connect_timeout=0.2)
    monkeypatch.setattr("gateway.admin.breakers.get_redis_connection", lambda _alias: nobody)
    assert error_of(caller.get("models/breakers"), 503)["code"] == "unavailable"
