"""Circuit breakers of two processes on one Redis."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import msgspec
import pytest
import pytest_asyncio
from django.conf import settings

from gateway.resilience.breakers import FIRST_BYTE, Breakers, Permit, Policy
from gateway.stores.redis import RedisStore
from gateway.types import Model, Provider, Secret
from tenants import redis_keys

OPEN_SECONDS = 600.0  # no test waits for that: it says when the time is over
POLICY = Policy(least_calls=10, failure_percent=50, open_seconds=OPEN_SECONDS, probes=2)


def a_model(breaker: str = "auto") -> Model:
    provider = Provider(uuid4(), "one", "openai", "http://127.0.0.1:9/v1", Secret(""))
    return Model("m", "m", provider, frozenset({"chat"}), None, None, None, 0, breaker)


@pytest_asyncio.fixture
async def pair() -> AsyncIterator[tuple[Breakers, Breakers]]:
    """The breakers of two processes."""
    stores = [RedisStore(settings.REDIS_URL, timeout_seconds=30.0) for _ in range(2)]
    one, other = (Breakers(store, POLICY) for store in stores)
    yield one, other
    for item in (one, other):
        await item.close()
    for store in stores:
        await store.call("DEL", redis_keys.open_breakers())
        await store.close()


async def permit(breakers: Breakers, model: Model) -> Permit:
    found = await breakers.permit(model)
    assert found is not None
    return found


async def calls(breakers: Breakers, model: Model, *, well: int = 0, badly: int = 0) -> None:
    under_way = [await permit(breakers, model) for _ in range(well + badly)]
    for place, item in enumerate(under_way):
        if place < well:
            item.went_well()
        else:
            item.went_badly()
    await breakers.look_after()
    await told(breakers)


async def told(breakers: Breakers) -> None:
    """What is told Redis at once has been."""
    await asyncio.gather(*breakers._telling)


async def is_over(model: Model, *breakers: Breakers) -> None:
    """As if it had been open for its time."""
    key, now_ms = redis_keys.breaker(model.provider.id, model.upstream_id), int(time.time() * 1000)
    for item in breakers:
        if key in item._cells:
            item._cells[key].probe_at = 0.0
    redis = breakers[0]._redis
    state, generation, _ = (await redis.call("HGET", redis_keys.open_breakers(), key)).decode().split("|")
    await redis.call("HSET", redis_keys.open_breakers(), key, f"{state}|{generation}|{now_ms}")
    await redis.call("HSET", key, "until", str(now_ms))


async def until(condition: object) -> None:
    async with asyncio.timeout(60):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("well", "badly", "is_open"), [(0, 9, False), (0, 10, True), (5, 5, False), (5, 6, True), (100, 99, False)]
)
async def test_opens_when_most_of_enough_calls_fail(pair, well, badly, is_open):
    model = a_model()
    await calls(pair[0], model, well=well, badly=badly)
    assert (await pair[0].permit(model) is None) == is_open
    assert pair[0].health(model).is_open == is_open
    assert pair[0].wait_seconds(model) <= OPEN_SECONDS
    assert (pair[0].wait_seconds(model) > 0) == is_open


async def test_counts_what_both_processes_see(pair):
    one, other = pair
    model = a_model()
    await calls(one, model, badly=5)
    await calls(other, model, badly=4)
    assert await other.permit(model) is not None
    await calls(one, model, badly=1)
    assert await one.permit(model) is None


async def test_another_process_knows_soon_even_of_a_model_it_never_called(pair):
    one, other = pair
    await permit(other, a_model())  # it is running
    model = a_model()
    await calls(one, model, badly=10)
    await until(lambda: other.health(model).is_open)
    assert await other.permit(model) is None


async def test_a_process_that_begins_later_knows_at_once(pair):
    model = a_model()
    await calls(pair[0], model, badly=10)
    assert await pair[1].permit(model) is None


async def test_it_may_be_probed_when_its_time_is_over():
    store = RedisStore(settings.REDIS_URL, timeout_seconds=30.0)
    alone = Breakers(store, dataclasses.replace(POLICY, open_seconds=0.3))
    model = a_model()
    await calls(alone, model, badly=10)
    probe = None
    async with asyncio.timeout(60):
        while probe is None:
            probe = await alone.permit(model)
            await asyncio.sleep(0.02)
    probe.went_badly()
    await told(alone)
    assert alone._cells[redis_keys.breaker(model.provider.id, "m")].state == "open"
    await alone.close()
    await store.call("HDEL", redis_keys.open_breakers(), redis_keys.breaker(model.provider.id, "m"))
    await store.close()


async def test_half_open_lets_few_probes_through_and_closes_when_they_go_well(pair):
    one, other = pair
    model = a_model()
    await calls(one, model, badly=10)
    await is_over(model, one, other)
    asked = [await item.permit(model) for item in (one, other) * 3]
    probes = [item for item in asked if item is not None]
    assert len(probes) == POLICY.probes
    for probe in probes:
        probe.went_well()
    await told(one)
    await told(other)
    await until(lambda: not one.health(model).is_open and not other.health(model).is_open)
    assert None not in [await item.permit(model) for item in (one, other) * 10]


async def test_a_probe_that_fails_opens_it_anew(pair):
    one, other = pair
    model = a_model()
    await calls(one, model, badly=10)
    await is_over(model, one, other)
    (await permit(one, model)).went_badly()
    await told(one)
    assert [await item.permit(model) for item in pair] == [None, None]
    await is_over(model, one, other)
    await permit(other, model)


async def test_a_probe_that_says_nothing_makes_room_for_the_next(pair):
    model = a_model()
    await calls(pair[0], model, badly=10)
    await is_over(model, *pair)
    for _ in range(2 * POLICY.probes):
        (await permit(pair[0], model)).is_unknown()
        await told(pair[0])


async def test_late_results_count_for_nothing(pair):
    one, _ = pair
    model = a_model()
    late = [await permit(one, model) for _ in range(20)]
    await calls(one, model, badly=10)
    await is_over(model, one)
    for probe in [await permit(one, model) for _ in range(2)]:
        probe.went_well()
    await until(lambda: one._cells[redis_keys.breaker(model.provider.id, "m")].state == "closed")
    for item in late:
        item.went_badly()
    await one.look_after()
    assert await one.permit(model) is not None


async def test_client_faults_do_not_count(pair):
    model = a_model()
    for _ in range(20):
        (await permit(pair[0], model)).is_unknown()
    await calls(pair[0], model, well=4, badly=5)
    assert await pair[0].permit(model) is not None


async def test_an_admin_s_will_comes_first(pair):
    held_open, held_closed = a_model("open"), a_model("closed")
    assert await pair[0].permit(held_open) is None
    assert pair[0].health(held_open).is_open
    await calls(pair[0], held_closed, badly=30)
    assert await pair[0].permit(held_closed) is not None
    assert not pair[0].health(held_closed).is_open
    assert await pair[0].permit(msgspec.structs.replace(held_closed, breaker="auto")) is None


async def test_without_redis_a_process_goes_by_what_it_has_seen():
    store = RedisStore("redis://127.0.0.1:9/0", timeout_seconds=0.5)
    alone = Breakers(store, POLICY)
    model = a_model()
    for item in [await permit(alone, model) for _ in range(10)]:
        item.went_badly()
    await until(lambda: alone.health(model).is_open)
    assert await alone.permit(model) is None
    alone._cells[redis_keys.breaker(model.provider.id, "m")].probe_at = 0.0  # as if its time were over
    await permit(alone, model)
    assert await alone.permit(model) is None  # one probe at a time
    await alone.close()
    await store.close()


async def test_processes_add_up_how_long_a_model_takes(pair):
    one, other = pair
    model = a_model()
    for item, milliseconds in ((one, 100.0), (other, 1000.0)):
        for _ in range(15):
            made = await permit(item, model)
            made.took(FIRST_BYTE, milliseconds)
            made.went_well()
        await item.look_after()
    await until(lambda: other.health(model).p95_first_byte_ms is not None)
    assert 1000 <= (other.health(model).p95_first_byte_ms or 0) <= 1150
    assert other.health(model).p95_whole_ms is None


async def test_a_look_that_comes_back_late_closes_nothing(pair, monkeypatch):
    """Replies of different connections can come in another order than they were made in."""
    one, _ = pair
    model = a_model()
    call, is_held, goes_on = one._redis.call, asyncio.Event(), asyncio.Event()

    async def slow(*words: object) -> object:
        reply = await call(*words)
        if words[0] == "HGETALL" and not goes_on.is_set():
            is_held.set()
            await goes_on.wait()
        return reply

    (await permit(one, model)).went_well()
    monkeypatch.setattr(one._redis, "call", slow)
    look = asyncio.ensure_future(one.look_after())
    await is_held.wait()
    for item in [await permit(one, model) for _ in range(12)]:
        item.went_badly()
    await told(one)
    assert await one.permit(model) is None
    goes_on.set()
    await look
    assert await one.permit(model) is None
