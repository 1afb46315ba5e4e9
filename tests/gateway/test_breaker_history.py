"""When breakers were open: noted once as the script tells it, and put together to spans."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django_redis import get_redis_connection

from gateway import breaker_history
from gateway.breaker_history import Span
from gateway.models import BreakerChange
from gateway.resilience.breakers import Breakers, Policy
from gateway.stores.redis import RedisStore
from tenants import redis_keys
from tests.gateway.routing import ground

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
PROVIDER = UUID(int=7)


def at(minute: float) -> dt.datetime:
    return NOON + dt.timedelta(minutes=minute)


def changes(*states: tuple[float, str], upstream_id: str = "m") -> None:
    for minute, state in states:
        BreakerChange.objects.create(
            entry=uuid4().hex, provider_id=PROVIDER, upstream_id=upstream_id, state=state, at=at(minute)
        )


def spans(start: float = -60, end: float = 60, **more: Any) -> list[tuple[str, dt.datetime, dt.datetime | None, int]]:
    found = breaker_history.spans(at(start), at(end), **more)
    return [(one.upstream_id, one.began_at, one.ended_at, one.openings) for one in found]


def test_a_breaker_that_opens_is_noted_once():
    redis = get_redis_connection("default")
    redis.delete(redis_keys.breaker_changes())
    model = ground.model(f"m-{uuid4().hex}")

    async def fail() -> None:
        store = RedisStore(settings.REDIS_NODE_URL, timeout_seconds=30)
        breakers = Breakers(store, Policy(least_calls=2))
        for _ in range(2):
            permit = await breakers.permit(model)
            assert permit is not None
            permit.went_badly()
        await breakers.look_after()
        await breakers.close()
        await store.call("HDEL", redis_keys.open_breakers(), redis_keys.breaker(model.provider.id, model.upstream_id))
        await store.close()

    asyncio.run(fail())
    kept = redis.xrange(redis_keys.breaker_changes())
    assert breaker_history.note(redis) == 1
    row = BreakerChange.objects.get()
    assert (row.provider_id, row.upstream_id, row.state) == (model.provider.id, model.upstream_id, "open")
    redis.delete(redis_keys.breaker_changes())
    for entry, fields in kept:  # as if a worker had died before it took them from the stream
        redis.xadd(redis_keys.breaker_changes(), fields, id=entry.decode())
    breaker_history.note(redis)
    assert BreakerChange.objects.count() == 1
    assert breaker_history.note(redis) == 0


def test_changes_become_spans_the_latest_first():
    changes(
        (0, "open"),
        (1, "half-open"),
        (1.5, "open"),
        (2, "half-open"),
        (2.5, "closed"),
        (10, "open"),
        (10.5, "half-open"),
    )
    changes((5, "open"), (6, "closed"), upstream_id="other")
    assert spans(end=12) == [
        ("m", at(10), None, 1),
        ("other", at(5), at(6), 1),
        ("m", at(0), at(2.5), 2),
    ]


def test_one_that_nobody_calls_any_more_is_over_after_an_hour():
    changes((0, "open"))
    assert spans(end=59) == [("m", at(0), None, 1)]
    assert spans(end=180) == [("m", at(0), at(60), 1)]
    changes((300, "open"), (301, "closed"))
    assert spans(end=400) == [("m", at(300), at(301), 1), ("m", at(0), at(60), 1)]


def test_only_what_reaches_into_the_time_and_is_asked_for():
    changes((-30, "open"), (-20, "closed"), (-5, "open"), (5, "closed"))
    changes((1, "open"), (2, "closed"), upstream_id="other")
    assert spans(0, 10, targets={(PROVIDER, "m")}) == [("m", at(-5), at(5), 1)]
    assert spans(0, 10, targets={(UUID(int=8), "m")}) == []
    (span,) = breaker_history.spans(at(0), at(10), {(PROVIDER, "m")})
    assert span.within(at(0), at(3)) == dt.timedelta(minutes=3)
    assert span.within(at(6), at(9)) == dt.timedelta()
    assert Span(PROVIDER, "m", at(0), None, 1).within(at(-5), at(4)) == dt.timedelta(minutes=4)


def test_old_changes_go():
    changes((0, "open"), (1, "closed"))
    assert breaker_history.forget(NOON + breaker_history.KEPT + dt.timedelta(seconds=30)) == 1
