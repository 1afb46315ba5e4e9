"""The circuit breakers' page: how they stand, who sees what, and the override by hand."""

from __future__ import annotations

import asyncio
import html
import re
import time
from typing import Any
from uuid import uuid4

import pytest
from auditlog.models import LogEntry
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from django_redis import get_redis_connection

from gateway.models import Model
from gateway.resilience import breaker_states
from gateway.resilience.breakers import CLOSED, FIRST_BYTE, HALF_OPEN, OPEN, WHOLE, Breakers, Policy
from gateway.stores.redis import RedisStore
from gateway.types import Model as Called
from gateway.types import Provider, Secret
from tenants import redis_keys
from tests.cast import Cast, at_work, in_console, logged_in

pytestmark = pytest.mark.django_db(transaction=True)

PAGE, TABLE = "/admin/gateway/model/breakers/", "/admin/gateway/model/breakers/table/"
POLICY = Policy(least_calls=10, failure_percent=50, open_seconds=40.0, probes=2)


async def call(model: Model, *, well: int = 0, badly: int = 0, probes: int = 0, policy: Policy = POLICY) -> None:
    """Call it as a gateway process does, each call taking 100 ms to its first byte and 1 s in all; `probes` stay under way."""
    store = RedisStore(django_settings.REDIS_URL, timeout_seconds=30.0)
    breakers = Breakers(store, policy)
    provider = Provider(model.provider_id, "p", "openai", "http://127.0.0.1:9/v1", Secret(""))
    called = Called(model.name, model.effective_upstream_id, provider, frozenset({"chat"}), None, None, None, 0, "auto")
    permits = [await breakers.permit(called) for _ in range(well + badly + probes)]
    for place, permit in enumerate(permits[: well + badly]):
        assert permit is not None
        permit.took(FIRST_BYTE, 100.0)
        permit.took(WHOLE, 1000.0)
        permit.went_well() if place < well else permit.went_badly()
    await breakers.look_after()
    await breakers.close()
    await store.close()


@pytest.fixture
def redis() -> Any:
    connection = get_redis_connection("default")
    yield connection
    connection.delete(redis_keys.open_breakers())


def state_of(model: Model) -> breaker_states.BreakerState:
    (state,) = breaker_states.read(get_redis_connection("default"), [(model.provider_id, model.effective_upstream_id)])
    return state


def row_of(client: Client, model: Model, url: str = TABLE) -> str:
    """The text of a model's line."""
    rows = re.findall(r"<tr>.*?</tr>", client.get(url).content.decode(), re.DOTALL)
    (row,) = [row for row in rows if f"/gateway/model/{model.pk}/change/" in row]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", row)).split())


async def test_reads_what_the_gateway_wrote(redis):
    model = Model(provider_id=uuid4(), name="m")
    assert state_of(model) == breaker_states.BreakerState()
    await call(model, well=18, badly=7)
    state = state_of(model)
    assert (state.state, state.since, state.well, state.badly) == (CLOSED, None, 18, 7)
    assert 100 <= (state.p95_first_byte_ms or 0) <= 115
    assert 1000 <= (state.p95_whole_ms or 0) <= 1150
    began = time.monotonic()
    await call(model, badly=30)
    state = state_of(model)
    assert (state.state, state.well, state.badly) == (OPEN, 0, 0)
    assert 39 - (time.monotonic() - began) < state.probe_seconds <= 40
    assert state.since is not None


async def test_reads_the_probes_of_one_that_is_half_open(redis):
    model = Model(provider_id=uuid4(), name="m")
    await call(model, badly=30, policy=Policy(open_seconds=0.0))
    await call(model, probes=2)
    state = state_of(model)
    assert (state.state, state.probes_under_way, state.probes_well) == (HALF_OPEN, 2, 0)


def call_sync(model: Model, **how: Any) -> None:
    asyncio.run(call(model, **how))


