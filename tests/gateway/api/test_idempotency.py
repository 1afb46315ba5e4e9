"""The same request twice under one Idempotency-Key: answered once by the provider, charged once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tenants import api_keys
from tests.gateway.budgets import budget, counter, error
from tests.gateway.live import Reply, World, wait_until

BODY = {"model": "gpt-4o", "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]}


def ask(world: World, key: str = "order-1", secret: str | None = None, **fields: Any) -> Reply:
    return world.post("/v1/chat/completions", {**BODY, **fields}, secret=secret, idempotency_key=key)


@pytest.mark.parametrize("stream", [False, True])
def test_a_repeated_request_gets_the_first_answer_and_is_charged_once(world, simulator, stream):
    budget(world, 100, "requests")
    first = ask(world, stream=stream)
    again = ask(world, stream=stream)
    assert (first.status, again.status) == (200, 200)
    assert first.events() == again.events()
    assert first.headers["content-type"] == again.headers["content-type"]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert simulator.totals()["requests"] == 1
    assert counter(world, "requests") == (1, 0)
    original, repeat = world.records(2)
    assert (repeat.cache, repeat.attempt, repeat.cost_usd) == ("repeat", 0, 0)
    assert original.cost_usd > 0


def test_another_request_under_the_same_key_is_refused(world, simulator):
    assert ask(world).status == 200
    assert error(ask(world, max_tokens=60)) == (400, "idempotency_key_reused")
    assert simulator.totals()["requests"] == 1


def test_keys_of_different_api_keys_are_different(world, simulator):
    other = api_keys.create(world.tenant, name="other").secret
    assert [ask(world).status, ask(world, secret=other, max_tokens=60).status] == [200, 200]
    assert simulator.totals()["requests"] == 2


def test_a_failed_request_may_be_made_again(world, simulator):
    simulator.behave(fault="400", times=1)
    assert [ask(world).status, ask(world).status] == [400, 200]
    assert simulator.totals()["requests"] == 2


def test_a_refused_request_may_be_made_again(world):
    row = budget(world, 0)
    assert ask(world).status == 429
    row.amount = 1
    row.save()
    assert ask(world).status == 200


def test_requests_at_the_same_time_make_one_call(world, simulator):
    simulator.behave(latency_ms=100)
    with ThreadPoolExecutor(10) as pool:
        replies = list(pool.map(lambda _: ask(world), range(10)))
    assert [reply.status for reply in replies] == [200] * 10
    assert len({reply.body for reply in replies}) == 1
    assert simulator.totals()["requests"] == 1


def test_one_that_is_under_way_for_long_is_said_to_be(world, simulator):
    simulator.behave(latency_ms=60_000, times=1)
    budget(world, 100, "requests")
    slow = threading.Thread(target=lambda: ask(world))
    slow.start()
    wait_until(lambda: counter(world, "requests")[1] == 1)
    reply = ask(world)
    assert error(reply) == (409, "idempotency_in_progress")
    assert reply.headers["retry-after"] == "1"
    simulator.reset()
    slow.join()
    assert simulator.totals()["requests"] == 1


def test_a_key_that_is_too_long_is_refused(world):
    assert error(ask(world, key="x" * 256)) == (400, "invalid_request")
