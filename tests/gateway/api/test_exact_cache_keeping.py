"""What the exact cache keeps and what it passes by, how much of it, and what becomes of an entry that cannot be read."""

from __future__ import annotations

from typing import Any

import pytest
from django_redis import get_redis_connection

from gateway.caching.entries import TIMES_BYTES, pack, unpack
from tenants import redis_keys
from tests.gateway.budgets import counter
from tests.gateway.caches import FIRST, HIT, body, books, entries, policy, said


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"temperature": 1}, "temperature 1 above 0.3"),
        ({"n": 2}, "n is 2"),
        ({"store": True}, "store is asked for"),
    ],
)
def test_what_is_not_to_be_cached_passes_it_by_and_says_why(cached, simulator, fields, reason):
    assert [said(cached.chat(**fields)) for _ in range(2)] == [(200, "bypass", reason)] * 2
    assert (simulator.totals()["requests"], entries(cached)) == (2, {})
    assert [(row.cache, row.cache_reason) for row in cached.records(2)] == [("bypass", reason)] * 2


def test_without_a_policy_nothing_is_cached(world, simulator):
    assert [said(world.chat()) for _ in range(2)] == [(200, "bypass", "no policy")] * 2
    assert simulator.totals()["requests"] == 2


def test_token_counts_are_not_cached(cached):
    reply = cached.post(
        "/v1/messages/count_tokens", {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}
    )
    assert said(reply) == (200, "bypass", "token counts are not cached")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ({"finish": "length"}, "finish reason length"),
        ({"finish": "content_filter"}, "finish reason content_filter"),
        ({"finish": "refusal"}, "a refusal"),
        ({"output_text": ""}, "it is empty"),
        ({"output_text": "x" * 3000}, "larger than 2048 bytes"),
    ],
)
def test_an_answer_that_is_not_whole_is_not_kept(world, simulator, stream, behaviour, reason):
    policy(world, max_entry_kilobytes=2)
    simulator.behave(**behaviour)
    reply = world.chat(stream=stream)
    if stream:
        reason = {"larger than 2048 bytes": "the stream could not be put together"}.get(reason, reason)
    record = world.record(reply.headers["x-request-id"])
    assert (record.cache, record.cache_reason) == ("miss", f"no entry; not kept: {reason}")
    assert reply.headers["x-tollgate-cache-reason"] == ("no entry" if stream else record.cache_reason)
    assert entries(world) == {}
    simulator.reset()
    assert said(world.chat()) == FIRST


def test_an_error_is_not_kept(cached, simulator):
    simulator.behave(fault="400", times=1)
    assert cached.chat().status == 400
    (row,) = cached.records()
    assert (row.cache, row.cache_reason) == ("miss", "no entry; not kept: upstream_rejected")
    assert said(cached.chat()) == FIRST


def test_a_stream_that_breaks_off_is_not_kept(cached, simulator):
    simulator.behave(fault="cut", fault_after_chunks=3, times=1)
    cached.chat(stream=True)
    assert entries(cached) == {}
    assert said(cached.chat()) == FIRST


def test_answers_that_call_tools_are_kept_where_the_policy_says_so(world, simulator):
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
    forced = {"tools": tools, "tool_choice": {"type": "function", "function": {"name": "look"}}}
    row = policy(world)
    assert said(world.chat(**forced)) == (200, "miss", "no entry; not kept: it calls tools")
    row.with_tools = True
    row.save()
    first, whole, stream = world.chat(**forced), world.chat(**forced), world.chat(**forced, stream=True)
    assert (said(first), said(whole), said(stream)) == (FIRST, HIT, HIT)
    assert whole.body == first.body
    assert b'"name":"look"' in stream.body


@pytest.mark.parametrize("broken", [b"", b"x" * 20, b"\0" * 60, None])
def test_an_entry_that_cannot_be_read_is_a_miss_and_is_replaced(cached, simulator, broken):
    first = cached.chat()
    ((digest, entry),) = entries(cached).items()
    redis, key = get_redis_connection("default"), redis_keys.cached(cached.tenant.id)
    redis.hset(key, digest, entry[: len(entry) // 2] if broken is None else broken)
    anew = cached.chat()
    assert (anew.status, anew.headers["x-tollgate-cache"]) == (200, "miss")
    again = cached.chat()
    assert (said(again), again.body) == (HIT, anew.body)
    assert simulator.totals()["requests"] == 2
    assert counter(cached, "requests")[1] == 0
    assert first.status == 200
    assert get_redis_connection("default").hlen(redis_keys.holds(cached.tenant.id)) == 0


def test_an_answer_that_is_no_json_any_more_is_a_miss_for_a_stream(cached, simulator):
    """Whoever wants it whole gets the bytes; a stream has to be made of them."""
    cached.chat()
    ((digest, entry),) = entries(cached).items()
    redis, key = get_redis_connection("default"), redis_keys.cached(cached.tenant.id)
    kept = unpack(entry)
    redis.hset(key, digest, entry[:TIMES_BYTES] + pack(kept.head, kept.body.replace(b'"choices"', b'"chances"')))
    reply = cached.chat(stream=True)
    assert (reply.status, reply.headers["x-tollgate-cache"]) == (200, "miss")
    assert said(cached.chat(stream=True)) == HIT
    assert books(cached)["bytes"] == sum(len(item) + 200 for item in entries(cached).values())


def test_the_oldest_go_where_there_is_no_room_for_all(world, simulator):
    policy(world, max_megabytes=1, max_entry_kilobytes=512)
    simulator.behave(output_text="x" * 300_000)

    def ask(number: int) -> Any:
        return said(world.chat(prompt=str(number), max_tokens=300_000))

    assert [ask(number) for number in range(4)] == [FIRST] * 4
    found = entries(world)
    assert len(found) == 3
    assert books(world)["bytes"] == sum(len(entry) + 200 for entry in found.values()) <= 1_048_576
    assert [ask(number) for number in (3, 2, 1)] == [HIT] * 3
    assert [ask(number) for number in (0, 1)] == [FIRST] * 2


def test_an_answer_made_anew_takes_the_room_of_the_old_one(cached):
    for _ in range(3):
        cached.post("/v1/chat/completions", body(), cache_control="no-cache")
    assert len(entries(cached)) == 1
    assert books(cached)["bytes"] == sum(len(entry) + 200 for entry in entries(cached).values())
    assert get_redis_connection("default").zcard(redis_keys.cached_by_age(cached.tenant.id)) == 1
