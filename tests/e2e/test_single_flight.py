"""Of the same requests at once one calls the provider, over two gateway processes; whatever becomes of it, the others get on."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django_redis import get_redis_connection

from gateway import sweeper
from tenants import redis_keys
from tests.e2e.books import check_ledger
from tests.e2e.load import BROKEN, Ask, Shot, fire
from tests.gateway.budgets import budget, counter
from tests.gateway.caches import entries, policy
from tests.gateway.live import Gateway, World, wait_until

TIMEOUTS = {"TOLLGATE_FIRST_BYTE_TIMEOUT": "15", "TOLLGATE_IDLE_TIMEOUT": "15", "TOLLGATE_TOTAL_TIMEOUT": "30"}
BODY = {"model": "gpt-4o", "max_tokens": 500}


@pytest.fixture(scope="module")
def pair(gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Gateway]]:
    """Two gateway processes on the same database and Redis, which give a call more time than the session's."""
    with (
        Gateway.running(tmp_path_factory.mktemp("first"), **TIMEOUTS) as first,
        Gateway.running(tmp_path_factory.mktemp("second"), **TIMEOUTS) as second,
    ):
        yield [first, second]


def asks(world: World, gateways: list[Gateway], amount: int, prompt: str = "hello", **fields: Any) -> list[Ask]:
    """The very same, alternately at the gateways; every other pair of them streamed."""
    return [
        Ask(gateways[at % len(gateways)], world.secret, prompt, {**BODY, "stream": at // 2 % 2 == 1, **fields})
        for at in range(amount)
    ]


def told(shots: list[Shot]) -> Counter[tuple[int, str | None, str | None]]:
    return Counter(
        (shot.status, shot.headers.get("x-tollgate-cache"), shot.headers.get("x-tollgate-cache-reason"))
        for shot in shots
    )


def flights(world: World) -> list[bytes]:
    return list(get_redis_connection("default").scan_iter(f"{redis_keys.tag(world.tenant.id)}flight:*"))


def test_two_hundred_at_once_make_one_call(world, simulator, pair):
    policy(world)
    budget(world, 1000, "requests")
    simulator.behave(latency_ms=3000, output_text="Tolls are paid at the gate.")
    shots = fire(asks(world, pair, 200), at_once=200)
    assert len(simulator.requests()) == 1
    found = told(shots)
    assert set(found) <= {(200, "miss", "no entry"), (200, "hit", "shared flight"), (200, "hit", None)}
    assert found[200, "miss", "no entry"] == 1
    assert found[200, "hit", "shared flight"] > 100  # both processes' waited
    hits = [shot for shot in shots if shot.headers["x-tollgate-cache"] == "hit"]
    assert all(b"Tolls are paid at the gate." in shot.content for shot in hits)
    wait_until(lambda: counter(world, "requests") == (200, 0))
    admitted = check_ledger(world.records(200), world)
    assert len(admitted) == 200
    assert sum(row.cost_usd > 0 for row in admitted) == 1
    waited = [row for row in admitted if row.cache_reason == "shared flight"]
    assert all(row.steps_us["flight"] > 0 for row in waited)
    wait_until(lambda: flights(world) == [])


def test_different_ones_do_not_wait_for_each_other(world, simulator, pair):
    policy(world)
    simulator.behave(latency_ms=300)
    shots = fire([ask for prompt in ("a", "b", "c") for ask in asks(world, pair, 10, prompt)])
    assert len(simulator.requests()) == 3
    assert {shot.status for shot in shots} == {200}


def test_who_asks_for_no_cached_answer_waits_for_nobody(world, simulator, pair):
    simulator.behave(latency_ms=300)
    row = policy(world)
    row.exact = False
    row.save()
    shots = fire(asks(world, pair, 6))
    assert len(simulator.requests()) == 6
    assert told(shots) == {(200, "bypass", "switched off"): 6}


@pytest.mark.parametrize("behaviour", [{"finish": "length"}, {"fault": "400"}], ids=["not kept", "failed"])
def test_where_the_answer_is_not_kept_the_others_call_by_themselves(world, simulator, pair, behaviour):
    policy(world)
    simulator.behave(latency_ms=700, times=1, **behaviour)
    started = threading.Thread(target=lambda: fire(asks(world, pair, 1)))
    started.start()
    wait_until(lambda: simulator.requests())
    simulator.behave(latency_ms=100, finish="length")
    shots = fire(asks(world, pair, 11))
    started.join()
    assert {shot.status for shot in shots} == {200}
    assert len(simulator.requests()) == 12  # none of them waited for another one again


def test_a_killed_leader_is_taken_over_by_one_of_the_others(world, simulator, pair, tmp_path):
    policy(world)
    budget(world, 1000, "requests")
    simulator.behave(latency_ms=4000, times=1)
    with Gateway.running(tmp_path, TOLLGATE_LEASE="5", **TIMEOUTS) as victim:
        leader = threading.Thread(target=lambda: fire(asks(world, [victim], 1)))
        leader.start()
        wait_until(lambda: simulator.requests())

        def kill() -> None:
            wait_until(lambda: _is_awaited(world))
            os.kill(victim.child.pid, signal.SIGKILL)
            wait_until(victim.child.has_ended)

        shots = fire(asks(world, [victim, *pair], 60), kill, at_once=60)
        leader.join()
    survived = [shot for shot in shots if shot.ask.gateway is not victim]
    assert {shot.status for shot in shots if shot.ask.gateway is victim} == {BROKEN}
    assert len(simulator.requests()) == 2
    assert set(told(survived)) == {(200, "miss", "no entry"), (200, "hit", "shared flight")}
    assert told(survived)[200, "miss", "no entry"] == 1

    def is_settled() -> bool:
        sweeper.sweep(get_redis_connection("default"), world.tenant.id)
        return counter(world, "requests")[1] == 0

    wait_until(is_settled)
    check_ledger(world.records_so_far(), world)


def _is_awaited(world: World) -> bool:
    redis = get_redis_connection("default")
    return any((redis.get(key) or b"").endswith(b"+") for key in flights(world))


def test_a_leader_whose_client_leaves_goes_on_for_the_others(world, simulator, pair):
    """A stream; it takes longer than a left one is listened to where nobody waits for it."""
    policy(world)
    world.model("slow", "openai", upstream_id="gpt-4o?chunk_ms=100&output_tokens=40")
    client = _begin_stream(world, pair[0], "slow")
    waiting: list[Shot] = []
    others = threading.Thread(target=lambda: waiting.extend(fire(asks(world, pair, 10, model="slow"))))
    others.start()
    wait_until(lambda: _is_awaited(world))
    client.close()
    others.join()
    assert told(waiting) == {(200, "hit", "shared flight"): 10}
    assert len(simulator.requests()) == 1
    assert len(entries(world)) == 1
    left = next(row for row in world.records(11) if row.cache == "miss")
    assert (left.outcome, left.status, left.usage_source) == ("client_left", 499, "reported")


def test_a_leader_whose_client_leaves_while_nobody_waits_is_stopped(world, simulator, pair):
    policy(world)
    world.model("slow", "openai", upstream_id="gpt-4o?chunk_ms=100&output_tokens=80")
    _begin_stream(world, pair[0], "slow").close()
    wait_until(lambda: all(entry["outcome"] == "client_disconnected" for entry in simulator.requests()))
    (row,) = world.records()
    assert (row.outcome, row.cache_reason) == ("client_left", "no entry; not kept: client_left")
    assert entries(world) == {}


def _begin_stream(world: World, gateway: Gateway, model: str) -> http.client.HTTPConnection:
    """A client of a stream that has begun."""
    address = urlsplit(gateway.url)
    client = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    content = {**BODY, "model": model, "stream": True, "messages": [{"role": "user", "content": "hello"}]}
    client.request("POST", "/v1/chat/completions", json.dumps(content), {"authorization": f"Bearer {world.secret}"})
    client.getresponse().readline()
    return client


def test_who_has_waited_long_enough_goes_on_alone(world, simulator, tmp_path):
    policy(world)
    simulator.behave(latency_ms=3000)  # all calls, so that none of the answers is there before the last one goes on
    with Gateway.running(tmp_path, TOLLGATE_FLIGHT_WAIT="0.5", **TIMEOUTS) as hasty:
        leader = threading.Thread(target=lambda: fire(asks(world, [hasty], 1)))
        leader.start()
        wait_until(lambda: simulator.requests())
        shots = fire(asks(world, [hasty], 4))
        leader.join()
    assert told(shots) == {(200, "miss", "no entry"): 4}
    assert len(simulator.requests()) == 5


def test_waiting_ends_where_a_cached_answer_would_be_refused_too(world, simulator, pair):
    policy(world)
    simulator.behave(latency_ms=1000)
    budget(world, 1, "requests")
    shots = fire(asks(world, pair, 8))
    assert Counter(shot.status for shot in shots) == {200: 1, 429: 7}
    assert len(simulator.requests()) == 1
