"""A model that fails is passed over: the next one of the chain answers, and each call is charged for what it used."""

from __future__ import annotations

import json
import threading

import pytest
from django_redis import get_redis_connection

from gateway.models import Model, Task, TaskFallback
from tenants import redis_keys
from tests.gateway.budgets import budget, counter
from tests.gateway.live import World, wait_until

FAULTS = ["429", "500", "503", "529", "reset", "bad_json", "hang"]


def chain(world: World, *names: str, **fields: object) -> Task:
    """task/chain, over these models in order."""
    models = [Model.objects.get(tenant=world.tenant, name=name) for name in names]
    task = Task.objects.create(tenant=world.tenant, slug="chain", name="Chain", default_model=models[0], **fields)
    for position, model in enumerate(models[1:], 1):
        TaskFallback.objects.create(task=task, position=position, model=model)
    return task


def failing(world: World, fault: str, kind: str = "openai", name: str = "ill", **behaviour: object) -> None:
    more = "".join(f"&{option}={value}" for option, value in behaviour.items())
    world.model(name, kind, upstream_id=f"gpt-4o?fault={fault}{more}")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", FAULTS)
def test_the_next_model_answers(world, simulator, fault, stream):
    before_the_first_token = {"fault_after_chunks": 0} if fault == "bad_json" else {}
    failing(world, fault, **before_the_first_token)
    chain(world, "ill", "claude-sonnet-4-5", **({"first_byte_ms": 4000} if fault == "hang" else {}))
    reply = world.chat("task/chain", stream=stream, max_tokens=50)
    assert reply.status == 200
    assert reply.headers["x-tollgate-model"] == "claude-sonnet-4-5"
    assert reply.headers["x-tollgate-fallback-from"].startswith("ill: ")
    first, *_, last = rows = world.records(int(reply.headers["x-tollgate-attempts"]))
    assert [row.attempt for row in rows] == list(range(1, len(rows) + 1))
    assert [row.is_final for row in rows] == [False] * (len(rows) - 1) + [True]
    assert (first.model_served, first.provider, first.outcome) == ("ill", "openai", "upstream_error")
    assert (last.model_served, last.provider, last.outcome, last.status) == (
        "claude-sonnet-4-5",
        "anthropic",
        "ok",
        200,
    )
    assert {row.request_id for row in rows} == {last.request_id}


def test_a_request_that_falls_back_is_one_request_and_each_call_is_charged(world, simulator):
    budget(world, 100, "requests")
    budget(world, 1_000_000, "tokens")
    failing(world, "bad_json")
    chain(world, "ill", "gpt-4o")
    assert world.chat("task/chain").status == 200
    first, last = world.records(2)
    assert first.input_tokens + first.output_tokens > 0  # it answered, though nobody can read it
    assert counter(world, "requests") == (1, 0)
    tokens = sum(row.input_tokens + row.output_tokens for row in (first, last))
    assert counter(world, "tokens") == (tokens, 0)


@pytest.mark.parametrize(("fault", "behaviour"), [("cut", {}), ("slow_first_byte", {"first_byte_ms": 20_000})])
def test_a_whole_answer_that_never_came_whole_is_charged_for_it_had_been_made(hasty, simulator, fault, behaviour):
    budget(hasty, 1_000_000, "tokens")
    failing(hasty, fault, output_tokens=40, **behaviour)
    chain(hasty, "ill", "gpt-4o")
    assert hasty.chat("task/chain").headers["x-tollgate-model"] == "gpt-4o"
    first, last = hasty.records(2)  # what has cost something is not asked for again
    made, _ = wait_until(  # it notices a moment later that it was given up
        lambda: all(found := [entry["usage"] for entry in simulator.requests()]) and found
    )
    assert (first.outcome, first.usage_source) == ("upstream_error", "estimated")
    assert first.output_tokens >= made["output_tokens"] == 40
    assert first.input_tokens >= made["input_tokens"] > 0
    assert counter(hasty, "tokens") == (sum(row.input_tokens + row.output_tokens for row in (first, last)), 0)


def test_a_model_s_own_budget_counts_its_own_calls(world, simulator):
    for name in ("ill", "gpt-4o"):
        budget(world, 100, "requests", scope="model", subject=name, name=f"requests of {name}")
        budget(world, 1_000_000, "tokens", scope="model", subject=name, name=f"tokens of {name}")
    failing(world, "bad_json")
    chain(world, "ill", "gpt-4o")
    assert world.chat("task/chain").status == 200
    first, last = world.records(2)
    for name, row in (("ill", first), ("gpt-4o", last)):
        assert counter(world, "requests", dimension="model", subject=name) == (1, 0)
        assert counter(world, "tokens", dimension="model", subject=name) == (row.input_tokens + row.output_tokens, 0)


def test_a_model_whose_own_budget_is_used_up_is_left_out(world, simulator):
    budget(world, 1, "requests", scope="model", subject="gpt-4o")
    chain(world, "gpt-4o", "claude-sonnet-4-5")
    served = [world.chat("task/chain").headers["x-tollgate-model"] for _ in range(3)]
    assert served == ["gpt-4o", "claude-sonnet-4-5", "claude-sonnet-4-5"]
    assert counter(world, "requests", dimension="model", subject="gpt-4o") == (1, 0)
    assert world.chat("gpt-4o").json()["error"]["code"] == "budget_spent"


