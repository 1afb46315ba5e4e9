"""Whatever the conversation and the policy: tool pairs stay whole, the provider would still take it, the last words are untouched, and it
fits the budget where that is possible."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.context import fitting, measuring, turns, window
from gateway.context.measuring import Meter
from gateway.context.selection import Selection
from gateway.pipeline import validator
from gateway.types import ContextPolicy, Endpoint
from simulator import chat_requests, messages_requests
from tests.gateway.context import words
from tests.gateway.context.optimising import optimised, policy, running, snapshot

texts = st.one_of(
    st.sampled_from(("Yes.", "a  b   c\n\n\n\nd", "```\nx  =  1\n\n\n```", "paragraph " * 40, '{"a":  "b   c"}')),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=60).filter(str.strip),
    st.builds(lambda word, count: f"{word} " * count, st.sampled_from(("wifi", "lift", "fence")), st.integers(1, 120)),
)


@st.composite
def rounds(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """("user", text), ("assistant", text), ("calls", [(text, result), ...]); the last is the user's words or results of tools."""
    out: list[tuple[str, Any]] = []
    for _ in range(draw(st.integers(0, 12))):
        out.append(("user", draw(texts)))
        for _ in range(draw(st.integers(0, 3))):
            out.append(("calls", draw(st.lists(st.tuples(texts, texts), min_size=1, max_size=3))))
        out.append(("assistant", draw(texts)))
    out.append(("user", draw(texts)))
    for _ in range(draw(st.integers(0, 6))):
        out.append(("calls", draw(st.lists(st.tuples(texts, texts), min_size=1, max_size=3))))
    return out


def body_of(endpoint: Endpoint, said: list[tuple[str, Any]]) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [{"role": "system", "content": "Be brief."}] if endpoint is Endpoint.CHAT else []
    count = 0
    for role, what in said:
        if role != "calls":
            messages.append({"role": role, "content": what})
            continue
        ids = [f"c{count + number}" for number in range(len(what))]
        count += len(what)
        pairs = list(zip(ids, what, strict=True))
        if endpoint is Endpoint.CHAT:
            calls = [
                {"id": one, "type": "function", "function": {"name": "f", "arguments": json.dumps({"q": asked})}}
                for one, (asked, _) in pairs
            ]
            messages.append({"role": "assistant", "content": None, "tool_calls": calls})
            messages += [{"role": "tool", "tool_call_id": one, "content": result} for one, (_, result) in pairs]
        else:
            uses = [{"type": "tool_use", "id": one, "name": "f", "input": {"q": asked}} for one, (asked, _) in pairs]
            results = [{"type": "tool_result", "tool_use_id": one, "content": result} for one, (_, result) in pairs]
            messages += [{"role": "assistant", "content": uses}, {"role": "user", "content": results}]
    body = {"model": "task/desk", "max_tokens": 100, "messages": messages}
    return body if endpoint is Endpoint.CHAT else {**body, "system": "Be brief."}


policies = st.builds(
    policy,
    keep_messages=st.none() | st.integers(1, 20),
    block_messages=st.integers(1, 12),
    fits_budget=st.booleans(),
    max_input_tokens=st.none() | st.integers(40, 1500),
    relevant_turns=st.integers(0, 5),
    least_similarity=st.sampled_from((0.0, 0.3, 0.9)),
    collapses_whitespace=st.booleans(),
    drops_repetition=st.booleans(),
)
endpoints = st.sampled_from((Endpoint.CHAT, Endpoint.MESSAGES))


def taken(endpoint: Endpoint, content: bytes) -> dict[str, Any]:
    """The body, if the simulator takes it as the provider would; it raises if not. Anthropic's roles must alternate, too."""
    body: dict[str, Any] = json.loads(content)
    (chat_requests if endpoint is Endpoint.CHAT else messages_requests).parse(body)
    if endpoint is Endpoint.MESSAGES:
        roles = [message["role"] for message in body["messages"]]
        assert roles == ["user" if at % 2 == 0 else "assistant" for at in range(len(roles))]
    return body


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(endpoint=endpoints, said=rounds(), chosen=policies)
async def test_what_goes_on_is_whole_valid_and_within_the_budget(
    endpoint: Endpoint, said: list[tuple[str, Any]], chosen: ContextPolicy
):
    body = body_of(endpoint, said)
    content = msgspec.json.encode(body)
    taken(endpoint, content)
    async with running(words.embed) as runtime:
        exchange, came, goes = await optimised(endpoint, content, snapshot(chosen), runtime)
        assert exchange.context is not None
        sent = taken(endpoint, goes.content)
        assert [message.content for message in goes.body.messages] == [
            message.content for message in validator.validate(endpoint, goes.content, {}).body.messages
        ]
        assert goes.raw.keys() == came.raw.keys()
        assert {name: value for name, value in sent.items() if name not in ("messages", "system")} == {
            name: value for name, value in body.items() if name not in ("messages", "system")
        }
        last_words = turns.read(came.raw["messages"], endpoint.surface)
        assert last_words.messages[last_words.last_words].data in sent["messages"]
        assert _calls(body["messages"]) >= _calls(sent["messages"])  # arguments are as they were
        assert exchange.context.kept + exchange.context.dropped == len(body["messages"])
        if goes.content == came.content:
            assert goes is came
        _fits_or_is_the_least(endpoint, content, chosen, exchange.context.tokens_after)
        assert exchange.context.tokens_after == measuring.whole(goes.body, goes.content, kind="openai")
        _, _, same = await optimised(endpoint, content, snapshot(chosen), runtime)
        assert same.content == goes.content


