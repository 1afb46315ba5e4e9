"""Renders an Answer as Anthropic's Messages format: one message, or the named events of a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from simulator import tokens
from simulator.answers import Answer, Choice, Part
from simulator.ask import Ask
from simulator.messages_blocks import signature_of
from simulator.stream_event import StreamEvent
from simulator.usage import Usage

STOP_REASONS = {
    "end": "end_turn",
    "length": "max_tokens",
    "stop_sequence": "stop_sequence",
    "calls": "tool_use",
    "refusal": "refusal",
    "content_filter": "refusal",
}
_encode = msgspec.json.encode


def render(ask: Ask, answer: Answer, *, identity: str, omits_usage: bool) -> bytes:
    """The whole answer as one JSON object. `identity` is unique to the request."""
    choice = answer.choices[0]
    body = _message(ask, identity)
    body["content"] = [_block(part, identity, at) for at, part in enumerate(choice.parts)]
    body.update(_stop(choice))
    if not omits_usage:
        body["usage"] = usage_object(answer.usage, answer.usage.output_tokens)
    return _encode(body)


def events(
    ask: Ask, answer: Answer, *, identity: str, omits_usage: bool, tokens_per_chunk: int
) -> Iterator[StreamEvent]:
    """The events of the stream, from `message_start` to `message_stop`."""
    choice = answer.choices[0]
    message = _message(ask, identity)
    if not omits_usage:
        message["usage"] = usage_object(answer.usage, min(1, answer.usage.output_tokens))
    yield _event("message_start", {"message": message})
    for at, part in enumerate(choice.parts):
        yield from _block_events(part, identity, at, tokens_per_chunk)
    if not choice.parts:
        yield _event("ping", {})
    ending: dict[str, Any] = {"delta": _stop(choice)}
    if not omits_usage:
        ending["usage"] = _final_usage(answer.usage)
    yield _event("message_delta", ending)
    yield _event("message_stop", {})


def usage_object(usage: Usage, output_tokens: int) -> dict[str, Any]:
    """`input_tokens` is what was neither read from the cache nor written to it."""
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    return {
        "input_tokens": usage.input_tokens - usage.cache_read_tokens - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        },
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }


def _final_usage(usage: Usage) -> dict[str, Any]:
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    final: dict[str, Any] = {
        "input_tokens": usage.input_tokens - usage.cache_read_tokens - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "output_tokens": usage.output_tokens,
    }
    if usage.reasoning_tokens:
        final["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return final


def _message(ask: Ask, identity: str) -> dict[str, Any]:
    return {
        "id": f"msg_{identity}",
        "type": "message",
        "role": "assistant",
        "model": ask.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _stop(choice: Choice) -> dict[str, Any]:
    stop: dict[str, Any] = {"stop_reason": STOP_REASONS[choice.ending], "stop_sequence": choice.stop_sequence}
    if stop["stop_reason"] == "refusal":
        stop["stop_details"] = {"type": "refusal", "category": None, "explanation": None}
    return stop


def _block(part: Part, identity: str, at: int) -> dict[str, Any]:
    if part.kind == "thinking":
        return {"type": "thinking", "thinking": part.text, "signature": signature_of(part.text)}
    if part.kind == "call":
        return {"type": "tool_use", "id": f"toolu_{identity}{at:02d}", "name": part.name, "input": _input(part.text)}
    return {"type": "text", "text": part.text}


def _input(text: str) -> Any:
    """A call's arguments; empty when the token limit has cut them."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}


def _block_events(part: Part, identity: str, at: int, tokens_per_chunk: int) -> Iterator[StreamEvent]:
    opening: dict[str, Any]
    if part.kind == "thinking":
        opening, kind, field = {"type": "thinking", "thinking": "", "signature": ""}, "thinking_delta", "thinking"
    elif part.kind == "call":
        opening = {"type": "tool_use", "id": f"toolu_{identity}{at:02d}", "name": part.name, "input": {}}
        kind, field = "input_json_delta", "partial_json"
    else:
        opening, kind, field = {"type": "text", "text": ""}, "text_delta", "text"
    yield _event("content_block_start", {"index": at, "content_block": opening}, tokens.count(part.name))
    if at == 0:
        yield _event("ping", {})
    if part.kind == "call":
        yield _event("content_block_delta", {"index": at, "delta": {"type": kind, field: ""}})
    head = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%s","%s":' % (
        at,
        kind.encode(),
        field.encode(),
    )
    for start in range(0, len(part.pieces), tokens_per_chunk):
        pieces = part.pieces[start : start + tokens_per_chunk]
        yield StreamEvent(head + _encode("".join(pieces)) + b"}}\n\n", tokens=len(pieces), is_content=True)
    if part.kind == "thinking":
        signature = {"type": "signature_delta", "signature": signature_of(part.text)}
        yield _event("content_block_delta", {"index": at, "delta": signature})
    yield _event("content_block_stop", {"index": at})


def _event(name: str, fields: dict[str, Any], size: int = 0) -> StreamEvent:
    return StreamEvent(b"event: %s\ndata: %s\n\n" % (name.encode(), _encode({"type": name, **fields})), tokens=size)
