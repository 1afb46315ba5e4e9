"""Streams in the other format: every event in its right order, and the same message as the whole answer."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk
from pydantic import TypeAdapter

from gateway.providers.translate import responses
from gateway.providers.translate.chat_stream import ChatFromMessages
from gateway.providers.translate.messages_stream import MessagesFromChat
from gateway.providers.translate.types import MalformedUpstream, UpstreamStreamError
from gateway.types import Usage


def anthropic_events(content: list[dict[str, Any]], *, stop: str = "end_turn", piece: int = 3) -> list[dict[str, Any]]:
    """The stream Anthropic would send for this content."""
    usage = {"input_tokens": 10, "cache_read_input_tokens": 4, "output_tokens": 1}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "msg_1", "usage": usage}},
        {"type": "ping"},
    ]
    for index, block in enumerate(content):
        kind, text = block["type"], ""
        start = dict(block)
        if kind == "text":
            text, delta, start["text"] = block["text"], "text", ""
        elif kind == "thinking":
            text, delta, start["thinking"], start["signature"] = block["thinking"], "thinking", "", ""
        else:
            text, delta, start["input"] = json.dumps(block["input"]), "input_json", {}
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        for at in range(0, len(text), piece):
            name = "partial_json" if delta == "input_json" else delta
            events.append(
                {
                    "type": "content_block_delta",
                    "index": index,
                    "delta": {"type": f"{delta}_delta", name: text[at : at + piece]},
                }
            )
        if kind == "thinking":
            events.append(
                {
                    "type": "content_block_delta",
                    "index": index,
                    "delta": {"type": "signature_delta", "signature": block["signature"]},
                }
            )
        events.append({"type": "content_block_stop", "index": index})
    events.append(
        {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 7}}
    )
    return [*events, {"type": "message_stop"}]


def run_to_chat(
    events: list[dict[str, Any]], *, include_usage: bool = True
) -> tuple[ChatFromMessages, list[dict[str, Any]]]:
    stream = ChatFromMessages(model="asked", include_usage=include_usage)
    out = b"".join(stream.feed(msgspec.json.encode(event)) for event in events) + stream.finish()
    lines = [block.removeprefix(b"data: ") for block in out.split(b"\n\n") if block]
    assert lines.pop() == b"[DONE]"
    chunks = [json.loads(line) for line in lines]
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk)
    return stream, chunks


def folded_chat(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"content": "", "tool_calls": {}, "reasoning_content": "", "thinking_blocks": []}
    for chunk in chunks:
        for choice in chunk["choices"]:
            delta = choice["delta"]
            message["content"] += delta.get("content") or ""
            message["reasoning_content"] += delta.get("reasoning_content") or ""
            message["thinking_blocks"] += delta.get("thinking_blocks") or []
            for call in delta.get("tool_calls", []):
                known = message["tool_calls"].setdefault(
                    call["index"], {"id": call.get("id"), "name": "", "arguments": ""}
                )
                known["name"] += call["function"].get("name") or ""
                known["arguments"] += call["function"].get("arguments") or ""
            message["finish"] = choice["finish_reason"] or message.get("finish")
    return message


CONTENT = [
    {"type": "thinking", "thinking": "let me think", "signature": "signed"},
    {"type": "text", "text": "Hello there, grüß dich 🙂"},
    {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": [1, 2], "b": "x"}},
    {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
]


def test_anthropic_s_stream_folds_to_the_same_message_as_its_whole_answer():
    stream, chunks = run_to_chat(anthropic_events(CONTENT, stop="tool_use"))
    message = folded_chat(chunks)
    assert message["content"] == "Hello there, grüß dich 🙂"
    assert message["reasoning_content"] == "let me think"
    assert message["thinking_blocks"] == [CONTENT[0]]
    calls = [(call["id"], call["name"], json.loads(call["arguments"])) for call in message["tool_calls"].values()]
    assert calls == [("t1", "f", {"a": [1, 2], "b": "x"}), ("t2", "g", {})]
    assert message["finish"] == "tool_calls"
    assert stream.usage == Usage(input_tokens=14, cache_read_tokens=4, output_tokens=7)
    assert stream.is_complete


def test_chunks_come_in_openai_s_order():
    _, chunks = run_to_chat(anthropic_events([{"type": "text", "text": "hey"}]))
    deltas = [chunk["choices"][0]["delta"] if chunk["choices"] else "usage" for chunk in chunks]
    assert deltas == [{"role": "assistant", "content": "", "refusal": None}, {"content": "hey"}, {}, "usage"]
    assert chunks[-1]["usage"]["total_tokens"] == 21
    assert {chunk["id"] for chunk in chunks} == {"chatcmpl-1"}
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]] == [None, None, "stop"]


def test_usage_comes_only_to_who_asked():
    _, chunks = run_to_chat(anthropic_events([{"type": "text", "text": "hey"}]), include_usage=False)
    assert all(chunk["choices"] for chunk in chunks)


def test_a_refusal_is_told():
    events = anthropic_events([{"type": "text", "text": "I"}], stop="refusal")
    _, chunks = run_to_chat(events)
    assert chunks[-3]["choices"][0]["delta"] == {"refusal": "The model declined to answer."}
    assert chunks[-2]["choices"][0]["finish_reason"] == "content_filter"


def chunk(delta: dict[str, Any] | None = None, *, finish: str | None = None, **fields: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return msgspec.json.encode({"id": "chatcmpl-1", "choices": choices, **fields})


USAGE = {"prompt_tokens": 14, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 4}}


def run_to_messages(*chunks: bytes, done: bool = True) -> tuple[MessagesFromChat, list[dict[str, Any]]]:
    from anthropic.types import RawMessageStreamEvent

    stream = MessagesFromChat(model="asked")
    out = b"".join(stream.feed(data) for data in (*chunks, *([b"[DONE]"] if done else []))) + stream.finish()
    events = []
    for block in out.split(b"\n\n"):
        if block:
            name, _, data = block.partition(b"\ndata: ")
            events.append(json.loads(data))
            assert name == b"event: " + events[-1]["type"].encode()
            TypeAdapter(RawMessageStreamEvent).validate_python(events[-1])
    return stream, events


def folded_message(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The content blocks; checks that one is open at a time, in order, and that the message begins and ends once."""
    assert [event["type"] for event in events if event["type"].startswith("message")] == [
        "message_start",
        "message_delta",
        "message_stop",
    ]
    blocks: list[dict[str, Any]] = []
    is_open = False
    for event in events:
        if event["type"] == "content_block_start":
            assert not is_open
            assert event["index"] == len(blocks)
            is_open = True
            blocks.append({**event["content_block"], "json": ""})
        elif event["type"] == "content_block_delta":
            assert is_open
            assert event["index"] == len(blocks) - 1
            delta, block = event["delta"], blocks[-1]
            if delta["type"] == "text_delta":
                block["text"] += delta["text"]
            elif delta["type"] == "thinking_delta":
                block["thinking"] += delta["thinking"]
            else:
                block["json"] += delta["partial_json"]
        elif event["type"] == "content_block_stop":
            is_open = False
    assert not is_open
    for block in blocks:
        if block["type"] == "tool_use":
            block["input"] = responses.arguments(block["json"] or "{}")
        del block["json"]
    return blocks


