"""Providers' prompt caches on the whole way: what goes upstream, what comes back, what it costs and saves, and what is held for it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from gateway import tokens
from gateway.models import ContextPolicy, Model, Task
from gateway.pipeline import validator
from gateway.types import Endpoint
from tests.gateway.budgets import NANO, budget, counter
from tests.gateway.live import Reply, World, wait_until
from tests.gateway.prefix.traffic import words

SYSTEM = words(1500, "You are a desk.")
MARK = {"type": "ephemeral"}
MESSAGES, CHAT = "/v1/messages", "/v1/chat/completions"
LUNA = "gpt-6-luna"


def ask(world, path: str, model: str, text: str, *, stream: bool = False, system: str = SYSTEM, **more: Any) -> Reply:
    messages = [{"role": "user", "content": text}]
    body: dict[str, Any] = {"model": model, "max_tokens": 200, "messages": messages, **more}
    if path == MESSAGES:
        body["system"] = system
    else:
        body["messages"] = [{"role": "system", "content": system}, *messages]
    if stream:
        body["stream"] = True
        if path == CHAT:
            body["stream_options"] = {"include_usage": True}
    reply = world.post(path, body)
    assert reply.status == 200, reply.body
    return reply


def told(reply: Reply) -> str | None:
    """What the answer says of the provider's cache: a header, or of a stream a comment at its end."""
    if "text/event-stream" not in reply.headers["content-type"]:
        return reply.headers.get("x-tollgate-prefix-cache")
    assert "x-tollgate-prefix-cache" not in reply.headers
    lines = [line for line in reply.body.decode().split("\n") if line.startswith(": x-tollgate-prefix-cache ")]
    return lines[0].removeprefix(": x-tollgate-prefix-cache ") if lines else None


def usage_of(reply: Reply, path: str) -> dict[str, Any]:
    """As the caller's own format tells it, whole or at the end of a stream."""
    if "text/event-stream" not in reply.headers["content-type"]:
        found: dict[str, Any] = reply.json()["usage"]
        return found
    data = [line[6:] for line in reply.body.decode().split("\n") if line.startswith("data: ") and "[DONE]" not in line]
    usages: dict[str, Any] = {}
    for event in map(json.loads, data):
        usages |= (event.get("message") or event).get("usage") or {}
    return usages


def sent(simulator) -> dict[str, Any]:
    body: dict[str, Any] = simulator.requests()[-1]["body"]
    return body


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", [MESSAGES, CHAT])
def test_a_system_prompt_that_comes_back_is_marked_written_and_read(world, simulator, path, stream):
    first = ask(world, path, "claude-sonnet-4-5", "one", stream=stream)
    assert "cache_control" not in json.dumps(sent(simulator))
    assert told(first) is None
    second = ask(world, path, "claude-sonnet-4-5", "two", stream=stream)
    assert sent(simulator)["system"] == [{"type": "text", "text": SYSTEM, "cache_control": MARK}]
    third = ask(world, path, "claude-sonnet-4-5", "three", stream=stream)
    rows = [world.record(reply.headers["x-request-id"]) for reply in (first, second, third)]
    assert [row.cache_read_tokens for row in rows[:2]] == [0, 0]
    written = rows[1].cache_write_5m_tokens
    assert rows[2].cache_read_tokens == written > 1024
    # claude-sonnet-4-5: 3, written 3.75, read 0.30 USD per million tokens
    assert [row.prefix_saved_usd for row in rows] == [
        0,
        -written * Decimal("0.75") / 1_000_000,
        written * Decimal("2.7") / 1_000_000,
    ]
    assert told(second) == f"read=0, written={written}, saved-usd={rows[1].prefix_saved_usd:.9f}"
    assert told(third) == f"read={written}, written=0, saved-usd={rows[2].prefix_saved_usd:.9f}"
    usage = usage_of(third, path)
    if path == CHAT:
        assert usage["prompt_tokens_details"] == {"cached_tokens": written, "cache_write_tokens": 0}
        assert usage["prompt_tokens"] == rows[2].input_tokens
    else:
        assert usage["cache_read_input_tokens"] == written
        assert usage["input_tokens"] + written == rows[2].input_tokens


def test_a_conversation_reads_what_its_last_turn_wrote(world, simulator):
    said: list[dict[str, Any]] = []
    kept, reads = 0, []
    for turn in range(4):
        said.append({"role": "user", "content": words(900, f"question {turn}")})
        body = {"model": "claude-sonnet-4-5", "max_tokens": 50, "messages": said}
        reply = world.post(MESSAGES, body)
        usage = reply.json()["usage"]
        assert usage["cache_read_input_tokens"] == kept
        reads.append(kept)
        kept += usage["cache_creation_input_tokens"]
        last = sent(simulator)["messages"][-1]["content"]
        assert (last == said[-1]["content"]) == (turn == 0)
        assert sent(simulator)["messages"][:-1] == said[:-1]
        said.append({"role": "assistant", "content": reply.json()["content"][0]["text"]})
    assert reads[0] == reads[1] == 0 < reads[2] < reads[3]


