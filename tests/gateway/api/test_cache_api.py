"""GET /v1/cache and POST /v1/cache/purge: what the exact cache holds, and having it forget."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django_redis import get_redis_connection

from gateway import tasks
from gateway.models import Task
from gateway.stores import cache
from tenants import api_keys, redis_keys
from tests.gateway.budgets import error
from tests.gateway.caches import HIT, books, entries, pass_time, policy, said
from tests.gateway.live import Reply, World

GONE = (200, "miss", "purged")


@pytest.fixture
def cached(cached: World) -> World:
    """With a task, too."""
    model = next(model for model in cached.tenant_models() if model.name == "gpt-4o")
    Task.objects.create(tenant=cached.tenant, slug="faq", name="FAQ", default_model=model)
    return cached


def purge(world: World, *, secret: str | None = None, **what: Any) -> Reply:
    return world.post("/v1/cache/purge", what, secret=secret)


def test_says_what_it_holds_and_was_worth(cached):
    empty = cached.get("/v1/cache").json()
    assert (empty["entries"], empty["bytes"], empty["hit_share"], empty["oldest_at"]) == (0, 0, None, None)
    policy(cached, task=Task.objects.get(tenant=cached.tenant), ttl_seconds=60, scope="end_user")
    for prompt in ("a", "b", "a", "a"):
        cached.chat(prompt=prompt)
    told = cached.get("/v1/cache").json()
    assert (told["object"], told["entries"], told["hits"], told["misses"]) == ("cache", 2, 2, 2)
    assert (told["hit_share"], told["max_bytes"]) == (0.5, 64 * 1_048_576)
    assert told["bytes"] == sum(len(entry) + 200 for entry in entries(cached).values())
    saved = sum(row.saved_usd for row in cached.records(4) if row.saved_usd is not None)
    assert told["saved_usd"] == f"{saved:.9f}"
    assert told["oldest_at"] >= told["counted_since"]
    assert told["policies"] == [
        {
            "task": None, "exact": True, "semantic": False, "ttl_seconds": 3600, "stale_seconds": 86_400, "scope": "tenant",
            "max_temperature": 0.3, "with_tools": False, "embeddings": True,
        },
        {
            "task": "faq", "exact": True, "semantic": False, "ttl_seconds": 60, "stale_seconds": 86_400, "scope": "end_user",
            "max_temperature": 0.3, "with_tools": False, "embeddings": True,
        },
    ]  # fmt: skip


def test_everything_is_forgotten_at_once(cached, simulator):
    cached.chat()
    reply = purge(cached, all=True)
    assert reply.status == 200
    assert reply.json()["purged"] == {"all": True}
    assert reply.json()["at"].endswith("Z")
    assert [said(cached.chat()) for _ in range(2)] == [GONE, HIT]


def test_only_what_the_task_answered(cached):
    for name in ("gpt-4o", "task/faq"):
        cached.chat(name)
    assert purge(cached, task="task/faq").json()["purged"] == {"task": "faq"}
    assert (said(cached.chat()), said(cached.chat("task/faq"))) == (HIT, GONE)


def test_only_what_the_key_asked_even_if_it_is_revoked(cached):
    other = api_keys.create(cached.tenant, name="other")
    cached.chat(prompt="a")
    cached.post(
        "/v1/chat/completions", {"model": "gpt-4o", "messages": [{"role": "user", "content": "b"}]}, secret=other.secret
    )
    api_keys.revoke(other.api_key)
    reply = purge(cached, key=str(other.api_key.id))
    assert reply.json()["purged"] == {"key": str(other.api_key.id)}
    assert (said(cached.chat(prompt="a")), said(cached.chat(prompt="b"))) == (HIT, GONE)


def test_only_what_has_the_tag(cached):
    cached.chat(prompt="a", metadata={"tags": ["x", "y"]})
    cached.chat(prompt="b", metadata={"tags": ["x"]})
    cached.chat(prompt="c")
    assert purge(cached, tag="y").json()["purged"] == {"tag": "y"}
    assert [said(cached.chat(prompt=prompt)) for prompt in "abc"] == [GONE, HIT, HIT]


def test_only_what_the_end_user_asked(cached):
    cached.chat(prompt="a", user="ada")
    cached.chat(prompt="b", user="bo")
    cached.chat(prompt="c")
    assert purge(cached, end_user="ada").json()["purged"] == {"end_user": "ada"}
    assert [said(cached.chat(prompt=prompt)) for prompt in "abc"] == [GONE, HIT, HIT]


def test_what_is_purged_does_not_stand_in_either(cached, simulator):
    cached.chat()
    pass_time(cached, 4000)
    purge(cached, all=True)
    simulator.behave(fault="500")
    assert cached.chat().status == 502


def test_an_answer_that_was_asked_for_before_the_purge_is_not_given_after_it(cached, simulator):
    """It may be made of what the purge was to do away with."""
    import threading

    from tests.gateway.live import wait_until

    simulator.behave(latency_ms=500, times=1)
    asking = threading.Thread(target=cached.chat)
    asking.start()
    wait_until(lambda: simulator.requests())
    purge(cached, all=True)
    asking.join()
    assert len(entries(cached)) == 1
    assert said(cached.chat()) == GONE


@pytest.mark.parametrize(
    "what",
    [{}, {"all": False}, {"all": True, "tag": "x"}, {"tag": ""}, {"tag": "x" * 65}, {"tag": "a\nb"}, {"tag": 5}, {"user": "x"},
     {"end_user": " "}, {"end_user": "x" * 201}, {"end_user": "a\nb"}],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_and_purges_nothing(cached, what):
    cached.chat()
    assert purge(cached, **what).status == 400
    assert said(cached.chat()) == HIT


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"all": true} x', b"\xff"])
def test_what_is_no_json_is_refused(cached, content):
    assert error(cached.post("/v1/cache/purge", content)) == (400, "invalid_request")


def test_another_tenant_s_task_and_key_are_not_found(cached, gateway, simulator_process):
    neighbour = World.build(gateway, simulator_process.base_url)
    theirs = api_keys.create(neighbour.tenant, name="theirs").api_key
    Task.objects.create(
        tenant=neighbour.tenant, slug="secret-project", name="x", default_model=neighbour.tenant_models()[0]
    )
    assert error(purge(cached, key=str(theirs.id))) == (404, "key_not_found")
    assert error(purge(cached, key=str(uuid4()))) == (404, "key_not_found")
    assert error(purge(cached, key="no id")) == (404, "key_not_found")
    assert error(purge(cached, task="secret-project")) == (404, "task_not_found")
    assert error(purge(cached, task="no-such-task")) == (404, "task_not_found")
    assert books(cached).get("purged") is None


def test_a_purge_reaches_no_other_tenant(cached, gateway, simulator_process):
    neighbour = World.build(gateway, simulator_process.base_url)
    policy(neighbour)
    neighbour.chat()
    purge(cached, all=True)
    assert said(neighbour.chat()) == HIT


def test_it_takes_the_scope(cached):
    narrow = api_keys.create(cached.tenant, name="narrow", scopes=["chat", "usage"]).secret
    assert error(purge(cached, secret=narrow, all=True)) == (403, "missing_scope")
    bearer = {"authorization": f"Bearer {narrow}"}
    assert error(cached.gateway.request("GET", "/v1/cache", **bearer)) == (403, "missing_scope")
    assert cached.gateway.request("GET", "/v1/cache").status == 401
    assert cached.get("/v1/cache/purge").status == 405
    only = api_keys.create(cached.tenant, name="operator", scopes=["cache"]).secret
    assert purge(cached, secret=only, all=True).status == 200


def test_the_room_of_what_is_purged_or_past_its_end_is_taken_back(cached):
    redis = get_redis_connection("default")
    for prompt, tags in (("a", ["x"]), ("b", []), ("c", [])):
        cached.chat(prompt=prompt, metadata={"tags": tags})
    purge(cached, tag="x")
    assert len(entries(cached)) == 3
    assert cache.due(redis, [cached.tenant.id]) == [cached.tenant.id]
    assert tasks.reclaim_caches() >= 1
    assert len(entries(cached)) == 2
    assert cache.due(redis, [cached.tenant.id]) == []
    assert books(cached)["bytes"] == sum(len(entry) + 200 for entry in entries(cached).values())
    pass_time(cached, 3600 + 86_400 + 1)
    ((digest, _), _) = entries(cached).items()
    redis.hset(redis_keys.cached(cached.tenant.id), digest, b"broken")
    cached.chat(prompt="d")
    purge(cached, end_user="ada")
    redis.hincrby(redis_keys.cached(cached.tenant.id), "!reclaimed", -3_601_000)  # as if an hour had passed
    redis.hincrby(redis_keys.cached(cached.tenant.id), "!tag|x", -86_500_000)
    redis.hincrby(redis_keys.cached(cached.tenant.id), "!end_user|ada", -86_500_000)
    assert cache.due(redis, [cached.tenant.id]) == [cached.tenant.id]
    assert cache.reclaim(redis, cached.tenant.id) == 2
    assert len(entries(cached)) == redis.zcard(redis_keys.cached_by_age(cached.tenant.id)) == 1
    assert not [name for name in books(cached) if name.startswith(("tag", "end_user"))]
    assert said(cached.chat(prompt="d")) == HIT


def test_more_entries_than_one_step_looks_at_are_reclaimed(cached):
    for number in range(cache.LOOKED_AT + 5):
        cached.chat(prompt=str(number), metadata={"tags": ["odd"] if number % 2 else []})
    purge(cached, tag="odd")
    assert cache.reclaim(get_redis_connection("default"), cached.tenant.id) == (cache.LOOKED_AT + 5) // 2
    assert len(entries(cached)) == (cache.LOOKED_AT + 6) // 2
    assert said(cached.chat(prompt="0")) == HIT


def test_a_tenant_that_caches_nothing_is_never_due(world):
    assert cache.due(get_redis_connection("default"), [world.tenant.id]) == []