def test_the_page_shows_how_they_stand(cast: Cast, redis):
    began = time.monotonic()
    call_sync(cast.model, well=15, badly=6)
    call_sync(cast.acme.model, badly=30)
    olga = logged_in(cast.olga)
    assert olga.get(PAGE).status_code == 200
    shared, own = row_of(olga, cast.model), row_of(olga, cast.acme.model)
    assert "Closed" in shared
    assert "6 of 21 failed" in shared
    assert "Open" in own
    since, probe = map(int, re.search(r"for (\d+) s, next probe in (\d+) s", own).groups())  # type: ignore[union-attr]
    passed = time.monotonic() - began + 1
    assert 0 <= since <= passed
    assert 40 - passed <= probe <= 40
    content = olga.get(TABLE).content.decode()
    assert content.index(str(cast.acme.model.pk)) < content.index(str(cast.model.pk))  # what needs attention is first


def test_the_list_of_models_has_the_state(cast: Cast, redis):
    call_sync(cast.acme.model, badly=30)
    Model.objects.filter(pk=cast.globex.model.pk).update(breaker="closed")
    content = logged_in(cast.olga).get(reverse("admin:gateway_model_changelist")).content.decode()
    shown = re.findall(r"field-breaker_state[^>]*>\s*<span[^>]*>\s*([\w -]+?)\s*</span>", content)
    assert sorted(shown) == ["Closed", "Closed", "Held closed", "Open"]


def test_members_see_their_models_and_the_shared_ones_but_not_what_others_call(cast: Cast, redis):
    call_sync(cast.model, well=15, badly=6)
    call_sync(cast.acme.model, well=3)
    vera, charlie = at_work(cast.vera), at_work(cast.charlie)
    assert "0 of 3 failed" in row_of(vera, cast.acme.model)
    assert "Closed" in row_of(vera, cast.model)
    assert "of 21 failed" not in row_of(vera, cast.model)
    for url in (PAGE, TABLE):
        content = charlie.get(url).content.decode()
        assert cast.acme.model.name not in content
        assert str(cast.acme.model.pk) not in content
        assert cast.globex.model.name in content


@pytest.mark.parametrize("who", ["bob", "vera", "charlie"])
def test_members_look_but_do_not_touch(cast: Cast, redis, who: str):
    client = at_work(getattr(cast, who))
    offered = client.get(TABLE).content.decode()
    assert str(cast.model.pk) in offered
    for model in (cast.model, cast.acme.model):
        url = reverse("admin:gateway_model_breaker", args=[model.pk, "open"])
        assert f'hx-post="{client.at(url)}"' not in offered
        expected = 404 if who == "charlie" and model is cast.acme.model else 403
        assert client.get(url).status_code == expected
        assert client.post(url).status_code == expected
        model.refresh_from_db()
        assert model.breaker == "auto"
    assert not LogEntry.objects.filter(changes__has_key="breaker", action=LogEntry.Action.UPDATE).exists()


def test_admins_hold_breakers_of_their_own_providers_models_and_of_no_others(cast: Cast, redis):
    ada, own, shared = at_work(cast.ada), cast.acme.model, cast.model
    own_url, shared_url = (reverse("admin:gateway_model_breaker", args=[model.pk, "open"]) for model in (own, shared))
    offered = ada.get(TABLE).content.decode()
    assert f'hx-post="{ada.at(own_url)}"' in offered
    assert f'hx-post="{ada.at(shared_url)}"' not in offered
    assert ada.post(own_url).status_code == 302
    assert ada.post(shared_url).status_code == 403
    own.refresh_from_db()
    shared.refresh_from_db()
    assert (own.breaker, shared.breaker) == ("open", "auto")


