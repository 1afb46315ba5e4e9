"""Which messages stay together, and what is left as it is because the provider would refuse it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from gateway.context import turns
from gateway.context.turns import Kind, Malformed
from gateway.types import Surface

OPENAI, ANTHROPIC = Surface.OPENAI, Surface.ANTHROPIC


def user(text: str = "hi") -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str = "yes") -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def calls(*ids: str) -> dict[str, Any]:
    function = {"name": "f", "arguments": "{}"}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": one, "type": "function", "function": function} for one in ids],
    }


def tool(one: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": one, "content": "r"}


def uses(*ids: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "tool_use", "id": one, "name": "f", "input": {}} for one in ids]}


def results(*ids: str, text: str = "") -> dict[str, Any]:
    blocks = [{"type": "tool_result", "tool_use_id": one, "content": "r"} for one in ids]
    return {"role": "user", "content": [*blocks, {"type": "text", "text": text}] if text else blocks}


def read(surface: Surface, *messages: dict[str, Any]) -> turns.Conversation:
    return turns.read(msgspec.Raw(json.dumps(messages).encode()), surface)


def shape(conversation: turns.Conversation) -> str:
    """Each unit by its kind's first letter and its number of messages."""
    return " ".join(f"{unit.kind.value[0]}{unit.size}" for unit in conversation.units)


def test_parallel_calls_and_their_results_are_one_unit():
    found = read(OPENAI, {"role": "system", "content": "s"}, user(), calls("a", "b"), tool("b"), tool("a"), assistant())
    assert shape(found) == "i1 a1 s3 r1"
    found = read(ANTHROPIC, user(), uses("a", "b"), results("b", "a"), assistant())
    assert shape(found) == "a1 s2 r1"


def test_an_answer_in_two_messages_is_one_unit_at_anthropic():
    """A paused turn: the provider's own tool is called in the first, and its result is in the second."""
    assert shape(read(ANTHROPIC, user(), assistant(), assistant(), user())) == "a1 r2 a1"
    assert shape(read(ANTHROPIC, user(), assistant(), uses("a"), results("a"), assistant(), user())) == "a1 s3 r1 a1"


def test_a_begun_answer_at_the_end_stays():
    found = read(ANTHROPIC, user("1"), assistant(), user("2"), assistant("It is"))
    assert found.kept(found.last_unit) == [2, 3]


def test_a_round_begins_with_what_is_asked_after_an_answer():
    found = read(OPENAI, user(), user(), assistant(), user(), calls("a"), tool("a"), calls("b"), tool("b"))
    assert found.rounds == [[0, 1, 2], [3, 4, 5]]
    assert [unit.round for unit in read(OPENAI, assistant(), user()).units] == [-1, 0]


@pytest.mark.parametrize(
    ("surface", "messages"),
    [
        (OPENAI, [user(), calls("a"), user()]),  # no result
        (OPENAI, [user(), calls("a", "b"), tool("a")]),  # one of two
        (OPENAI, [user(), tool("a")]),  # no call
        (OPENAI, [user(), calls("a"), tool("b")]),
        (OPENAI, [user(), calls("a", "a"), tool("a")]),
        (
            OPENAI,
            [
                user(),
                {**assistant(), "function_call": {"name": "f"}},
                {"role": "function", "name": "f", "content": "r"},
            ],
        ),
        (OPENAI, [user(), {**assistant(), "tool_calls": {"id": "a"}}]),
        (OPENAI, [{"role": "robot", "content": "x"}]),
        (OPENAI, [assistant()]),
        (ANTHROPIC, [assistant(), user()]),
        (ANTHROPIC, [user(), uses("a")]),
        (ANTHROPIC, [user(), uses("a"), user()]),
        (ANTHROPIC, [user(), uses("a"), results("b")]),
        (ANTHROPIC, [user(), uses("a", "b"), results("a")]),
        (ANTHROPIC, [user(), assistant(), results("a")]),
        (ANTHROPIC, [user(), {"role": "system", "content": "x"}, user()]),
        (ANTHROPIC, [results("a")]),
    ],
)
def test_what_the_provider_would_refuse_is_malformed(surface, messages):
    with pytest.raises(Malformed):
        read(surface, *messages)


@pytest.mark.parametrize("raw", [b'[{"role":"user"},3]', b'{"role":"user"}', b"[[]]"])
def test_what_is_no_list_of_messages_is_malformed(raw):
    with pytest.raises(Malformed):
        turns.read(msgspec.Raw(raw), OPENAI)


def test_messages_keep_their_bytes():
    raw = b'[ {"role" : "user", "content":"\\u00e4",  "new": 1.0} ]'
    (message,) = turns.read(msgspec.Raw(raw), OPENAI).messages
    assert bytes(message.raw) == b'{"role" : "user", "content":"\\u00e4",  "new": 1.0}'


def test_a_cut_inside_a_round_keeps_what_was_asked():
    found = read(
        ANTHROPIC,
        user("1"),
        assistant(),
        user("2"),
        uses("a"),
        results("a"),
        uses("b"),
        results("b"),
        assistant(),
        user("3"),
    )
    assert shape(found) == "a1 r1 a1 s2 s2 r1 a1"
    assert found.kept(4) == [2, 4, 5, 6]
    assert found.kept(6) == [6]
    assert found.kept(2, also=[1]) == [0, 1, 2, 3, 4, 5, 6]


def test_what_is_brought_back_comes_with_its_question_and_its_answer():
    found = read(
        ANTHROPIC,
        user("1"),
        uses("a"),
        results("a"),
        uses("b"),
        results("b"),
        assistant(),
        user("2"),
        assistant(),
        user("3"),
    )
    assert shape(found) == "a1 s2 s2 r1 a1 r1 a1"
    assert found.kept(6, also=[2]) == [0, 2, 3, 6]


def test_instructions_always_stay():
    found = read(
        OPENAI, {"role": "system", "content": "s"}, user(), assistant(), {"role": "developer", "content": "d"}, user()
    )
    assert found.kept(4) == [0, 3, 4]
    assert [found.units[index].kind for index in (0, 3)] == [Kind.INSTRUCTION, Kind.INSTRUCTION]


def test_the_last_words_stay_though_a_result_carries_them():
    found = read(
        ANTHROPIC,
        user("1"),
        uses("a"),
        results("a", text="And be quick."),
        uses("b"),
        results("b"),
        uses("c"),
        results("c"),
    )
    assert found.last_words == 2
    assert found.kept(3) == [0, 1, 3]


def test_marks_for_the_providers_cache_are_found():
    marked = {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]}
    talks_about_it = user('what is "cache_control"?')
    assert read(ANTHROPIC, user(), assistant(), marked, assistant(), talks_about_it).marked == 3
    assert read(ANTHROPIC, talks_about_it).marked == 0
    result = results("a")
    result["content"][0]["content"] = [{"type": "text", "text": "r", "cache_control": {"type": "ephemeral"}}]
    assert read(ANTHROPIC, user(), uses("a"), result, assistant(), user()).marked == 3
    breakpoint_ = {
        "role": "user",
        "content": [{"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}}],
    }
    assert read(OPENAI, breakpoint_, assistant(), user()).marked == 1
