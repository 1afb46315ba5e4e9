"""Tollgate on a Redis Cluster of three nodes: each script of each tenant finds all its keys on one node."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis.cluster import RedisCluster

from config.redis_cluster import node_url
from gateway.models import RequestLog
from gateway.stores import cache as stores_cache
from tenants import redis_keys
from tests.gateway.budgets import budget
from tests.gateway.caches import policy
from tests.gateway.live import ROOT, Gateway, World, test_environment, wait_until
from tests.gateway.stores import cluster

WORK = """
import django; django.setup()
from uuid import UUID
from django_redis import get_redis_connection
from gateway import drain, emptying, reconciliation, sweeper
from tenants import redis_keys
redis = get_redis_connection("default")
tenants = [UUID(name) for name in {tenants}]
swept = sum(sweeper.sweep(redis, tenant) for tenant in sweeper.with_expired(redis, tenants))
drained = sum(drain.drain(redis, tenant).inserted for tenant in emptying.waiting(redis, tenants, redis_keys.usage_stream))
drift = [str(tenant) for tenant in tenants if reconciliation.reconcile(tenant)]
print([swept, drained, drift])
"""


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    with cluster.running(tmp_path_factory.mktemp("cluster")) as url:
        client: Any = RedisCluster.from_url(node_url(url))
        client.url = url
        yield client
        client.close()


@pytest.fixture(scope="module")
def environment(nodes: Any) -> dict[str, str]:
    return {"REDIS_URL": nodes.url, "CELERY_BROKER_URL": "memory://", "TOLLGATE_LEASE": "5"}


@pytest.fixture(scope="module")
def clustered(
    django_db_setup: None, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    with Gateway.running(tmp_path_factory.mktemp("clustered"), **environment) as gateway:
        yield gateway


@pytest.fixture
def worlds(
    clustered: Gateway, simulator: Any, simulator_process: Any, nodes: Any, django_db_blocker: Any
) -> Iterator[list[World]]:
    """Three tenants, one on each node."""
    found: dict[str, World] = {}
    with django_db_blocker.unblock():
        while len(found) < cluster.NODES:
            world = World.build(clustered, simulator_process.base_url)
            found.setdefault(node_of(nodes, world), world)
        yield list(found.values())


def node_of(nodes: Any, world: World) -> str:
    name: str = nodes.get_node_from_key(redis_keys.counters(world.tenant.id)).name
    return name


def work(environment: dict[str, str], worlds: list[World]) -> tuple[int, int, list[str]]:
    """What the worker does: (holds swept, records drained, tenants whose counters had drifted)."""
    program = WORK.format(tenants=[str(world.tenant.id) for world in worlds])
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=False,
        env=test_environment(DJANGO_SETTINGS_MODULE="config.settings", **environment),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    swept, drained, drift = json.loads(done.stdout.decode().strip().splitlines()[-1].replace("'", '"'))
    return swept, drained, drift


def counted(nodes: Any, world: World, metric: str) -> tuple[int, int]:
    values = nodes.hgetall(redis_keys.counters(world.tenant.id))
    used = sum(int(value) for name, value in values.items() if name.startswith(f"{metric}|".encode()))
    held = sum(int(value) for name, value in values.items() if name.startswith(f"h{metric}|".encode()))
    return used, held


def test_budgets_stop_exactly_on_every_node_and_the_ledger_agrees(worlds, nodes, environment, simulator):
    assert len({node_of(nodes, world) for world in worlds}) == cluster.NODES
    for world in worlds:
        budget(world, 3, "requests")
        budget(world, 1_000_000, "tokens", scope="end_user", window="day")
    for world in worlds:
        replies = [world.chat(user="alice", stream=at % 2 == 0) for at in range(5)]
        assert [reply.status for reply in replies] == [200, 200, 200, 429, 429]
    wait_until(lambda: all(counted(nodes, world, "requests") == (3, 0) for world in worlds))
    swept, drained, drift = work(environment, worlds)
    assert (swept, drained, drift) == (0, 15, [])
    for world in worlds:
        rows = RequestLog.objects.filter(tenant=world.tenant)
        assert sorted(rows.values_list("status", flat=True)) == [200, 200, 200, 429, 429]


def test_an_idempotency_key_is_on_the_tenant_s_node(worlds):
    for world in worlds:
        first, again = (world.post("/v1/chat/completions", BODY, idempotency_key="once") for _ in range(2))
        assert again.headers["idempotent-replayed"] == "true"
        assert again.body == first.body


BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}


def test_lost_counters_are_read_from_the_ledger_and_a_dead_process_s_holds_are_swept(
    worlds, nodes, environment, simulator, simulator_process, tmp_path
):
    world = worlds[0]
    budget(world, 4, "requests")
    assert world.chat().status == 200
    work(environment, worlds)
    nodes.delete(*(key for key in nodes.keys(f"{redis_keys.tag(world.tenant.id)}*") if b"config" not in key))
    assert world.chat().status == 200  # restored: reopened, seeded
    wait_until(lambda: counted(nodes, world, "requests") == (2, 0))
    simulator.behave(fault="hang")
    with Gateway.running(tmp_path, **environment) as victim:
        dying = World(victim, simulator_process.base_url, world.tenant, world.secret)
        thread = threading.Thread(target=lambda: _ignore(dying), daemon=True)
        thread.start()
        wait_until(lambda: counted(nodes, world, "requests") == (2, 1))
        os.kill(victim.child.pid, signal.SIGKILL)
        thread.join(10)
    swept = wait_until(lambda: work(environment, worlds)[0])
    assert swept == 1
    assert counted(nodes, world, "requests") == (3, 0)


def test_cached_answers_flights_and_purges_of_each_tenant_are_on_its_node(worlds, nodes, environment, simulator):
    for world in worlds:
        policy(world)
        budget(world, 10, "requests")
    simulator.behave(latency_ms=200)
    for world in worlds:
        with ThreadPoolExecutor(4) as pool:
            replies = list(pool.map(lambda _, world=world: world.chat(user="alice"), range(4)))
        assert sorted(reply.headers["x-tollgate-cache"] for reply in replies) == ["hit", "hit", "hit", "miss"]
        assert world.chat(user="alice", stream=True).headers["x-tollgate-cache"] == "hit"
        told = world.get("/v1/cache").json()
        assert (told["entries"], told["hits"], told["misses"]) == (1, 4, 1)
        assert world.post("/v1/cache/purge", {"all": True}).status == 200
        assert world.chat(user="alice").headers["x-tollgate-cache-reason"] == "purged"
    assert simulator.totals()["requests"] == 2 * len(worlds)
    swept, drained, drift = work(environment, worlds)
    assert (swept, drained, drift) == (0, 18, [])
    due = stores_cache.due(nodes, [world.tenant.id for world in worlds])
    assert due == [world.tenant.id for world in worlds]
    assert [stores_cache.reclaim(nodes, tenant_id) for tenant_id in due] == [0, 0, 0]


def _ignore(world: World) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        world.chat()
