"""The words of an answer: read from a caller's format, whole or streamed, and put into it again. No I/O, no tool calls, no media."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from gateway.types import Surface

REFUSAL = "refusal"


class Words(msgspec.Struct, frozen=True):
    """What a model said. `calls_tools`: it is not all of the answer. `finish_reason` as the format has it, but any refusal is `REFUSAL`."""

    text: str
    finish_reason: str
    calls_tools: bool


class _Said(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[Any] | None = None


class _Choice(msgspec.Struct):
    message: _Said | None = None
    delta: _Said | None = None
    finish_reason: str | None = None
    index: int = 0


class _Chat(msgspec.Struct):
    choices: list[_Choice] = []


class _Block(msgspec.Struct):
    type: str = ""
    text: str | None = None
    stop_reason: str | None = None


class _Messages(msgspec.Struct):
    content: list[_Block] = []
    stop_reason: str | None = None


class _Event(msgspec.Struct):
    type: str = ""
    content_block: _Block | None = None
    delta: _Block | None = None


_chats = msgspec.json.Decoder(_Chat)
_messages = msgspec.json.Decoder(_Messages)
_events = msgspec.json.Decoder(_Event)


def of_whole(surface: Surface, body: bytes) -> Words | None:
    """The words of a whole answer, of its first choice; None if it cannot be read."""
    try:
        if surface is Surface.ANTHROPIC:
            message = _messages.decode(body)
            return Words(
                text="".join(block.text or "" for block in message.content if block.type == "text"),
                finish_reason=message.stop_reason or "",
                calls_tools=any(block.type == "tool_use" for block in message.content),
            )
        choices = _chats.decode(body).choices
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not choices or choices[0].message is None:
        return None
    said = choices[0].message
    finish_reason = REFUSAL if said.refusal else choices[0].finish_reason or ""
    return Words(said.content or said.refusal or "", finish_reason, bool(said.tool_calls))


def of_stream(surface: Surface, content: bytes) -> Words | None:
    """The words of a stream that has been read whole, of its first choice; None if it cannot be read."""
    parts: list[str] = []
    finish_reason, calls_tools, refuses = "", False, False
    try:
        for data in _data_of(content):
            if surface is Surface.ANTHROPIC:
                event = _events.decode(data)
                if event.content_block is not None:
                    calls_tools = calls_tools or event.content_block.type == "tool_use"
                if event.delta is not None:
                    parts.append(event.delta.text or "")
                    finish_reason = event.delta.stop_reason or finish_reason
                continue
            for choice in _chats.decode(data).choices:
                if choice.index == 0 and choice.delta is not None:
                    parts.append(choice.delta.content or choice.delta.refusal or "")
                    refuses = refuses or bool(choice.delta.refusal)
                    calls_tools = calls_tools or bool(choice.delta.tool_calls)
                    finish_reason = choice.finish_reason or finish_reason
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return Words("".join(parts), REFUSAL if refuses else finish_reason, calls_tools)


def _data_of(content: bytes) -> list[bytes]:
    lines = (line[5:].strip() for line in content.splitlines() if line.startswith(b"data:"))
    return [data for data in lines if data and data != b"[DONE]"]


def as_whole(surface: Surface, text: str, *, model: str, identity: str) -> bytes:
    """A whole answer that says `text` and has used nothing."""
    if surface is Surface.ANTHROPIC:
        return msgspec.json.encode(
            {**_message(model, identity), "content": [{"type": "text", "text": text}], "stop_reason": "end_turn"}
        )
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return msgspec.json.encode({**_chat(model, identity, "chat.completion"), "choices": [choice], "usage": usage})


def as_stream(surface: Surface, text: str, *, model: str, identity: str) -> bytes:
    """The same as a stream, all of it at once."""
    if surface is Surface.ANTHROPIC:
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": {**_message(model, identity), "content": [], "stop_reason": None}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 0}},
            {"type": "message_stop"},
        ]
        return b"".join(
            b"event: %s\ndata: %s\n\n" % (event["type"].encode(), msgspec.json.encode(event)) for event in events
        )
    head = _chat(model, identity, "chat.completion.chunk")
    chunks = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        for delta, finish in (({"role": "assistant", "content": ""}, None), ({"content": text}, None), ({}, "stop"))
    ]
    return b"".join(b"data: %s\n\n" % msgspec.json.encode(chunk) for chunk in chunks) + b"data: [DONE]\n\n"


def _chat(model: str, identity: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{identity}", "object": kind, "created": int(time.time()), "model": model}


def _message(model: str, identity: str) -> dict[str, Any]:
    return {
        "id": f"msg_{identity}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    }
