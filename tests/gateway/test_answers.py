"""The words of answers, read from either format and put into it."""

from __future__ import annotations

import json

import pytest

from gateway import answers
from gateway.answers import Words
from gateway.types import Surface


@pytest.mark.parametrize("surface", list(Surface))
def test_what_is_put_into_a_format_is_read_from_it(surface):
    text = "Grüße,\n“world” 🙂 </data>\n\n"
    whole = answers.as_whole(surface, text, model="m", identity="1")
    streamed = answers.as_stream(surface, text, model="m", identity="1")
    finish = "stop" if surface is Surface.OPENAI else "end_turn"
    assert answers.of_whole(surface, whole) == answers.of_stream(surface, streamed) == Words(text, finish, False)


@pytest.mark.parametrize("model", ["gpt-4o", "claude-sonnet-4-5"])
@pytest.mark.parametrize(("surface", "ask"), [(Surface.OPENAI, "chat"), (Surface.ANTHROPIC, "message")])
def test_real_answers_are_read_the_same_whole_and_streamed(world, simulator, surface, ask, model):
    simulator.behave(output_text="An answer of some words.")
    whole = getattr(world, ask)(model)
    streamed = getattr(world, ask)(model, stream=True)
    read = answers.of_whole(surface, whole.body)
    assert read is not None
    assert read == answers.of_stream(surface, streamed.body)
    assert (read.text, read.calls_tools) == ("An answer of some words.", False)


def test_what_is_no_answer_is_none():
    for surface in Surface:
        assert answers.of_whole(surface, b"<html>") is None
    assert answers.of_whole(Surface.OPENAI, b"{}") is None
    assert answers.of_stream(Surface.OPENAI, b"data: {broken\n\n") is None


def test_tool_calls_are_noticed():
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body = {"choices": [{"message": {"content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    assert answers.of_whole(Surface.OPENAI, json.dumps(body).encode()) == Words("", "tool_calls", True)
    message = {"content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}], "stop_reason": "tool_use"}
    assert answers.of_whole(Surface.ANTHROPIC, json.dumps(message).encode()) == Words("", "tool_use", True)