def test_a_fallback_whose_own_budget_is_used_up_is_not_called(world, simulator):
    budget(world, 0, "requests", scope="model", subject="claude-sonnet-4-5")
    failing(world, "500")
    chain(world, "ill", "claude-sonnet-4-5")
    reply = world.chat("task/chain")
    assert reply.status == 503
    assert reply.json()["error"]["detail"]["models"] == {
        "ill": "upstream_failed",
        "claude-sonnet-4-5": "its budget is used up",
    }
    assert {row["body"]["model"] for row in simulator.requests()} == {"gpt-4o?fault=500"}


@pytest.mark.parametrize("surface", ["chat", "message"])
def test_says_what_was_tried_when_no_model_can_answer(world, simulator, surface):
    failing(world, "500")
    failing(world, "503", kind="anthropic", name="worse")
    chain(world, "ill", "worse")
    reply = getattr(world, surface)("task/chain")
    assert (reply.status, reply.json()["error"]["code"]) == (503, "all_models_failed")
    assert "ill: upstream_failed; worse: upstream_overloaded" in reply.json()["error"]["message"]
    assert int(reply.headers["retry-after"]) >= 1
    assert world.record(reply.headers["x-request-id"]).status == 503


@pytest.mark.parametrize("fault", ["400", "422"])
def test_a_fault_of_the_request_s_own_is_not_taken_elsewhere(world, simulator, fault):
    failing(world, fault)
    chain(world, "ill", "claude-sonnet-4-5")
    assert world.chat("task/chain").status == int(fault)
    assert simulator.totals()["requests"] == 1


def test_what_is_too_long_for_a_model_goes_to_one_with_a_larger_window(world, simulator):
    world.model("small", "openai", upstream_id="gpt-4o?context_window=5")  # smaller than anybody has told Tollgate
    world.model("known-to-be-small", "openai", context_window=5)
    chain(world, "small", "known-to-be-small", "claude-sonnet-4-5")
    reply = world.chat("task/chain", prompt="a question of more than five tokens, as anybody can see")
    assert (reply.status, reply.headers["x-tollgate-model"]) == (200, "claude-sonnet-4-5")
    assert simulator.totals()["requests"] == 2


def test_nothing_is_tried_again_once_the_caller_has_had_a_byte(world, simulator):
    failing(world, "cut", chunk_ms=20, fault_after_chunks=5, output_tokens=40)
    chain(world, "ill", "claude-sonnet-4-5")
    reply = world.chat("task/chain", stream=True)
    assert reply.status == 200
    assert json.loads(reply.events()[-1].removeprefix(b"data: "))["error"]["code"] == "upstream_broke_off"
    (row,) = world.records()
    assert (row.outcome, row.model_served) == ("cut", "ill")
    assert row.output_tokens >= 5
    assert simulator.totals()["requests"] == 1


def test_the_output_cap_is_no_more_than_the_fallback_can_make(world, simulator):
    failing(world, "500")
    world.model("short", "openai", max_output_tokens=60)
    chain(world, "ill", "short")
    assert world.chat("task/chain", max_tokens=500).status == 200
    *_, last = simulator.requests()
    assert last["body"]["max_tokens"] == 60


def test_a_model_whose_breaker_is_held_open_is_not_called(world, simulator):
    row = Model.objects.get(tenant=world.tenant, name="gpt-4o")
    row.breaker = "open"
    row.save()
    chain(world, "gpt-4o", "claude-sonnet-4-5")
    reply = world.chat("task/chain")
    assert reply.headers["x-tollgate-model"] == "claude-sonnet-4-5"
    alone = world.chat("gpt-4o")
    assert (alone.status, alone.json()["error"]["code"]) == (503, "all_models_failed")
    assert simulator.totals()["requests"] == 1


def test_a_failed_call_that_cost_something_leaves_a_budget_no_room_for_another(world, simulator):
    budget(world, 160, "tokens")
    failing(world, "bad_json", output_tokens=90)
    chain(world, "ill", "claude-sonnet-4-5")
    reply = world.chat("task/chain", max_tokens=100)
    assert (reply.status, reply.json()["error"]["code"]) == (429, "budget_spent")
    assert reply.json()["error"]["detail"]["budget"] == "tokens budget"
    assert (reply.headers["x-should-retry"], int(reply.headers["retry-after"]) > 1) == ("false", True)
    assert simulator.totals()["requests"] == 1
    used, held = counter(world, "tokens")
    assert 0 < used <= 160
    assert held == 0


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_next_call_is_held_on_top_and_given_back(world, simulator, stream):
    budget(world, 100, "requests")
    budget(world, 2000, "tokens")
    failing(world, "hang")
    chain(world, "ill", "claude-sonnet-4-5", urgency="background", first_byte_ms=2500)
    reply = world.chat("task/chain", max_tokens=50, stream=stream)
    assert (reply.status, reply.headers["x-tollgate-model"]) == (200, "claude-sonnet-4-5")
    first, last = world.records(2)
    assert (first.error_type, first.usage_source, first.output_tokens) == ("upstream_timeout", "estimated", 0)
    assert first.input_tokens > 0
    tokens = sum(row.input_tokens + row.output_tokens for row in (first, last))
    assert counter(world, "tokens") == (tokens, 0)
    assert counter(world, "requests") == (1, 0)
    holds = get_redis_connection("default").hkeys(redis_keys.holds(world.tenant.id))
    assert holds == []


