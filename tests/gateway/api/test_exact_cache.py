"""The very same request again is answered from the exact cache: at no cost, whole or as a stream, in either format."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import pytest
from django_redis import get_redis_connection

from gateway.caching.entries import TIMES_BYTES, pack, unpack
from gateway.models import Task, TaskFallback
from tenants import redis_keys
from tests.gateway.budgets import NANO, budget, counter, plan
from tests.gateway.caches import FIRST, HIT, books, entries, pass_time, policy, said
from tests.gateway.live import Reply, World, wait_until


@pytest.fixture
def cached(world: World) -> World:
    """A tenant whose answers are cached."""
    policy(world)
    return world


def text_of(reply: Reply) -> str:
    """What was said, in whichever form."""
    if not reply.headers["content-type"].startswith("text/event-stream"):
        answer = reply.json()
        return answer["content"][0]["text"] if "content" in answer else answer["choices"][0]["message"]["content"]
    words = []
    for line in reply.body.split(b"\n"):
        if line.startswith(b"data: {"):
            event = json.loads(line[6:])
            words.append((event.get("delta") or {}).get("text") or "")
            words += [choice["delta"].get("content") or "" for choice in event.get("choices", ())]
    return "".join(words)


@pytest.mark.parametrize("model", ["gpt-4o", "claude-sonnet-4-5"])
@pytest.mark.parametrize("surface", ["chat", "message"])
@pytest.mark.parametrize("kept_of_stream", [False, True], ids=["kept whole", "kept of a stream"])
def test_is_given_again_whole_and_as_a_stream(cached, simulator, model, surface, kept_of_stream):
    simulator.behave(output_text="Tolls are paid at the gate.")
    ask, began = getattr(cached, surface), time.monotonic()
    first = ask(model, stream=kept_of_stream)
    whole, stream = ask(model), ask(model, stream=True)
    assert (said(first), said(whole), said(stream)) == (FIRST, HIT, HIT)
    assert {text_of(reply) for reply in (first, whole, stream)} == {"Tolls are paid at the gate."}
    assert simulator.totals()["requests"] == 1
    assert {(reply.headers["x-tollgate-model"], reply.headers["x-tollgate-cost-usd"]) for reply in (whole, stream)} == {
        (model, "0.000000000")
    }
    saved = {reply.headers["x-tollgate-cache-saved-usd"] for reply in (whole, stream)}
    assert saved == {f"{cached.records(3)[0].cost_usd:.9f}"}
    assert 0 <= int(whole.headers["age"]) <= time.monotonic() - began
    assert "x-tollgate-max-tokens" not in whole.headers
    if not kept_of_stream:
        assert whole.body == first.body
    usage = whole.json()["usage"]
    assert usage.get("output_tokens", usage.get("completion_tokens")) > 0


def test_a_stream_has_the_usage_only_if_it_is_asked_for(cached):
    cached.chat()
    plain, asked = cached.chat(stream=True), cached.chat(stream=True, stream_options={"include_usage": True})
    assert (said(plain), said(asked)) == (HIT, HIT)
    assert b'"usage"' not in plain.body
    assert json.loads(asked.events()[-2].removeprefix(b"data: "))["usage"]["completion_tokens"] > 0
    assert plain.headers["cache-control"] == "no-cache"


def test_embeddings_are_given_again(cached, simulator):
    body = {"model": "text-embedding-3-small", "input": "hello"}
    first, again = (cached.post("/v1/embeddings", body) for _ in range(2))
    other = cached.post("/v1/embeddings", {**body, "encoding_format": "base64"})
    assert (said(first), said(again), said(other)) == (FIRST, HIT, FIRST)
    assert first.body == again.body
    assert simulator.totals()["requests"] == 2


def test_a_hit_counts_as_a_request_of_no_tokens_and_the_ledger_says_the_same(cached):
    budget(cached, 100, "requests")
    budget(cached, 1_000_000, "tokens")
    budget(cached, 100, "usd")
    budget(cached, 100, "requests", scope="model", name="of a model")
    replies = [cached.chat(user="ada") for _ in range(3)]
    assert [reply.headers["x-tollgate-cache"] for reply in replies] == ["miss", "hit", "hit"]
    miss, *hits = cached.records(3)
    used = miss.input_tokens + miss.output_tokens
    assert counter(cached, "requests") == (3, 0)
    assert counter(cached, "tokens") == (used, 0)
    assert counter(cached, "usd") == (int(miss.cost_usd * NANO), 0)
    assert counter(cached, "requests", dimension="model", subject="gpt-4o") == (1, 0)
    for row in hits:
        assert (row.cache, row.cache_reason, row.attempt, row.status, row.outcome) == ("hit", "", 1, 200, "ok")
        assert (row.model_served, row.provider, row.end_user) == ("gpt-4o", "openai", "ada")
        assert (row.input_tokens, row.output_tokens, row.cost_usd, row.usage_source) == (0, 0, 0, "none")
        assert (row.saved_usd, row.cache_similarity, row.opens_model) == (miss.cost_usd, None, False)
        assert row.cache_age_ms < 10_000
        assert "fingerprint" in row.steps_us
    # Redis forgets; what it reads from the ledger is what it counted.
    redis = get_redis_connection("default")
    redis.delete(redis_keys.counters(cached.tenant.id))
    wait_until(lambda: cached.chat(user="ada").status == 200)
    assert counter(cached, "requests") == (4, 0)
    assert counter(cached, "tokens") == (used, 0)
    assert counter(cached, "requests", dimension="model", subject="gpt-4o") == (1, 0)
    assert books(cached)["hits"] == 3
    assert books(cached)["saved"] == 3 * int(miss.cost_usd * NANO)


def test_a_hit_takes_no_place_among_the_requests_under_way(cached, simulator):
    plan(cached, max_concurrency=1)
    assert said(cached.chat()) == FIRST
    redis, key = get_redis_connection("default"), redis_keys.counters(cached.tenant.id)
    (slot,) = (name for name in redis.hkeys(key) if name.startswith(b"slot|"))
    redis.hset(key, slot, 1)  # as if one were under way
    assert said(cached.chat()) == HIT
    assert cached.chat(prompt="other").status == 429
    assert redis.hget(key, slot) == b"1"


@pytest.mark.parametrize("metric", ["requests", "tokens", "usd"])
def test_a_hit_does_not_hide_that_a_budget_is_used_up(cached, simulator, metric):
    row = budget(cached, 1000, metric)
    assert cached.chat().status == 200
    (record,) = cached.records()
    used = {
        "requests": Decimal(1),
        "tokens": Decimal(record.input_tokens + record.output_tokens),
        "usd": record.cost_usd,
    }
    row.amount = used[metric]
    row.save()
    refused = cached.chat()
    assert (refused.status, refused.json()["error"]["code"]) == (429, "budget_spent")
    assert "x-tollgate-cache" not in refused.headers
    row.amount = (
        used[metric] * 2 if metric == "requests" else used[metric] + Decimal("0.0001" if metric == "usd" else 1)
    )
    row.save()
    assert said(cached.chat()) == HIT  # what is left pays for no call, but for this
    assert cached.chat(prompt="other").status == 429
    assert simulator.totals()["requests"] == 1


def test_hits_count_in_the_limits_per_minute(cached):
    plan(cached, requests_per_minute=3, tokens_per_minute=100_000)
    replies = [cached.chat() for _ in range(4)]
    assert [reply.status for reply in replies] == [200, 200, 200, 429]
    assert [reply.headers.get("x-ratelimit-remaining-requests") for reply in replies[:3]] == ["2", "1", "0"]
    left = [int(reply.headers["x-ratelimit-remaining-tokens"]) for reply in replies[:3]]
    assert left[1] == left[2] > left[0]  # the first one shows what is held for it


def test_where_only_cached_answers_are_left_hits_are_given_and_misses_refused(cached, simulator):
    budget(cached, 10, name="Frugal", cheaper_at=10, cached_only_at=20)
    assert [said(cached.chat(prompt=prompt)) for prompt in ("a", "b")] == [
        FIRST,
        (200, "miss", "no entry; not kept: a budget runs low"),
    ]
    assert said(cached.chat(prompt="a")) == HIT
    refused = cached.chat(prompt="b")
    assert (refused.status, refused.json()["error"]["code"]) == (429, "cached_answers_only")
    assert simulator.totals()["requests"] == 2


def test_a_budget_that_runs_low_gives_the_answer_of_the_better_model_and_keeps_none_of_the_cheaper(cached, simulator):
    cached.model("gpt-4o-mini", "openai")
    better = cached.chat()
    row = budget(cached, 1000, cheaper_at=50, cheaper_model="gpt-4o-mini")
    row.amount = 4
    row.save()
    again, other = cached.chat(), cached.chat(prompt="other")
    assert (said(again), again.body) == (HIT, better.body)
    assert (other.headers["x-tollgate-model"], said(other)[2]) == (
        "gpt-4o-mini",
        "no entry; not kept: a budget runs low",
    )
    assert len(entries(cached)) == 1


def test_the_answer_ages_and_is_made_anew(cached, simulator):
    began = time.monotonic()
    cached.chat()
    pass_time(cached, 3000)
    again = cached.chat()
    assert said(again) == HIT
    assert 3000 <= int(again.headers["age"]) <= 3000 + time.monotonic() - began
    pass_time(cached, 601)
    anew = cached.chat()
    assert said(anew) == (200, "miss", "too old")
    assert (said(cached.chat()), simulator.totals()["requests"]) == (HIT, 2)
    assert cached.records(4)[1].cache_age_ms >= 3_000_000


def test_a_shorter_time_counts_at_once_and_a_longer_one_for_what_is_made_from_now_on(world):
    row = policy(world, ttl_seconds=100)
    world.chat()
    pass_time(world, 50)
    row.ttl_seconds = 40
    row.save()
    assert said(world.chat()) == (200, "miss", "too old")
    pass_time(world, 50)
    row.ttl_seconds = 1000
    row.save()
    assert said(world.chat()) == (200, "miss", "too old")
    pass_time(world, 50)
    assert said(world.chat()) == HIT


CONTROLS = [
    ("no-cache", (200, "miss", "no-cache"), True),
    ("no-store", HIT, False),
    ("no-cache, no-store", (200, "miss", "no-cache; not kept: no-store"), False),
    ("max-age=60", HIT, False),
    ("max-age=4", (200, "miss", "too old"), True),
    ("max-age=0", (200, "miss", "max-age=0"), True),
    ("max-age=nonsense", (200, "miss", "max-age=0"), True),
    ("only-if-cached", HIT, False),
    ("only-if-cached, max-age=4", (504, "miss", "too old"), False),
    ("max-stale=5", HIT, False),
]


@pytest.mark.parametrize(("control", "wanted", "is_kept"), CONTROLS)
def test_cache_control_of_a_request(cached, simulator, control, wanted, is_kept):
    cached.chat()
    pass_time(cached, 5)
    before = entries(cached)
    reply = cached.post("/v1/chat/completions", body(), cache_control=control)
    assert said(reply) == wanted
    assert simulator.totals()["requests"] == 1 + (wanted[0] == 200 and wanted[1] == "miss")
    assert (entries(cached) != before) == is_kept


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], **fields}


def test_an_answer_that_must_not_be_stored_is_not(cached, simulator):
    first = cached.post("/v1/chat/completions", body(), cache_control="no-store")
    assert said(first) == (200, "miss", "no entry; not kept: no-store")
    assert entries(cached) == {}


@pytest.mark.parametrize(
    ("path", "kind"), [("/v1/chat/completions", "server_error"), ("/v1/messages", "timeout_error")]
)
def test_only_if_cached_makes_no_call_and_takes_nothing(cached, simulator, path, kind):
    budget(cached, 10, "requests")
    reply = cached.post(path, body(max_tokens=50), cache_control="only-if-cached")
    error = reply.json()["error"]
    assert (reply.status, error["type"]) == (504, kind)
    assert error["message"] == "There is no cached answer (no entry), and only-if-cached forbids asking a model."
    assert reply.headers["x-should-retry"] == "false"
    assert said(reply) == (504, "miss", "no entry")
    assert (counter(cached, "requests"), simulator.totals()["requests"]) == ((0, 0), 0)
    (row,) = cached.records()
    assert (row.outcome, row.status, row.cache, row.attempt) == ("refused", 504, "miss", 0)


def test_only_if_cached_where_nothing_is_cached_says_why(world, simulator):
    reply = world.post("/v1/chat/completions", body(), cache_control="only-if-cached")
    assert said(reply) == (504, "bypass", "no policy")
    assert simulator.totals()["requests"] == 0


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


def test_a_task_s_policy_goes_before_the_tenant_s(world):
    model = next(model for model in world.tenant_models() if model.name == "gpt-4o")
    faq, chat = (
        Task.objects.create(tenant=world.tenant, slug=slug, name=slug, default_model=model) for slug in ("faq", "chat")
    )
    policy(world, ttl_seconds=100)
    policy(world, task=chat, is_active=False)
    policy(world, task=faq, ttl_seconds=1000)
    assert [said(world.chat("task/chat")) for _ in range(2)] == [(200, "bypass", "no policy")] * 2
    assert [said(world.chat(name)) for name in ("task/faq", "gpt-4o", "task/faq", "gpt-4o")] == [FIRST, FIRST, HIT, HIT]
    pass_time(world, 500)
    assert [said(world.chat(name)) for name in ("task/faq", "gpt-4o")] == [HIT, (200, "miss", "too old")]


def test_an_edited_route_begins_anew(world):
    policy(world)
    one = next(model for model in world.tenant_models() if model.name == "gpt-4o")
    two = world.model("gpt-4.1", "openai")
    task = Task.objects.create(tenant=world.tenant, slug="faq", name="FAQ", default_model=one)
    assert [said(world.chat("task/faq")) for _ in range(2)] == [FIRST, HIT]
    TaskFallback.objects.create(task=task, model=two, position=1)
    assert [said(world.chat("task/faq")) for _ in range(2)] == [FIRST, HIT]
    one.upstream_id = "gpt-4o-2024-08-06"
    one.save()
    assert said(world.chat("task/faq")) == FIRST


def test_what_a_fallback_answered_is_kept_for_a_minute_only(world, simulator):
    policy(world)
    one = next(model for model in world.tenant_models() if model.name == "gpt-4o")
    two = world.model("gpt-4.1", "openai")
    task = Task.objects.create(tenant=world.tenant, slug="faq", name="FAQ", default_model=one)
    TaskFallback.objects.create(task=task, model=two, position=1)
    simulator.behave(fault="500", model="gpt-4o")
    assert world.chat("task/faq").headers["x-tollgate-model"] == "gpt-4.1"
    again = world.chat("task/faq")
    assert (said(again), again.headers["x-tollgate-model"]) == (HIT, "gpt-4.1")
    simulator.reset()
    pass_time(world, 61)
    anew = world.chat("task/faq")
    assert (said(anew), anew.headers["x-tollgate-model"]) == ((200, "miss", "too old"), "gpt-4o")


@pytest.mark.parametrize("stream", [False, True])
def test_where_no_model_can_answer_the_stale_answer_is_given_first(cached, simulator, stream):
    began = time.monotonic()
    fresh = cached.chat()
    pass_time(cached, 4000)
    simulator.behave(fault="500")
    reply = cached.chat(stream=stream)
    assert said(reply) == (200, "stale", "no model could answer")
    assert reply.headers["x-tollgate-degraded-by"] == "no model could answer"
    assert 4000 <= int(reply.headers["age"]) <= 4000 + time.monotonic() - began
    assert text_of(reply) == text_of(fresh)
    assert "x-tollgate-similarity" not in reply.headers
    record = cached.record(reply.headers["x-request-id"])
    assert (record.cache, record.attempt, record.saved_usd, record.cost_usd) == ("stale", 0, None, 0)
    assert record.cache_age_ms >= 4_000_000
    assert counter(cached, "requests")[1] == 0


@pytest.mark.parametrize("control", ["no-cache", "max-age=60"])
def test_not_to_who_wants_none_that_old(cached, simulator, control):
    cached.chat()
    pass_time(cached, 4000)
    simulator.behave(fault="500")
    assert cached.post("/v1/chat/completions", body(), cache_control=control).status == 502


@pytest.mark.parametrize("fields", [{"stale_seconds": 0}, {"stale_seconds": 100}])
def test_not_for_longer_than_the_policy_says(world, simulator, fields):
    policy(world, ttl_seconds=100, **fields)
    world.chat()
    pass_time(world, 201)
    simulator.behave(fault="500")
    assert world.chat().status == 502


def test_a_stale_answer_is_not_kept_again(cached, simulator):
    cached.chat()
    pass_time(cached, 4000)
    before = entries(cached)
    simulator.behave(fault="500")
    assert cached.chat().headers["x-tollgate-cache"] == "stale"
    assert entries(cached) == before


def test_with_an_idempotency_key_a_hit_is_kept_as_the_answer(cached, simulator):
    cached.chat()
    hit = cached.post("/v1/chat/completions", body(), idempotency_key="a")
    again = cached.post("/v1/chat/completions", body(), idempotency_key="a")
    assert (said(hit), hit.headers.get("idempotent-replayed")) == (HIT, None)
    assert (again.body, again.headers["idempotent-replayed"]) == (hit.body, "true")
    assert "x-tollgate-cache" not in again.headers
    assert cached.post("/v1/chat/completions", body(seed=1), idempotency_key="a").status == 400


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