def test_the_override_is_asked_for_recorded_and_in_force(cast: Cast, redis):
    olga, model, tenant = logged_in(cast.olga), cast.acme.model, cast.acme.tenant
    url = reverse("admin:gateway_model_breaker", args=[model.pk, "open"])
    tenant.refresh_from_db()
    before = tenant.config_version
    asked = olga.get(url).content.decode()
    assert "Requests then go to the next model of their chain" in asked
    model.refresh_from_db()
    assert model.breaker == "auto"
    response = olga.post(url)
    assert (response.status_code, response["Location"]) == (302, PAGE)
    model.refresh_from_db()
    tenant.refresh_from_db()
    assert (model.breaker, tenant.config_version > before) == ("open", True)
    assert int(redis.get(redis_keys.config_version(tenant.pk))) == tenant.config_version
    entry = LogEntry.objects.filter(object_pk=str(model.pk), action=LogEntry.Action.UPDATE).latest("timestamp")
    assert entry.actor == cast.olga
    assert entry.changes == {"breaker": ["auto", "open"]}
    assert "Held open" in row_of(olga, model)


def test_the_page_s_own_click_is_answered_with_the_new_table(cast: Cast, redis):
    olga, model = logged_in(cast.olga), cast.acme.model
    url = reverse("admin:gateway_model_breaker", args=[model.pk, "closed"])
    response = olga.post(url, headers={"HX-Request": "true"})
    assert response.status_code == 200
    assert response.content.decode().lstrip().startswith("<div")
    assert "Held closed" in row_of(olga, model)
    olga.post(reverse("admin:gateway_model_breaker", args=[model.pk, "auto"]), headers={"HX-Request": "true"})
    assert row_of(olga, model).count("Closed") == 1
    assert olga.get(reverse("admin:gateway_model_breaker", args=[model.pk, "ajar"])).status_code == 404


def test_a_click_without_the_page_s_token_is_refused(cast: Cast, redis):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.olga)
    url = reverse("admin:gateway_model_breaker", args=[cast.model.pk, "open"])
    assert client.post(url, headers={"HX-Request": "true"}).status_code == 403
    token = re.findall(r'"X-CSRFToken": "(\w+)"', client.get(PAGE).content.decode())[0]
    assert client.post(url, headers={"HX-Request": "true", "X-CSRFToken": token}).status_code == 200


def test_without_redis_the_page_says_so(cast: Cast, settings):
    away = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:9/0"}
    settings.CACHES = {"default": away}
    olga = logged_in(cast.olga)
    Model.objects.filter(pk=cast.acme.model.pk).update(breaker="open")
    content = olga.get(PAGE).content.decode()
    assert "Redis does not answer" in content
    assert "Unknown" in row_of(olga, cast.model)
    assert "Held open" in row_of(olga, cast.acme.model)
    assert olga.get(reverse("admin:gateway_model_changelist")).status_code == 200
    url = reverse("admin:gateway_model_breaker", args=[cast.model.pk, "open"])
    assert olga.post(url).status_code == 302
    assert Model.objects.get(pk=cast.model.pk).breaker == "open"


def test_who_is_not_logged_in_gets_the_page_loaded_anew(cast: Cast, redis):
    response = Client().get(TABLE)
    assert (response.status_code, response.content, response["HX-Refresh"]) == (200, b"", "true")
    assert Client().get(PAGE)["Location"].startswith(reverse("account_login"))


def test_the_sidebar_leads_to_it(cast: Cast):
    assert f'href="{PAGE}"' in logged_in(cast.olga).get(reverse("admin:index")).content.decode()
    vera = in_console(cast.vera, cast.acme.tenant)
    assert f'href="{vera.at(PAGE)}"' in vera.get(vera.home).content.decode()


@pytest.mark.parametrize(("url", "title"), [(PAGE, "Circuit breakers"), ("/admin/gateway/model/", "Models")])
def test_the_sidebar_marks_the_page_one_is_on(cast: Cast, url: str, title: str):
    groups = logged_in(cast.olga).get(url).context["sidebar_navigation"]
    assert [str(item["title"]) for group in groups for item in group["items"] if item["active"]] == [title]
