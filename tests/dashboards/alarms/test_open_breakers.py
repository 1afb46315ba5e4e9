"""An open circuit breaker is told to those whom it concerns."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from django.conf import settings
from django.utils import timezone
from django_redis import get_redis_connection

from billing.models import Alert
from dashboards.alarms import evidence, fleet, watching
from dashboards.alarms.fleet import Standing
from gateway.models import Feedback, Model
from gateway.resilience.breakers import Breakers, Policy
from gateway.stores.redis import RedisStore
from gateway.types import Model as Called
from gateway.types import Provider, Secret
from tenants import redis_keys
from tenants.models import Tenant
from tests.billing.alert_ledger import channel
from tests.cast import Cast
from tests.dashboards.alarms.made import MINUTE, NOW, alerts, look, notices, rolled, step

pytestmark = pytest.mark.django_db


def standing(model: Model, *, is_closed: bool, changed_at: dt.datetime | None = NOW) -> dict[str, Standing]:
    found = Standing(model.pk, model.name, model.provider.name, model.tenant_id, is_closed, changed_at)
    return {str(model.pk): found}


def test_an_open_breaker_is_told_to_those_who_call_the_model(cast: Cast, acme: Tenant):
    channel(acme)
    opened, closed = standing(cast.model, is_closed=False), standing(cast.model, is_closed=True, changed_at=None)
    step(acme, 0, good=1, model_served=cast.model.name)
    step(cast.globex.tenant, 0, good=1, model_served="another")
    rolled()
    assert look(cast.globex.tenant, standings=opened) == 0
    assert [look(acme, standings=opened), look(acme, standings=opened)] == [1, 0]
    assert look(acme, NOW + 11 * MINUTE, standings=opened) == 1
    assert look(acme, NOW + 12 * MINUTE, standings=None) == 0  # Redis is away: nothing is known
    assert alerts(acme) == [("breaker", str(cast.model.pk), "critical", False)]
    assert Alert.objects.get(tenant=acme).view == "gateway/model/breakers/"
    assert look(acme, NOW + 20 * MINUTE, standings=closed) == 1
    assert notices() == ["raised", "resolved"]


def test_a_tenants_own_model_concerns_it_alone_called_or_not(cast: Cast, acme: Tenant):
    own = cast.acme.model
    assert look(cast.globex.tenant, standings=standing(own, is_closed=False)) == 0
    assert look(acme, standings=standing(own, is_closed=False)) == 1
    assert look(acme, standings={}) == 1  # it was deleted
    assert Alert.objects.get(tenant=acme).text.endswith("It is not watched for any more.")


def test_the_run_finds_what_gateways_have_counted_and_tenants_with_something_to_see(cast: Cast, acme: Tenant):
    own = cast.acme.model
    now = timezone.now()
    Feedback.objects.all().delete()

    async def fail() -> None:
        store = RedisStore(settings.REDIS_URL, timeout_seconds=30.0)
        breakers = Breakers(store, Policy())
        provider = Provider(own.provider_id, "p", "openai", "http://127.0.0.1:9/v1", Secret(""))
        called = Called(own.name, own.effective_upstream_id, provider, frozenset({"chat"}), None, None, None, 0, "auto")
        for permit in [await breakers.permit(called) for _ in range(12)]:
            assert permit is not None
            permit.went_badly()
        await breakers.look_after()
        await breakers.close()
        await store.close()

    try:
        asyncio.run(fail())
        assert not fleet.standings()[str(own.pk)].is_closed
        assert acme not in evidence.candidates(now, ["breaker"])
        step(acme, 0, good=1, now=now)
        rolled(now)
        assert evidence.candidates(now, ["breaker"]) == [acme]
        assert watching.run() == 1
    finally:
        redis = get_redis_connection("default")
        redis.delete(redis_keys.open_breakers(), redis_keys.breaker(own.provider_id, own.effective_upstream_id))
    assert alerts(acme) == [("breaker", str(own.pk), "warning", False)]
