"""Marks on the wire: what they look like in either format, and that nothing before them changes from one turn to the next."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.pipeline import validator
from gateway.prefix.marks import NONE, Marks
from gateway.providers import anthropic, openai
from gateway.types import Endpoint, Model
from simulator import chat_requests, messages_requests
from tests.gateway.prefix.traffic import model

CLAUDE, LUNA = model("claude-sonnet-4-5"), model("gpt-6-luna", "openai")
FIVE, HOUR = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}


def wire(content: bytes, endpoint: Endpoint, to: Model, marks: Marks = NONE) -> bytes:
    request = validator.validate(endpoint, content, {})
    module = anthropic if to.provider.kind == "anthropic" else openai
    return module.prepare(request, to, 100, marks).body


def sent(body: dict[str, Any], endpoint: Endpoint, to: Model, marks: Marks) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(wire(json.dumps(body).encode(), endpoint, to, marks))
    return found


MESSAGES = {
    "model": "m",
    "max_tokens": 9,
    "tools": [{"name": "f", "input_schema": {"type": "object"}}, {"name": "g", "input_schema": {"type": "object"}}],
    "system": "Be brief.",
    "messages": [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"content": [{"type": "text", "text": "user"}, {"text": "three", "type": "text"}], "role": "user"},
    ],
}


def test_anthropic_s_marks_stand_after_tools_system_and_messages():
    marks = Marks(tools="1h", head="1h", before="5m", before_at=0, last="5m")
    body = sent(MESSAGES, Endpoint.MESSAGES, CLAUDE, marks)
    assert body["tools"] == [MESSAGES["tools"][0], {**MESSAGES["tools"][1], "cache_control": HOUR}]
    assert body["system"] == [{"type": "text", "text": "Be brief.", "cache_control": HOUR}]
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "one", "cache_control": FIVE}]},
        {"role": "assistant", "content": "two"},
        {
            "content": [{"type": "text", "text": "user"}, {"text": "three", "type": "text", "cache_control": FIVE}],
            "role": "user",
        },
    ]


def test_without_a_system_prompt_the_head_ends_with_the_tools():
    for none in ("", [], None):
        body = sent({**MESSAGES, "system": none}, Endpoint.MESSAGES, CLAUDE, Marks(head="5m"))
        assert (body["system"], body["tools"][1]["cache_control"]) == (none, FIVE)


def test_a_system_prompt_of_blocks_is_marked_at_its_last():
    blocks = [{"type": "text", "text": "a"}, {"type": "text", "text": "b}]"}]
    body = sent({**MESSAGES, "system": blocks}, Endpoint.MESSAGES, CLAUDE, Marks(head="5m"))
    assert body["system"] == [blocks[0], {**blocks[1], "cache_control": FIVE}]


def test_every_other_byte_stays():
    content = (
        b'{"model":"m" , "max_tokens": 9,\n "system" : "x", "messages" : [ {"role":"user" ,"content":"a"} ,\t'
        b'{"role" : "assistant","content":"b"},{"content" : "c" , "role":"user"} ] , "temperature":0.50}'
    )
    assert wire(content, Endpoint.MESSAGES, CLAUDE, Marks(last="5m")) == (
        b'{"model":"claude-sonnet-4-5","max_tokens":100,"system":"x","messages":[ {"role":"user" ,"content":"a"} ,\t'
        b'{"role" : "assistant","content":"b"},{"content":[{"type":"text","text":"c","cache_control":{"type":"ephemeral"}}],'
        b'"role":"user"} ],"temperature":0.50}'
    )


@pytest.mark.parametrize("content", ["[]", "[{}]", '["a}"]', "null", "7"])
def test_what_is_malformed_goes_on_as_it_came(content):
    body = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"}],"tools":%s}' % content.encode()
    if content in ("[]", "[{}]", "null"):  # the others are refused before
        assert wire(body, Endpoint.MESSAGES, CLAUDE, Marks(tools="5m")) == wire(body, Endpoint.MESSAGES, CLAUDE)


CHAT = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "one"},
        {"role": "developer", "content": "two"},
        {"role": "user", "content": "three"},
        {"role": "assistant", "content": "four"},
        {"role": "user", "content": "five"},
    ],
}


def test_openai_s_breakpoint_stands_after_the_leading_instructions():
    body = sent(CHAT, Endpoint.CHAT, LUNA, Marks(head="30m", last="30m", cache_key="tg-1"))
    marked = [{"type": "text", "text": "two", "prompt_cache_breakpoint": {"mode": "explicit"}}]
    expected = [*CHAT["messages"]]
    expected[1] = {"role": "developer", "content": marked}
    assert body["messages"] == expected
    assert (body["prompt_cache_key"], "prompt_cache_options" in body) == ("tg-1", False)
    assert sent(CHAT, Endpoint.CHAT, LUNA, Marks(is_explicit=True))["prompt_cache_options"] == {"mode": "explicit"}


def test_marks_are_put_into_translated_requests():
    claude = sent({**CHAT, "tools": [function()]}, Endpoint.CHAT, CLAUDE, Marks("5m", "5m", "5m", 2, "5m"))
    assert [block.get("cache_control") for block in claude["system"]] == [None, FIVE]
    assert claude["tools"][-1]["cache_control"] == FIVE
    assert [turn["content"][-1].get("cache_control") for turn in claude["messages"]] == [FIVE, None, FIVE]
    luna = sent(MESSAGES, Endpoint.MESSAGES, LUNA, Marks(head="30m", is_explicit=True, cache_key="tg-1"))
    assert luna["messages"][0]["content"][-1]["prompt_cache_breakpoint"] == {"mode": "explicit"}
    assert (luna["prompt_cache_key"], luna["prompt_cache_options"]) == ("tg-1", {"mode": "explicit"})


def function() -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


# Conversations as they grow

words = st.text(min_size=1, max_size=12).filter(lambda text: bool(text.strip()))
lifetime = st.sampled_from(["", "5m", "1h"])
some_marks = st.builds(
    lambda tools, head, last, before: Marks(
        tools=tools, head=head, before=before, before_at=0 if before else -1, last=last
    ),
    lifetime, lifetime, lifetime, lifetime,
)  # fmt: skip
breakpoints = st.builds(
    lambda head, last, explicit: Marks(head=head, last=last, is_explicit=explicit, cache_key="tg-1"),
    st.sampled_from(["", "30m"]), st.sampled_from(["", "30m"]), st.booleans(),
)  # fmt: skip
separators = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " :\t")])


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Five messages of the user and the assistant, with texts of either form."""

    def content() -> Any:
        if draw(st.booleans()):
            return draw(words)
        return [{"type": "text", "text": draw(words)} for _ in range(draw(st.integers(1, 2)))]

    return [{"role": "user" if index % 2 == 0 else "assistant", "content": content()} for index in range(5)]