def test_marks_of_the_caller_s_own_are_all_there_are(world, simulator):
    own = [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    tools = [{"name": "f", "description": words(1200), "input_schema": {"type": "object"}}]
    for text in ("one", "two", "three"):
        reply = ask(world, MESSAGES, "claude-sonnet-4-5", text, system=own, tools=tools)
        body = sent(simulator)
        assert (body["system"], body["tools"], body["messages"]) == (own, tools, [{"role": "user", "content": text}])
    assert reply.json()["usage"]["cache_read_input_tokens"] > 1024


@pytest.mark.parametrize("path", [MESSAGES, CHAT])
def test_openai_gets_a_key_that_stands_for_tenant_and_prefix(world, simulator, path):
    keys = []
    for text, system in (("one", SYSTEM), ("two", SYSTEM), ("three", SYSTEM + "!")):
        reply = ask(world, path, "gpt-4o", text, system=system)
        keys.append(sent(simulator)["prompt_cache_key"])
    assert keys[0] == keys[1] != keys[2]
    for key in keys:
        assert len(key) == 35
        assert str(world.tenant.id).replace("-", "") not in key
        assert world.tenant.slug not in key
    assert "prompt_cache_options" not in sent(simulator)
    assert "prompt_cache_retention" not in sent(simulator)
    again = ask(world, path, "gpt-4o", "four", system=SYSTEM + "!")
    record = world.record(again.headers["x-request-id"])
    assert record.cache_read_tokens == record.input_tokens // 128 * 128 > 1024
    assert told(again) == (
        f"read={record.cache_read_tokens}, written=0, saved-usd={record.cache_read_tokens * Decimal('0.00000125'):.9f}"
    )
    assert told(reply) is None


def test_another_tenant_has_another_key_for_the_same_prefix(world, simulator, gateway, simulator_process):
    ask(world, CHAT, "gpt-4o", "one")
    other = World.build(gateway, simulator_process.base_url)
    ask(other, CHAT, "gpt-4o", "one")
    first, second = (entry["body"]["prompt_cache_key"] for entry in simulator.requests()[-2:])
    assert first != second


def test_compatible_servers_and_callers_keys_are_left_alone(world, simulator):
    world.model("local", "openai-compatible")
    ask(world, CHAT, "local", "one")
    assert "prompt_cache_key" not in sent(simulator)
    ask(world, CHAT, "gpt-4o", "one", prompt_cache_key="mine")
    assert sent(simulator)["prompt_cache_key"] == "mine"
    world.model("declared", "openai-compatible", capabilities=["chat", "prompt_cache_key"])
    ask(world, CHAT, "declared", "one")
    assert sent(simulator)["prompt_cache_key"].startswith("tg-")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", [MESSAGES, CHAT])
def test_openai_s_newer_models_read_instructions_that_many_questions_share(world, simulator, path, stream):
    world.model(LUNA, "openai")
    first = ask(world, path, LUNA, "one", stream=stream)
    assert sent(simulator)["messages"][0]["content"] == [
        {"type": "text", "text": SYSTEM, "prompt_cache_breakpoint": {"mode": "explicit"}}
    ]
    second = ask(world, path, LUNA, "another", stream=stream)
    rows = [world.record(reply.headers["x-request-id"]) for reply in (first, second)]
    written, read = rows[0].cache_write_5m_tokens, rows[1].cache_read_tokens
    assert written > read > 1024
    rest = rows[1].cache_write_5m_tokens
    assert (rows[0].cache_read_tokens, rest > 0) == (0, True)
    # gpt-6-luna: 0.10, written 0.125, read 0.01 USD per million tokens
    assert rows[0].prefix_saved_usd == -written * Decimal("0.025") / 1_000_000
    assert rows[1].prefix_saved_usd == (read * Decimal("0.09") - rest * Decimal("0.025")) / 1_000_000
    usage = usage_of(second, path)
    if path == CHAT:
        details = usage["prompt_tokens_details"]
        assert (details["cached_tokens"], details["cache_write_tokens"]) == (read, rest)
    else:
        assert (usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (read, rest)


GOLDEN = [
    # model, what the provider reports, cost and savings in micro-dollars by hand
    # claude-sonnet-4-5: 3 / 15, read 0.30, written 3.75 and 6
    ("claude-sonnet-4-5", (4400, 4000, 200, 100, 20), "3150", "10350"),  # 300 + 1200 + 750 + 600 + 300; 10 800 − 150 − 300
    ("claude-sonnet-4-5", (5000, 0, 0, 3000, 10), "24150", "-9000"),  # 6000 + 18 000 + 150; an hour is written at twice the price
    # gpt-4o: 2.50 / 10, read 1.25; writing is free
    ("gpt-4o", (2000, 1024, 0, 0, 36), "4080", "1280"),  # 976 · 2.5 + 1024 · 1.25 + 360
    # gpt-6-luna: 0.10 / 0.50, read 0.01, written 0.125
    ("gpt-6-luna", (10_000, 6000, 2000, 0, 100), "560", "490"),  # 200 + 60 + 250 + 50; 540 − 50
]  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", [MESSAGES, CHAT])
@pytest.mark.parametrize(("model", "reported", "cost", "saved"), GOLDEN)
def test_costs_and_savings_are_those_computed_by_hand(world, simulator, model, reported, cost, saved, path, stream):
    if model == LUNA:
        world.model(LUNA, "openai")
    total, read, written, hour, output = reported
    simulator.behave(
        input_tokens=total, cached_tokens=read, cache_write_tokens=written, cache_write_1h_tokens=hour, output_tokens=output
    )  # fmt: skip
    reply = ask(world, path, model, "hi", system="Be brief.", stream=stream)
    record = world.record(reply.headers["x-request-id"])
    counted = (
        record.input_tokens,
        record.cache_read_tokens,
        record.cache_write_5m_tokens,
        record.cache_write_1h_tokens,
    )
    assert (*counted, record.output_tokens) == reported
    assert record.cost_usd * 1_000_000 == Decimal(cost)
    assert record.prefix_saved_usd * 1_000_000 == Decimal(saved)
    assert told(reply) == f"read={read}, written={written + hour}, saved-usd={record.prefix_saved_usd:.9f}"
    usage = usage_of(reply, path)
    if path == CHAT:
        assert (usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]) == (total, read)
    else:
        assert (usage["input_tokens"], usage["cache_read_input_tokens"]) == (total - read - written - hour, read)


def test_the_write_price_is_held_exactly_when_a_mark_will_be_placed(world, simulator):
    budget(world, 100, metric="usd")
    held = [
        held_for(world, simulator, "claude-sonnet-4-5", text) for text in ("one", "neo", "eon")
    ]  # the same letters weigh the same
    bound = bound_of("claude-sonnet-4-5", "one", "anthropic")
    output = 50 * 15_000  # nano-dollars
    # 3 USD per million tokens without a mark, 3.75 with one for five minutes: never the 6 of an hour that nobody asked for
    assert held == [bound * 3000 + output, bound * 3750 + output, bound * 3750 + output]


def test_what_openai_writes_by_itself_is_held_for_too(world, simulator):
    world.model(LUNA, "openai")
    budget(world, 100, metric="usd")
    bound, output = bound_of(LUNA, "one", "openai"), 50 * 500
    assert held_for(world, simulator, LUNA, "one") == bound * 125 + output
    assert held_for(world, simulator, "gpt-4o", "one") == bound_of("gpt-4o", "one", "openai") * 2500 + 50 * 10_000


def body_of(model: str, text: str) -> dict[str, Any]:
    return {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": text}], "system": SYSTEM}


def held_for(world, simulator, model: str, text: str) -> int:
    simulator.behave(latency_ms=60_000, times=1)
    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(world.post, MESSAGES, body_of(model, text))
        amount: int = wait_until(lambda: counter(world, "usd")[1])
        simulator.reset()
        assert going.result().status == 200
    wait_until(lambda: counter(world, "usd")[1] == 0)
    assert amount < NANO
    return amount


def bound_of(model: str, text: str, kind: str) -> int:
    content = json.dumps(body_of(model, text)).encode()
    return tokens.upper_bound(validator.validate(Endpoint.MESSAGES, content, {}).body, content, kind=kind)


def test_a_context_policy_and_marks_get_along(world, simulator):
    """Our marks are none of the caller's, so the window goes on; and between two cuts each turn reads the one before."""
    model = Model.objects.get(tenant=world.tenant, name="claude-sonnet-4-5")
    task = Task.objects.create(tenant=world.tenant, slug="desk", name="Desk", default_model=model)
    ContextPolicy.objects.create(task=task, keep_messages=6, block_messages=4)
    said: list[dict[str, Any]] = []
    reads, dropped = [], []
    for turn in range(8):
        said.append({"role": "user", "content": words(700, f"question {turn}")})
        reply = world.post(MESSAGES, {"model": "task/desk", "max_tokens": 30, "messages": said})
        assert reply.status == 200, reply.body
        dropped.append(int(reply.headers["x-tollgate-context"].split("dropped=")[1].split(";")[0]))
        reads.append(reply.json()["usage"]["cache_read_input_tokens"])
        said.append({"role": "assistant", "content": f"answer {turn}"})
    assert dropped == [0, 0, 0, 0, 0, 4, 4, 8]
    cuts = [turn for turn in range(1, 8) if dropped[turn] != dropped[turn - 1]]
    assert [turn for turn in range(2, 8) if reads[turn] == 0] == cuts


def test_short_prompts_are_none_of_this_step_s_business(world, simulator):
    for model in ("claude-sonnet-4-5", "gpt-4o"):
        for text in ("one", "two", "three"):
            reply = ask(world, CHAT, model, text, system="Be brief.")
        assert not {"prompt_cache_key", "prompt_cache_options"} & sent(simulator).keys()
        assert "cache_control" not in json.dumps(sent(simulator))
        assert told(reply) is None
        assert "prefix" not in world.record(reply.headers["x-request-id"]).steps_us
    ask(world, MESSAGES, "claude-sonnet-4-5", "four")
    assert "prefix" in world.records(7)[-1].steps_us
