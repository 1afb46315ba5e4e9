"""Whole answers in the other format, read by the SDKs' own classes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from anthropic.types import Message
from openai.types.chat import ChatCompletion

from gateway.providers.translate import responses
from gateway.providers.translate.types import MalformedUpstream


def message(*content: dict[str, Any], **fields: Any) -> bytes:
    body = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": list(content), "stop_reason": "end_turn",
        "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 5}, **fields,
    }  # fmt: skip
    return msgspec.json.encode(body)


def completion(finish: str = "stop", usage: Any = None, **fields: Any) -> bytes:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": None, **fields}}
    counted = usage or {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return msgspec.json.encode(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt",
            "choices": [choice],
            "usage": counted,
        }
    )


def to_chat(content: bytes) -> ChatCompletion:
    return ChatCompletion.model_validate(responses.chat_from_message(content, model="asked"))


def to_message(content: bytes) -> Message:
    return Message.model_validate(responses.message_from_chat(content, model="asked"))


def test_text_from_anthropic():
    chat = to_chat(message({"type": "text", "text": "Hello, "}, {"type": "text", "text": "you"}))
    assert (chat.id, chat.model) == ("chatcmpl-1", "asked")
    assert chat.choices[0].message.content == "Hello, you"
    assert chat.choices[0].finish_reason == "stop"
    assert chat.choices[0].message.tool_calls is None


def test_text_from_openai():
    answer = to_message(completion(content="Hello"))
    assert (answer.id, answer.model, answer.role) == ("msg_1", "asked", "assistant")
    assert [block.text for block in answer.content] == ["Hello"]
    assert answer.stop_reason == "end_turn"


def test_parallel_tool_calls_from_anthropic():
    blocks = [{"type": "tool_use", "id": f"t{n}", "name": "f", "input": {"n": n}} for n in (1, 2)]
    choice = to_chat(message({"type": "text", "text": "see"}, *blocks, stop_reason="tool_use")).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert [(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls] == [
        ("t1", "f", '{"n":1}'), ("t2", "f", '{"n":2}'),
    ]  # fmt: skip


def test_parallel_tool_calls_from_openai():
    calls = [
        {"id": f"c{n}", "type": "function", "function": {"name": "f", "arguments": f'{{"n": {n}}}'}} for n in (1, 2)
    ]
    answer = to_message(completion("tool_calls", tool_calls=calls))
    assert answer.stop_reason == "tool_use"
    assert [(block.id, block.name, block.input) for block in answer.content] == [
        ("c1", "f", {"n": 1}),
        ("c2", "f", {"n": 2}),
    ]


def test_arguments_that_a_model_cut_short_are_kept():
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"n": '}}]
    assert to_message(completion("length", tool_calls=calls)).content[0].input == {"_raw_arguments": '{"n": '}


def test_thinking_from_anthropic_can_be_sent_back():
    block = {"type": "thinking", "thinking": "hm", "signature": "s"}
    answer = responses.chat_from_message(message(block, {"type": "text", "text": "x"}), model="m")["choices"][0][
        "message"
    ]
    assert (answer["reasoning_content"], answer["thinking_blocks"]) == ("hm", [block])


def test_reasoning_from_a_compatible_server():
    answer = to_message(completion(content="x", reasoning_content="hm"))
    assert [block.type for block in answer.content] == ["thinking", "text"]
    assert answer.content[0].thinking == "hm"


def test_refusals():
    choice = to_chat(message(stop_reason="refusal", stop_details={"type": "refusal", "explanation": "no"})).choices[0]
    assert (choice.finish_reason, choice.message.refusal, choice.message.content) == ("content_filter", "no", None)
    answer = to_message(completion(refusal="I won't"))
    assert (answer.stop_reason, answer.content[0].text) == ("refusal", "I won't")


def test_a_call_demanded_by_name_stops_for_tool_use():
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    assert to_message(completion("stop", tool_calls=calls)).stop_reason == "tool_use"


def test_an_id_that_is_missing_is_made_up():
    body = msgspec.json.decode(completion(tool_calls=[{"id": "", "function": {"name": "f", "arguments": ""}}]))
    answer = to_message(msgspec.json.encode({**body, "id": None}))
    assert len(answer.id) > len("msg_")
    assert answer.content[0].id.startswith("toolu_")


def test_a_server_that_says_reasoning():
    assert to_message(completion(content="x", reasoning="hm")).content[0].thinking == "hm"


@pytest.mark.parametrize(
    "block",
    [
        {"type": "text"}, {"type": "thinking", "thinking": None, "signature": "s"}, {"type": "redacted_thinking", "data": 7},
        {"type": "tool_use", "id": "1", "name": "f", "input": []}, {"type": "tool_use", "name": "f", "input": {}},
    ],
)  # fmt: skip
def test_a_broken_block_is_malformed(block):
    with pytest.raises(MalformedUpstream):
        responses.chat_from_message(message(block), model="m")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"), ("tool_use", "tool_calls"),
        ("refusal", "content_filter"), ("pause_turn", "stop"), ("model_context_window_exceeded", "length"),
    ],
)  # fmt: skip
def test_why_anthropic_stopped(theirs, ours):
    assert to_chat(message({"type": "text", "text": "x"}, stop_reason=theirs)).choices[0].finish_reason == ours


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("content_filter", "refusal"),
        ("function_call", "tool_use"),
    ],
)
def test_why_openai_stopped(theirs, ours):
    assert to_message(completion(theirs, content="x")).stop_reason == ours


def test_usage_from_anthropic_includes_the_cache():
    usage = {
        "input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 30, "output_tokens": 5,
        "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
        "output_tokens_details": {"thinking_tokens": 2},
    }  # fmt: skip
    counted = to_chat(message({"type": "text", "text": "x"}, usage=usage)).usage
    assert (counted.prompt_tokens, counted.completion_tokens, counted.total_tokens) == (140, 5, 145)
    assert (counted.prompt_tokens_details.cached_tokens, counted.prompt_tokens_details.cache_write_tokens) == (100, 30)
    assert counted.completion_tokens_details.reasoning_tokens == 2


def test_usage_from_openai_leaves_the_cache_out():
    usage = {
        "prompt_tokens": 140, "completion_tokens": 5, "total_tokens": 145, "prompt_tokens_details": {"cached_tokens": 100},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }  # fmt: skip
    counted = to_message(completion(content="x", usage=usage)).usage
    assert (counted.input_tokens, counted.cache_read_input_tokens, counted.output_tokens) == (40, 100, 5)
    assert counted.output_tokens_details.thinking_tokens == 2


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"hello", b'{"choices": []}', b'{"id": 1}', b"\xff", b"[" * 100_000]
)
def test_what_is_no_answer_is_malformed(content):
    with pytest.raises(MalformedUpstream):
        responses.chat_from_message(content, model="m")
    with pytest.raises(MalformedUpstream):
        responses.message_from_chat(content, model="m")


def test_a_block_nobody_asked_for_is_malformed():
    with pytest.raises(MalformedUpstream):
        responses.chat_from_message(message({"type": "server_tool_use", "id": "1"}), model="m")