REFUSING = {
    "by its finish reason": ("openai", "gpt-4o?finish=content_filter&chunks_per_write=100"),
    "in OpenAI's own field": ("openai", "gpt-4o?finish=refusal"),  # its first words say so
    "as Anthropic does": ("anthropic", "claude-sonnet-4-5?finish=refusal&chunks_per_write=100"),
    "with an error": ("openai", "gpt-4o?status=400&error_code=content_policy_violation"),
}


@pytest.mark.parametrize("surface", ["chat", "message"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("how", REFUSING)
def test_what_one_refuses_the_next_is_asked_where_the_task_says_so(world, simulator, how, stream, surface):
    budget(world, 1_000_000, "tokens")
    kind, upstream_id = REFUSING[how]
    world.model("prude", kind, upstream_id=upstream_id)
    task = chain(world, "prude", "gpt-4o", escapes_refusals=True)
    reply = getattr(world, surface)("task/chain", stream=stream)
    assert (reply.status, reply.headers["x-tollgate-model"]) == (200, "gpt-4o")
    assert reply.headers["x-tollgate-fallback-from"].startswith("prude: content_")
    first, last = world.records(2)
    assert (first.model_served, first.is_final, last.outcome) == ("prude", False, "ok")
    assert first.usage_source == ("none" if how == "with an error" else "reported")
    assert counter(world, "tokens") == (sum(row.input_tokens + row.output_tokens for row in (first, last)), 0)
    task.escapes_refusals = False
    task.save()
    assert getattr(world, surface)("task/chain", stream=stream).headers["x-tollgate-model"] == "prude"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_refusal_is_given_all_the_same_where_nobody_has_a_better_answer(world, simulator, stream):
    budget(world, 1_000_000, "tokens")
    world.model("prude", "openai", upstream_id="gpt-4o?finish=refusal")
    failing(world, "500", kind="anthropic")
    chain(world, "prude", "ill", escapes_refusals=True)
    reply = world.chat("task/chain", stream=stream)
    assert (reply.status, reply.headers["x-tollgate-model"]) == (200, "prude")
    assert b'"refusal":"' in reply.body
    assert reply.headers["x-tollgate-fallback-from"] == "ill: upstream_failed"
    rows = world.records(int(reply.headers["x-tollgate-attempts"]) + 1)
    refused, *failed, final = sorted(rows, key=lambda row: (row.is_final, row.attempt))
    assert (refused.model_served, refused.error_type, refused.usage_source) == ("prude", "content_refused", "reported")
    assert {(row.model_served, row.error_type) for row in failed} == {("ill", "upstream_failed")}
    assert (final.attempt, final.outcome, final.model_served, final.cost_usd) == (0, "ok", "prude", 0)
    assert counter(world, "tokens") == (refused.input_tokens + refused.output_tokens, 0)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_what_is_too_long_for_every_model_is_the_request_s_own_fault(world, simulator, stream):
    """Trying again helps nobody, so it is no 503."""
    for name in ("small", "other"):
        world.model(name, "openai", upstream_id="gpt-4o?context_window=5", context_window=100_000)
    chain(world, "small", "other")
    reply = world.chat("task/chain", prompt="a question of more than five tokens, as anybody can see", stream=stream)
    assert (reply.status, reply.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert simulator.totals()["requests"] == 1
    assert "retry-after" not in reply.headers


def test_that_it_is_too_long_is_said_with_openai_s_code_whoever_says_it(world, simulator):
    world.model("small", "anthropic", upstream_id="claude-sonnet-4-5?context_window=5")
    reply = world.chat("small", prompt="a question of more than five tokens, as anybody can see")
    assert (reply.status, reply.json()["error"]["code"]) == (400, "context_length_exceeded")


def test_where_others_hold_what_the_next_call_needs_the_refusal_may_be_retried(world, simulator):
    budget(world, 1500, "tokens")
    failing(world, "bad_json", output_tokens=90)
    chain(world, "ill", "claude-sonnet-4-5")
    simulator.behave(model="gpt-4o", latency_ms=60_000, times=1)
    slow = threading.Thread(target=lambda: world.chat("gpt-4o", max_tokens=1200))
    slow.start()
    wait_until(lambda: counter(world, "tokens")[1] > 0)
    reply = world.chat("task/chain", max_tokens=100)
    assert (reply.status, reply.json()["error"]["code"]) == (429, "budget_held")
    assert reply.json()["error"]["detail"]["budget"] == "tokens budget"
    assert "x-should-retry" not in reply.headers
    simulator.reset()
    slow.join()