def _calls(messages: list[dict[str, Any]]) -> set[str]:
    calls = {json.dumps(call) for message in messages for call in message.get("tool_calls") or ()}
    blocks = [block for message in messages if isinstance(message["content"], list) for block in message["content"]]
    return calls | {json.dumps(block) for block in blocks if block["type"] == "tool_use"}


def _fits_or_is_the_least(endpoint: Endpoint, content: bytes, chosen: ContextPolicy, tokens_after: int) -> None:
    if not chosen.fits_budget or chosen.max_input_tokens is None or tokens_after <= chosen.max_input_tokens:
        return
    request = validator.validate(endpoint, content, {})
    conversation = turns.read(request.raw["messages"], endpoint.surface)
    meter = Meter(request, conversation.messages, kind="openai")
    least = Selection(conversation, chosen, meter=meter, budget=1)
    least.cut_to_budget()
    raw = {**request.raw, "messages": [message.raw for message in least.messages]}
    shortest = validator.validate(endpoint, msgspec.json.encode(raw), {})
    assert tokens_after <= measuring.whole(shortest.body, shortest.content, kind="openai")


@settings(max_examples=100, deadline=None)
@given(endpoint=endpoints, said=rounds(), space=st.booleans(), repetition=st.booleans())
async def test_what_was_tidied_once_is_tidy(
    endpoint: Endpoint, said: list[tuple[str, Any]], space: bool, repetition: bool
):
    given_policy = snapshot(policy(collapses_whitespace=space, drops_repetition=repetition))
    async with running() as runtime:
        _, _, once = await optimised(endpoint, json.dumps(body_of(endpoint, said)).encode(), given_policy, runtime)
        _, again, twice = await optimised(endpoint, once.content, given_policy, runtime)
    assert twice is again


@settings(max_examples=150, deadline=None)
@given(endpoint=endpoints, said=rounds(), kind=st.sampled_from(("openai", "anthropic")))
def test_a_request_is_measured_as_the_reserve_step_measures_it(
    endpoint: Endpoint, said: list[tuple[str, Any]], kind: str
):
    request = validator.validate(endpoint, json.dumps(body_of(endpoint, said)).encode(), {})
    conversation = turns.read(request.raw["messages"], endpoint.surface)
    meter = Meter(request, conversation.messages, kind=kind)
    assert meter.total == measuring.whole(request.body, request.content, kind=kind)


@settings(max_examples=150, deadline=None)
@given(endpoint=endpoints, said=rounds(), keep=st.integers(1, 20), block=st.integers(1, 12))
def test_a_window_keeps_enough_and_stays_while_a_block_grows(
    endpoint: Endpoint, said: list[tuple[str, Any]], keep: int, block: int
):
    request = validator.validate(endpoint, json.dumps(body_of(endpoint, said)).encode(), {})
    conversation = turns.read(request.raw["messages"], endpoint.surface)
    cut = window.cut(conversation, keep=keep, block=block)
    asked = [unit for unit in conversation.units if unit.kind is not turns.Kind.INSTRUCTION]
    stays = sum(unit.size for unit in conversation.units[cut:] if unit.kind is not turns.Kind.INSTRUCTION)
    assert stays >= min(keep, sum(unit.size for unit in asked))
    if cut:
        assert window.cut(conversation, keep=keep, block=block, blocks_ago=1) <= cut


@pytest.mark.parametrize("endpoint", [Endpoint.CHAT, Endpoint.MESSAGES])
@pytest.mark.parametrize("by_budget", [False, True])
def test_the_cut_moves_once_a_block_not_once_a_turn(endpoint: Endpoint, by_budget: bool):
    cuts = []
    for length in range(10, 60):
        said = [
            pair
            for number in range(length)
            for pair in (("user", f"question {number:03d}"), ("assistant", f"answer {number:03d}"))
        ]
        request = validator.validate(endpoint, json.dumps(body_of(endpoint, [*said, ("user", "and?")])).encode(), {})
        conversation = turns.read(request.raw["messages"], endpoint.surface)
        meter = Meter(request, conversation.messages, kind="openai")
        if by_budget:
            cuts.append(fitting.cut(conversation, budget=400, meter=meter))
        else:
            cuts.append(window.cut(conversation, keep=10, block=12))
    assert cuts == sorted(cuts)
    assert cuts[-1] > 60
    assert len(set(cuts)) <= 14  # of fifty turns
