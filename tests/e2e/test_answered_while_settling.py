"""An answer leaves when its settlement is on its way to Redis, not when Redis has done it; whoever has the answer finds it charged all the
same, and charged once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gateway import drain
from gateway.models import RequestLog
from tenants import redis_keys
from tests.e2e.own_stores import OwnRedis
from tests.gateway.caches import HIT, policy, said
from tests.gateway.live import Gateway, Reply, World, wait_until


@pytest.fixture(scope="module")
def patient(own: OwnRedis, tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Gateway]:
    """A gateway that waits for Redis longer than any test for its answer."""
    with Gateway.running(
        tmp_path_factory.mktemp("gateway"), REDIS_URL=own.url, TOLLGATE_REDIS_TIMEOUT="120"
    ) as gateway:
        yield gateway


@pytest.fixture
def world(patient: Gateway, simulator: Any, simulator_process: Any, django_db_blocker: Any) -> Iterator[World]:
    with django_db_blocker.unblock():
        yield World.build(patient, simulator_process.base_url)


def rows(own: OwnRedis, world: World) -> list[RequestLog]:
    drain.drain(own.client, world.tenant.id)
    return list(RequestLog.objects.filter(tenant=world.tenant).order_by("accepted_at"))


def pid_of(own: OwnRedis) -> int:
    return int(own.client.info("server")["process_id"])


@pytest.mark.parametrize("is_hit", [False, True], ids=["a model's", "a cached one"])
def test_whoever_has_the_answer_finds_it_charged(own: OwnRedis, world: World, is_hit: bool):
    if is_hit:
        policy(world)
        assert world.chat(prompt="again").status == 200
    before = own.client.xlen(redis_keys.usage_stream(world.tenant.id))
    for number in range(before + 1, before + 31):
        reply = world.chat(prompt="again" if is_hit else f"hello {number}")
        assert (said(reply) == HIT) is is_hit
        assert own.client.hlen(redis_keys.holds(world.tenant.id)) == 0
        assert own.client.xlen(redis_keys.usage_stream(world.tenant.id)) == number
    assert len(rows(own, world)) == before + 30


def test_the_answer_does_not_wait_for_a_redis_that_has_stopped_answering(own: OwnRedis, world: World, simulator: Any):
    assert world.chat(prompt="first").status == 200
    simulator.behave(latency_ms=1000)
    replies: list[Reply] = []
    asking = threading.Thread(target=lambda: replies.append(world.chat(prompt="second")))
    before = simulator.totals()["requests"]
    asking.start()
    wait_until(lambda: simulator.totals()["requests"] > before)
    pid = pid_of(own)
    os.kill(pid, signal.SIGSTOP)
    try:
        asking.join(60)
        assert [reply.status for reply in replies] == [200]  # and Redis has not done anything since it was let in
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: own.client.hlen(redis_keys.holds(world.tenant.id)) == 0)
    found = rows(own, world)
    assert [row.status for row in found] == [200, 200]
    assert found[1].output_tokens > 0
