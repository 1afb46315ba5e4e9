"""Streams of either provider to translate, and what a client makes of the translation."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from anthropic.types import RawMessageStreamEvent
from openai.types.chat import ChatCompletionChunk
from pydantic import TypeAdapter

from gateway.providers.translate import responses
from gateway.providers.translate.chat_stream import ChatFromMessages
from gateway.providers.translate.messages_stream import MessagesFromChat

ANTHROPIC_EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)

ANTHROPIC_EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)


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


def chunk(delta: dict[str, Any] | None = None, *, finish: str | None = None, **fields: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return msgspec.json.encode({"id": "chatcmpl-1", "choices": choices, **fields})


USAGE = {"prompt_tokens": 14, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 4}}


def run_to_messages(*chunks: bytes, done: bool = True) -> tuple[MessagesFromChat, list[dict[str, Any]]]:
    stream = MessagesFromChat(model="asked")
    out = b"".join(stream.feed(data) for data in (*chunks, *([b"[DONE]"] if done else []))) + stream.finish()
    events = []
    for block in out.split(b"\n\n"):
        if block:
            name, _, data = block.partition(b"\ndata: ")
            events.append(json.loads(data))
            assert name == b"event: " + events[-1]["type"].encode()
            ANTHROPIC_EVENT.validate_python(events[-1])
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
