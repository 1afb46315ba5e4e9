"""A task's context policy on the whole way: what reaches the provider, what the caller and the log are told, and summaries."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from billing.models import Budget
from gateway.models import ContextPolicy, Model, Task
from simulator import chat_requests, messages_requests
from tenants import api_keys
from tests.gateway import budgets
from tests.gateway.api.test_routing_rules import add_rule, served
from tests.gateway.live import Reply, World, wait_until

LOREM = "The meeting was moved to the second floor because the lift is being repaired until Thursday. "


@pytest.fixture
def task(world) -> Task:
    model = Model.objects.get(tenant=world.tenant, name="gpt-4o")
    return Task.objects.create(tenant=world.tenant, slug="desk", name="Desk", default_model=model)


def policy(task: Task, **fields: Any) -> ContextPolicy:
    return ContextPolicy.objects.create(task=task, **{"keep_messages": 4, "block_messages": 2, **fields})


def talk(rounds: int) -> list[dict[str, Any]]:
    said = [
        message
        for number in range(rounds)
        for message in (
            {"role": "user", "content": f"Question {number}? {LOREM}"},
            {"role": "assistant", "content": f"Answer {number}. {LOREM}"},
        )
    ]
    return [*said, {"role": "user", "content": "And what now?"}]


def chat(world, messages: list[dict[str, Any]], *, path: str = "/v1/chat/completions", **more: Any) -> Reply:
    headers = more.pop("headers", {})
    return world.post(path, {"model": "task/desk", "max_tokens": 100, "messages": messages, **more}, **headers)


def sent(simulator) -> dict[str, Any]:
    body: dict[str, Any] = simulator.requests()[-1]["body"]
    return body


def test_the_last_messages_and_the_instructions_reach_the_provider(world, simulator, task):
    policy(task)
    reply = chat(world, [{"role": "system", "content": "Be brief."}, *talk(6)], temperature=0.5)
    assert reply.status == 200, reply.body
    body = sent(simulator)
    assert body["messages"] == [{"role": "system", "content": "Be brief."}, *talk(6)[8:]]
    assert body["temperature"] == 0.5
    record = world.record(reply.headers["x-request-id"])
    before, after = record.context_tokens_before, record.context_tokens_after
    assert reply.headers["x-tollgate-context"] == f"{before} -> {after}; kept=6; dropped=8"
    assert 0 < after < before / 2
    assert record.input_tokens == reply.json()["usage"]["prompt_tokens"] < before
    assert "context" in record.steps_us


def test_a_stream_is_told_as_well(world, simulator, task):
    policy(task)
    reply = chat(world, talk(6), stream=True)
    assert reply.headers["x-tollgate-context"].endswith("; kept=5; dropped=8")
    assert world.record(reply.headers["x-request-id"]).context_tokens_after is not None


def test_what_needs_no_cut_goes_as_it_came(world, simulator, task):
    policy(task, collapses_whitespace=True, drops_repetition=True)
    content = b'{"model":"task/desk", "max_tokens":9,"messages":[ {"content":"a","role":"user","name" : "b"}]}'
    reply = world.post("/v1/chat/completions", content)
    assert sent(simulator)["messages"] == [{"content": "a", "role": "user", "name": "b"}]
    words = reply.headers["x-tollgate-context"].split(" ")
    assert words[0] == words[2].rstrip(";")
    assert words[3:] == ["kept=1;", "dropped=0"]


def test_without_a_policy_nothing_is_said_or_recorded(world, simulator, task):
    reply = chat(world, talk(6))
    other = world.post("/v1/chat/completions", {"model": "gpt-4o", "messages": talk(6)})
    for one in (reply, other):
        assert "x-tollgate-context" not in one.headers
        record = world.record(one.headers["x-request-id"])
        assert (record.context_tokens_before, record.context_tokens_after) == (None, None)
        assert "context" not in record.steps_us
    assert sent(simulator)["messages"] == talk(6)


def test_a_policy_is_in_force_on_the_next_request_and_off_when_switched_off(world, simulator, task):
    assert chat(world, talk(6)).status == 200
    made = policy(task)
    assert chat(world, talk(6)).headers["x-tollgate-context"].endswith("kept=5; dropped=8")
    assert sent(simulator)["messages"] == talk(6)[8:]
    made.keep_messages = 8
    made.save()
    assert chat(world, talk(6)).headers["x-tollgate-context"].endswith("kept=9; dropped=4")
    made.is_active = False
    made.save()
    assert "x-tollgate-context" not in chat(world, talk(6)).headers
    assert sent(simulator)["messages"] == talk(6)


@pytest.mark.parametrize("default", ["gpt-4o", "claude-sonnet-4-5"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_tools_stay_with_their_results_in_either_format_at_either_provider(world, simulator, task, default, path):
    task.default_model = Model.objects.get(tenant=world.tenant, name=default)
    task.save()
    policy(task, keep_messages=3, block_messages=1)
    function = {"name": "find", "arguments": "{}"}
    schema = {"type": "object", "properties": {}}
    messages: list[dict[str, Any]] = talk(2)
    if path == "/v1/messages":
        tools: list[dict[str, Any]] = [{"name": "find", "input_schema": schema}]
        for ids in (("a", "b"), ("c", "d")):
            messages.append(
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": one, "name": "find", "input": {}} for one in ids],
                }
            )
            messages.append(
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": one, "content": LOREM} for one in ids],
                }
            )
    else:
        tools = [{"type": "function", "function": {"name": "find", "parameters": schema}}]
        for ids in (("a", "b"), ("c", "d")):
            calls = [{"id": one, "type": "function", "function": function} for one in ids]
            messages.append({"role": "assistant", "content": None, "tool_calls": calls})
            messages += [{"role": "tool", "tool_call_id": one, "content": LOREM} for one in ids]
    reply = chat(world, messages, path=path, tools=tools)
    assert reply.status == 200, reply.body
    body = sent(simulator)
    (chat_requests if default == "gpt-4o" else messages_requests).parse(body)
    text = json.dumps(body)
    assert "And what now?" in text
    assert '"c"' in text
    assert '"d"' in text
    assert "Question" not in text


def test_a_malformed_conversation_is_the_providers_to_refuse(world, simulator, task):
    policy(task, keep_messages=1, block_messages=1)
    messages = [*talk(3), {"role": "tool", "tool_call_id": "x", "content": "r"}]
    reply = chat(world, messages)
    assert (reply.status, reply.json()["error"]["type"]) == (400, "invalid_request_error")
    assert "tool_calls" in reply.json()["error"]["message"]
    assert sent(simulator)["messages"] == messages
    assert "x-tollgate-context" not in reply.headers


def test_what_the_plan_would_refuse_for_its_length_is_fitted_if_it_can_be(world, simulator, task):
    budgets.plan(world, max_input_tokens=500)
    refused = chat(world, talk(40))
    assert (refused.status, refused.json()["error"]["code"]) == (400, "input_too_long")
    policy(task, keep_messages=None)
    fitted = chat(world, talk(40))
    assert fitted.status == 200
    assert int(fitted.headers["x-tollgate-context"].split(" ")[2].rstrip(";")) <= 500
    before = len(simulator.requests())
    too_long = chat(world, [*talk(4), {"role": "assistant", "content": "x"}, {"role": "user", "content": LOREM * 100}])
    assert (too_long.status, too_long.json()["error"]["code"]) == (400, "input_too_long")
    assert "kept=1" in too_long.headers["x-tollgate-context"]
    assert len(simulator.requests()) == before


def test_an_idempotency_key_stands_for_what_the_caller_sent(world, simulator, task):
    policy(task)
    first = chat(world, talk(6), headers={"idempotency_key": "one"})
    again = chat(world, talk(6), headers={"idempotency_key": "one"})
    assert again.body == first.body
    assert again.headers["idempotent-replayed"] == "true"
    shorter = chat(world, talk(6)[8:], headers={"idempotency_key": "one"})  # what went to the provider the first time
    assert shorter.json()["error"]["code"] == "idempotency_key_reused"


def test_counting_tokens_counts_what_is_given(world, simulator, task):
    task.default_model = Model.objects.get(tenant=world.tenant, name="claude-sonnet-4-5")
    task.save()
    policy(task)
    reply = world.post("/v1/messages/count_tokens", {"model": "task/desk", "messages": talk(6)})
    assert reply.status == 200
    assert "x-tollgate-context" not in reply.headers
    assert len(sent(simulator)["messages"]) == 13


def test_a_summary_is_made_in_the_background_and_is_there_for_the_next_request(world, simulator, task):
    cheap = world.model("gpt-4o-mini", "openai")
    policy(task, summarises=True, summary_model=cheap, block_messages=4)
    simulator.behave(output_text="- The lift is broken.", model="gpt-4o-mini")
    first = chat(world, talk(6), user="ada", metadata={"tags": ["t1"]})
    assert first.headers["x-tollgate-context"].endswith("; summary=miss")
    rows = world.records(2)
    (made,) = [row for row in rows if row.feature == "context-summary"]
    assert (made.outcome, made.status, made.model_asked, made.model_served) == ("ok", 200, "gpt-4o-mini", "gpt-4o-mini")
    assert (made.api_key_id, made.end_user, made.tags, made.task) == (rows[0].api_key_id, "ada", ["t1"], "")
    assert made.cost_usd == (made.input_tokens * Decimal("0.15") + made.output_tokens * Decimal("0.6")) / 1_000_000 > 0
    (asked,) = simulator.requests(model="gpt-4o-mini")
    assert "Question 0?" in asked["body"]["messages"][1]["content"]
    assert "Question 4?" not in asked["body"]["messages"][1]["content"]
    assert "metadata" not in asked["body"]

    def hit() -> Reply | None:
        reply = chat(world, talk(6), user="ada")
        return reply if reply.headers["x-tollgate-context"].endswith("; summary=hit") else None

    reply = wait_until(hit)
    assert reply.status == 200
    (summary, noted, *rest) = sent(simulator)["messages"]
    assert summary["role"] == "user"
    assert summary["content"].startswith("[Summary of the earlier part of this conversation")
    assert "- The lift is broken." in summary["content"]
    assert noted["role"] == "assistant"
    assert rest == talk(6)[8:]
    assert len(simulator.requests(model="gpt-4o-mini")) == 1  # one for all requests that want it

    # Two turns later the cut has moved on by a block: the summary of a block ago serves until the new one is there.
    later = chat(world, talk(8), user="ada")
    assert later.headers["x-tollgate-context"].endswith("; summary=older")
    wait_until(lambda: len(simulator.requests(model="gpt-4o-mini")) == 2)
    second = simulator.requests(model="gpt-4o-mini")[1]["body"]["messages"][1]["content"]
    assert "Earlier minutes:\n- The lift is broken." in second
    assert "Question 3?" not in second
    assert "Question 4?" in second


def test_summaries_go_to_an_anthropic_model_too_and_into_its_conversation(world, simulator, task):
    claude = Model.objects.get(tenant=world.tenant, name="claude-sonnet-4-5")
    task.default_model = claude
    task.save()
    cheap = world.model("claude-haiku-4-5", "anthropic")
    policy(task, summarises=True, summary_model=cheap)
    simulator.behave(output_text="- Thursday.", model="claude-haiku-4-5")
    wait_until(
        lambda: chat(world, talk(6), path="/v1/messages").headers["x-tollgate-context"].endswith("; summary=hit")
    )
    messages = sent(simulator)["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant"] * 3 + ["user"]
    assert "- Thursday." in messages[0]["content"]


def test_a_failed_summary_fails_nothing_and_is_not_tried_again_at_once(world, simulator, task):
    cheap = world.model("gpt-4o-mini", "openai")
    policy(task, summarises=True, summary_model=cheap)
    simulator.behave(fault="500", model="gpt-4o-mini")
    assert [chat(world, talk(6)).status for _ in range(3)] == [200, 200, 200]
    calls = 3  # one, and its retries
    rows = world.records(3 + calls)
    summary = [row for row in rows if row.feature == "context-summary"]
    assert [row.outcome for row in summary] == ["upstream_error"] * calls
    assert {row.request_id for row in summary if row.is_final} == {row.request_id for row in summary}
    assert chat(world, talk(6)).headers["x-tollgate-context"].endswith("; summary=miss")
    assert len(simulator.requests(model="gpt-4o-mini")) == calls


def test_a_summary_counts_towards_the_limits_it_is_made_under(world, simulator, task):
    cheap = world.model("gpt-4o-mini", "openai")
    policy(task, summarises=True, summary_model=cheap)
    made = api_keys.create(world.tenant, name="two", requests_per_minute=1)
    body = {"model": "task/desk", "max_tokens": 100, "messages": talk(6)}
    assert world.post("/v1/chat/completions", body, secret=made.secret).status == 200
    rows = world.records(2)
    (refused,) = [row for row in rows if row.feature == "context-summary"]
    assert (refused.outcome, refused.error_type) == ("refused", "requests_per_minute_exceeded")
    assert simulator.requests(model="gpt-4o-mini") == []


def test_a_refused_request_starts_no_summary(world, simulator, task):
    cheap = world.model("gpt-4o-mini", "openai")
    policy(task, summarises=True, summary_model=cheap)
    Budget.objects.create(tenant=world.tenant, name="None", amount=0, metric="usd")
    reply = chat(world, talk(6))
    assert reply.status == 429
    assert reply.headers["x-tollgate-context"].endswith("; summary=miss")
    assert [row.feature for row in world.records(1)] == [""]


def test_another_tenants_summary_is_never_seen(world, simulator, simulator_process, task):
    cheap = world.model("gpt-4o-mini", "openai")
    policy(task, summarises=True, summary_model=cheap)
    wait_until(lambda: chat(world, talk(6)).headers["x-tollgate-context"].endswith("; summary=hit"))
    other = World.build(world.gateway, simulator_process.base_url)
    theirs = Task.objects.create(
        tenant=other.tenant,
        slug="desk",
        name="Desk",
        default_model=Model.objects.get(tenant=other.tenant, name="gpt-4o"),
    )
    policy(theirs, summarises=True, summary_model=other.model("gpt-4o-mini", "openai"))
    assert chat(other, talk(6)).headers["x-tollgate-context"].endswith("; summary=miss")


def test_a_conversation_keeps_its_model_though_its_beginning_is_left_out(world, simulator, task):
    policy(task)
    targets = {world.model(name, "openai", upstream_id="gpt-4o"): 1 for name in ("a", "b")}
    add_rule(world, targets, strategy="weighted", tasks=["desk"])
    for start in ("one", "two", "three"):
        messages = [{"role": "user", "content": start}]
        found = set()
        for turn in range(8):
            found.add(served(chat(world, messages)))
            messages += [{"role": "assistant", "content": "yes"}, {"role": "user", "content": f"and then {turn}?"}]
        assert len(found) == 1
    assert len(sent(simulator)["messages"]) < len(messages) - 2
