"""How often the management API may be called, by whom it counts, and that it goes on when nothing can be counted."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django_redis import get_redis_connection

from tenants import redis_keys
from tenants.management_api import pace
from tests.cast import Cast
from tests.management import Script, error_of, script

pytestmark = pytest.mark.django_db
NEW = {"name": "bot", "scopes": ["chat"]}


@pytest.fixture(autouse=True)
def _three_a_minute(settings: Any) -> None:
    settings.MANAGEMENT_CALLS_PER_MINUTE = settings.MANAGEMENT_UNKNOWN_PER_MINUTE = 3


def test_a_key_that_calls_too_often_is_told_when_to_come_back(cast: Cast):
    ada, other = script(cast.acme.tenant), script(cast.acme.tenant)
    assert [ada.get("keys").status_code for _ in range(3)] == [200] * 3
    response = ada.post("keys", NEW)
    assert error_of(response, 429)["code"] == "rate_limited"
    assert 1 <= int(response["Retry-After"]) <= 20
    assert not cast.acme.tenant.apikey_set.filter(name="bot").exists()
    error_of(ada.get("nothing/here"), 429)
    assert other.get("keys").status_code == 200
    assert script(cast.globex.tenant).get("keys").status_code == 200


def test_a_person_in_a_console_has_a_pace_of_their_own(cast: Cast):
    def tab(user: Any) -> Script:
        client = Client()
        client.force_login(user)
        return Script(client=client, home=f"/t/{cast.acme.tenant.slug}/api/v1/")

    vera, bob = tab(cast.vera), tab(cast.bob)
    assert [vera.get("keys").status_code for _ in range(3)] == [200] * 3
    error_of(vera.get("keys"), 429)
    assert bob.get("keys").status_code == 200


def test_room_comes_back_with_time(cast: Cast):
    ada, redis = script(cast.acme.tenant), get_redis_connection("default")
    for _ in range(3):
        ada.get("keys")
    error_of(ada.get("keys"), 429)
    assert ada.key is not None
    counted = redis_keys.management_pace(cast.acme.tenant.pk, f"key:{ada.key.pk}")
    redis.set(counted, int(redis.get(counted)) - 20_000_000)  # as if twenty seconds had passed
    assert ada.get("keys").status_code == 200
    error_of(ada.get("keys"), 429)


def test_an_address_that_tries_keys_is_slowed_down_and_good_keys_still_come_through(cast: Cast):
    address, ada = f"2001:db8::{uuid4().hex[:4]}", script(cast.acme.tenant)
    thief = Script("tgm-" + "x" * 43, client=Client(REMOTE_ADDR=address))
    assert [thief.get("keys").status_code for _ in range(3)] == [401] * 3
    response = thief.get("keys")
    assert error_of(response, 429)["code"] == "rate_limited"
    assert 1 <= int(response["Retry-After"]) <= 20
    ada.client = Client(REMOTE_ADDR=address)
    assert ada.get("keys").status_code == 200
    elsewhere = Script("tgm-" + "x" * 43, client=Client(REMOTE_ADDR=f"2001:db9::{uuid4().hex[:4]}"))
    error_of(elsewhere.get("keys"), 401)


def test_without_redis_calls_are_let_in_and_redis_is_left_alone_for_a_while(
    cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}}
    monkeypatch.setattr(pace, "_resting_until", 0.0)
    monkeypatch.setattr(pace, "REST_SECONDS", 300.0)  # more than five calls take, however busy the machine is
    ada = script(cast.acme.tenant)
    assert [ada.get("keys").status_code for _ in range(5)] == [200] * 5
    assert sum("are not counted" in record.message for record in caplog.records) == 1