def plain(value: Any) -> Any:
    """Without marks, and a string as the text block that it stands for."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {
        name: plain(item) for name, item in value.items() if name not in ("cache_control", "prompt_cache_breakpoint")
    }
    if "role" in found and isinstance(found.get("content"), str):
        found["content"] = [{"type": "text", "text": found["content"]}]
    return found


def prefix_of(body: dict[str, Any]) -> tuple[Any, Any, list[Any]]:
    system = body.get("system")
    return (
        plain(body.get("tools")),
        plain([{"type": "text", "text": system}] if isinstance(system, str) else system),
        plain(body["messages"]),
    )


@settings(max_examples=60, deadline=None)
@given(conversations(), words, separators, some_marks, some_marks)
def test_a_turn_begins_with_the_one_before_whatever_is_marked(messages, system, style, first, second):
    body = {**MESSAGES, "system": system}

    def turn(count: int, marks: Marks) -> dict[str, Any]:
        content = json.dumps({**body, "messages": messages[:count]}, separators=style).encode()
        out = wire(content, Endpoint.MESSAGES, CLAUDE, marks)
        assert out == wire(content, Endpoint.MESSAGES, CLAUDE, marks)  # the same once more
        found: dict[str, Any] = json.loads(out)
        if list(marks.lifetimes) == sorted(marks.lifetimes):  # "1h" comes first
            messages_requests.parse(found)  # the provider takes it
        return found

    one, other = prefix_of(turn(3, first)), prefix_of(turn(5, second))
    assert one[:2] == other[:2]
    assert one[2] == other[2][:3]
    sections = [messages_requests.parse(json.loads(json.dumps(turn(count, NONE)))).sections for count in (3, 5)]
    assert [section.text for section in sections[0]] == [section.text for section in sections[1]][: len(sections[0])]


@settings(max_examples=60, deadline=None)
@given(conversations(), words, separators, some_marks, some_marks)
def test_so_it_does_when_it_is_translated_to_anthropic_s(messages, system, style, first, second):
    def turn(count: int, marks: Marks) -> dict[str, Any]:
        given_ = [{"role": "system", "content": system}, *messages[:count]]
        content = json.dumps({"model": "m", "tools": [function()], "messages": given_}, separators=style).encode()
        found: dict[str, Any] = json.loads(wire(content, Endpoint.CHAT, CLAUDE, marks))
        return found

    one, other = prefix_of(turn(3, first)), prefix_of(turn(5, second))
    assert one[:2] == other[:2]
    assert one[2] == other[2][:3]


@settings(max_examples=60, deadline=None)
@given(conversations(), words, separators, breakpoints, breakpoints)
@pytest.mark.parametrize("endpoint", [Endpoint.CHAT, Endpoint.MESSAGES])
def test_so_it_does_with_openai_s(endpoint, messages, system, style, first, second):
    def turn(count: int, marks: Marks) -> dict[str, Any]:
        if endpoint is Endpoint.CHAT:
            body: dict[str, Any] = {"messages": [{"role": "system", "content": system}, *messages[:count]]}
        else:
            body = {"system": system, "max_tokens": 9, "messages": messages[:count]}
        found: dict[str, Any] = json.loads(
            wire(json.dumps({"model": "m", **body}, separators=style).encode(), endpoint, LUNA, marks)
        )
        chat_requests.parse(found)
        return found

    assert prefix_of(turn(3, first))[2] == prefix_of(turn(5, second))[2][:4]