def call(index: int, arguments: str, **head: str) -> dict[str, Any]:
    function = {"arguments": arguments, **({"name": head["name"]} if head else {})}
    return {"index": index, "function": function, **({"id": head["id"], "type": "function"} if head else {})}


def test_openai_s_stream_in_anthropic_s_order():
    stream, events = run_to_messages(
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "hm"}),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}),
        chunk({"tool_calls": [call(0, "", id="c1", name="f")]}),
        chunk({"tool_calls": [call(0, '{"n":')]}),
        chunk({"tool_calls": [call(0, "1}")]}),
        chunk({"tool_calls": [call(1, "{}", id="c2", name="g")]}),
        chunk({}, finish="tool_calls"),
        chunk(usage=USAGE),
    )
    assert folded_message(events) == [
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "text", "text": "Hello"},
        {"type": "tool_use", "id": "c1", "name": "f", "input": {"n": 1}},
        {"type": "tool_use", "id": "c2", "name": "g", "input": {}},
    ]
    assert events[-2]["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}
    assert events[-2]["usage"]["input_tokens"] == 10
    assert (events[-2]["usage"]["cache_read_input_tokens"], events[-2]["usage"]["output_tokens"]) == (4, 7)
    assert stream.usage == Usage(input_tokens=14, cache_read_tokens=4, output_tokens=7)


def test_interleaved_calls_are_told_one_after_the_other():
    _, events = run_to_messages(
        chunk({"tool_calls": [call(0, '{"a":', id="c1", name="f"), call(1, '{"b":', id="c2", name="g")]}),
        chunk({"tool_calls": [call(1, "2}")]}),
        chunk({"tool_calls": [call(0, "1}")]}),
        chunk({}, finish="tool_calls"),
    )
    assert [(block["id"], block["input"]) for block in folded_message(events)] == [("c1", {"a": 1}), ("c2", {"b": 2})]


@given(st.permutations([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]))
def test_however_calls_interleave_each_comes_whole(order):
    pieces = ['{"n"', ": ", "%d}"]
    sent = dict.fromkeys(range(3), 0)
    chunks = []
    for number, _ in order:
        part = pieces[sent[number]] % number if sent[number] == 2 else pieces[sent[number]]
        head = {"id": f"c{number}", "name": "f"} if sent[number] == 0 else {}
        chunks.append(chunk({"tool_calls": [call(number, part, **head)]}))
        sent[number] += 1
    _, events = run_to_messages(*chunks, chunk({}, finish="tool_calls"))
    assert sorted((block["id"], block["input"]["n"]) for block in folded_message(events)) == [
        ("c0", 0),
        ("c1", 1),
        ("c2", 2),
    ]


def test_a_stream_without_done_ends_properly():
    stream, events = run_to_messages(chunk({"content": "x"}), chunk({}, finish="length"), done=False)
    assert stream.is_complete
    assert (events[-2]["delta"]["stop_reason"], events[-1]["type"]) == ("max_tokens", "message_stop")


def test_a_refusal_from_openai():
    _, events = run_to_messages(chunk({"refusal": "no"}), chunk({}, finish="stop"))
    assert events[-2]["delta"]["stop_reason"] == "refusal"
    assert folded_message(events) == [{"type": "text", "text": "no"}]


def test_errors_within_a_stream():
    with pytest.raises(UpstreamStreamError, match="too much"):
        ChatFromMessages(model="m", include_usage=False).feed(
            b'{"type":"error","error":{"type":"overloaded_error","message":"too much"}}'
        )
    with pytest.raises(UpstreamStreamError, match="too much"):
        MessagesFromChat(model="m").feed(b'{"error":{"message":"too much"}}')


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"type":7,"choices":7}'])
def test_what_is_no_event_is_malformed(data):
    with pytest.raises(MalformedUpstream):
        ChatFromMessages(model="m", include_usage=False).feed(data)
    with pytest.raises(MalformedUpstream):
        MessagesFromChat(model="m").feed(data)


@given(
    st.text(max_size=60),
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3),
    st.integers(1, 9),
)
def test_any_text_and_arguments_survive_both_ways(text, given_input, piece):
    content = [{"type": "text", "text": text}, {"type": "tool_use", "id": "t", "name": "f", "input": given_input}]
    _, chunks = run_to_chat(anthropic_events(content, stop="tool_use", piece=piece))
    stream = MessagesFromChat(model="m")
    out = b"".join(stream.feed(msgspec.json.encode(item)) for item in chunks) + stream.feed(b"[DONE]")
    events = [json.loads(block.partition(b"\ndata: ")[2]) for block in out.split(b"\n\n") if block]
    assert folded_message(events) == ([content[0]] if text else []) + [content[1]]
