"""A cascade: the cheap model's answer is judged, and a better one is asked where it is not good enough."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.models import Task, TaskFallback
from tests.gateway.budgets import budget, counter
from tests.gateway.live import World

REFUSAL = "I'm sorry, but I can't help with that."
ACCEPTED_FROM_ANY = {"cascade_threshold": "0"}
ACCEPTED_FROM_NONE = {"cascade_threshold": "1"}


def cascade(world: World, weak: str = "weak", strong: str = "claude-sonnet-4-5", **fields: Any) -> Task:
    if not any(model.name == weak for model in world.tenant_models()):
        world.model(weak, "openai", upstream_id="gpt-4o-mini")
    models = {model.name: model for model in world.tenant_models()}
    task = Task(tenant=world.tenant, slug="sums", name="Sums", default_model=models[weak], strategy="cascade", **fields)
    task.save()
    TaskFallback.objects.create(task=task, position=1, model=models[strong])
    return task


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_good_answer_is_given_and_nobody_else_is_asked(world, simulator, stream):
    cascade(world, **ACCEPTED_FROM_ANY)
    simulator.behave(output_text="It is 4 + 4 = 8.")
    reply = world.chat("task/sums", stream=stream)
    assert (reply.status, reply.headers["x-tollgate-model"]) == (200, "weak")
    assert reply.text() == "It is 4 + 4 = 8."
    assert reply.headers["x-tollgate-cascade"].startswith("accepted p=")
    (row,) = world.records()
    assert (row.outcome, row.model_served, row.is_final) == ("ok", "weak", True)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("surface", ["chat", "message"])
def test_an_answer_below_the_threshold_escalates_and_both_calls_are_charged(world, simulator, surface, stream):
    budget(world, 100, "requests")
    budget(world, 1_000_000, "tokens")
    cascade(world, **ACCEPTED_FROM_NONE)
    reply = getattr(world, surface)("task/sums", stream=stream)
    assert (reply.status, reply.headers["x-tollgate-model"]) == (200, "claude-sonnet-4-5")
    assert "below_threshold" in reply.headers["x-tollgate-cascade"]
    first, last = world.records(2)
    assert (first.outcome, first.model_served, first.is_final, first.usage_source) == (
        "escalated",
        "weak",
        False,
        "reported",
    )
    assert (last.outcome, last.model_served, last.is_final) == ("ok", "claude-sonnet-4-5", True)
    assert first.cost_usd > 0
    assert counter(world, "requests") == (1, 0)
    assert counter(world, "tokens") == (sum(row.input_tokens + row.output_tokens for row in (first, last)), 0)
    if not stream:
        assert float(reply.headers["x-tollgate-cost-usd"]) == float(first.cost_usd + last.cost_usd)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_refusal_escalates_whatever_the_threshold(world, simulator, stream):
    world.model("weak", "openai", upstream_id="gpt-4o-mini?finish=refusal")
    cascade(world, **ACCEPTED_FROM_ANY)
    reply = world.chat("task/sums", stream=stream)
    assert reply.headers["x-tollgate-model"] == "claude-sonnet-4-5"
    assert "refusal" in reply.headers["x-tollgate-cascade"]


def test_a_cut_answer_escalates(world, simulator):
    world.model("weak", "openai", upstream_id="gpt-4o-mini?finish=length")
    cascade(world, **ACCEPTED_FROM_ANY)
    assert world.chat("task/sums").headers["x-tollgate-model"] == "claude-sonnet-4-5"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_where_no_better_model_can_answer_the_first_answer_has_to_do(world, simulator, stream):
    budget(world, 1_000_000, "tokens")
    world.model("strong", "anthropic", upstream_id="claude-sonnet-4-5?fault=500")
    cascade(world, strong="strong", **ACCEPTED_FROM_NONE)
    reply = world.chat("task/sums", stream=stream)
    assert (reply.status, reply.headers["x-tollgate-model"]) == (200, "weak")
    assert reply.text()
    rows = world.records(int(reply.headers["x-tollgate-attempts"]) + 1)
    final = next(row for row in rows if row.is_final)
    assert (final.attempt, final.outcome, final.model_served, final.cost_usd) == (0, "ok", "weak", 0)
    paid = [row for row in rows if row.cost_usd]
    assert [(row.model_served, row.outcome) for row in paid] == [("weak", "escalated")]
    assert counter(world, "tokens") == (paid[0].input_tokens + paid[0].output_tokens, 0)


def test_a_cheap_model_that_fails_is_passed_over(world, simulator):
    world.model("weak", "openai", upstream_id="gpt-4o-mini?fault=500")
    cascade(world, **ACCEPTED_FROM_ANY)
    reply = world.chat("task/sums")
    assert (reply.status, reply.headers["x-tollgate-model"]) == (200, "claude-sonnet-4-5")
    assert "x-tollgate-cascade" not in reply.headers


def test_both_calls_are_held(world, simulator):
    """What only one call would fit into is capped, so that both fit."""
    cascade(world, **ACCEPTED_FROM_NONE)
    budget(world, 400, "tokens")
    reply = world.chat("task/sums", max_tokens=300)
    assert reply.status == 200
    assert int(reply.headers["x-tollgate-max-tokens"]) < 200
    assert counter(world, "tokens")[0] <= 400


def test_the_threshold_follows_from_labelled_answers(world, simulator):
    """Nothing set: the judge that Tollgate comes with and the target of 5 % decide, from case to case."""
    cascade(world)
    simulator.behave(output_text="She has 3 apples and gets 2 more, so 3 + 2 = 5.\n#### 5")
    reply = world.chat("task/sums", prompt="Ann has 3 apples and gets 2 more. How many apples does she have?")
    assert reply.status == 200
    assert reply.headers["x-tollgate-cascade"].partition(" ")[0] in {"accepted", "escalated"}
    simulator.behave(output_text="3 + 2 = 7, so it may be 7 or 9. However, that is not right.")
    reply = world.chat("task/sums", prompt="Ann has 3 apples and gets 2 more. How many apples does she have?")
    assert reply.headers["x-tollgate-cascade"].startswith("escalated")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_where_a_budget_pays_for_no_third_call_the_first_answer_has_to_do(world, simulator, stream):
    """The better model's call has cost something and failed; what is left does not pay for the one behind it."""
    budget(world, 400, "tokens")
    world.model("strong", "anthropic", upstream_id="claude-sonnet-4-5?fault=bad_json&fault_after_chunks=0")
    task = cascade(world, strong="strong", **ACCEPTED_FROM_NONE)
    third = next(model for model in world.tenant_models() if model.name == "gpt-4o")
    TaskFallback.objects.create(task=task, position=2, model=third)
    reply = world.chat("task/sums", prompt="word " * 20, max_tokens=300, stream=stream)
    assert (reply.status, reply.headers["x-tollgate-model"]) == (200, "weak")
    assert reply.text()
    rows = world.records(3)
    final = next(row for row in rows if row.is_final)
    assert (final.attempt, final.outcome, final.model_served, final.cost_usd) == (0, "ok", "weak", 0)
    assert [(row.model_served, row.outcome) for row in rows if row is not final] == [
        ("weak", "escalated"),
        ("strong", "upstream_error"),
    ]
    assert counter(world, "tokens") == (sum(row.input_tokens + row.output_tokens for row in rows), 0)
    assert "gpt-4o" not in simulator.totals()["by_model"]


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


@pytest.mark.parametrize("surface", ["chat", "message"])
def test_an_answer_that_violates_the_schema_escalates_in_either_format(world, simulator, surface):
    world.model("weak", "openai", upstream_id='gpt-4o-mini?output_text={"n": "four"}')
    cascade(world, **ACCEPTED_FROM_ANY)
    form = {"type": "json_schema", "schema": SCHEMA}
    asked = (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}}
        if surface == "chat"
        else {"output_config": {"format": form}}
    )
    reply = getattr(world, surface)("task/sums", **asked)
    assert (reply.status, reply.headers["x-tollgate-model"]) == (200, "claude-sonnet-4-5")
    assert "violates_schema" in reply.headers["x-tollgate-cascade"]
