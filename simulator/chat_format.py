"""Renders an Answer as OpenAI's Chat Completions format: one object, or the chunks of a stream."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from typing import Any

import msgspec

from simulator import tokens
from simulator.answers import Answer, Choice, Part
from simulator.ask import Ask
from simulator.stream_event import StreamEvent
from simulator.usage import Usage

FINISH_REASONS = {"end": "stop", "length": "length", "stop_sequence": "stop", "calls": "tool_calls", "refusal": "stop"}
FINGERPRINT = "fp_simulator0"
_encode = msgspec.json.encode


def render(ask: Ask, answer: Answer, *, identity: str, omits_usage: bool) -> bytes:
    """The whole answer as one JSON object. `identity` is unique to the request."""
    body: dict[str, Any] = _envelope(ask, identity, "chat.completion")
    body["choices"] = [
        {
            "index": index,
            "message": _message(choice, identity, index),
            "logprobs": _logprobs(
                [piece for part in choice.parts if part.kind == "text" for piece in part.pieces], ask
            ),
            "finish_reason": FINISH_REASONS.get(choice.ending, choice.ending),
        }
        for index, choice in enumerate(answer.choices)
    ]
    if not omits_usage:
        body["usage"] = usage_object(answer.usage)
    return _encode(body)


def events(
    ask: Ask, answer: Answer, *, identity: str, omits_usage: bool, tokens_per_chunk: int
) -> Iterator[StreamEvent]:
    """The chunks of the stream, the choices interleaved, up to and with `[DONE]`."""
    writer = _ChunkWriter(ask, identity)
    for index, choice in enumerate(answer.choices):
        delta: dict[str, Any] = {
            "role": "assistant",
            "content": "" if choice.parts[:1] and choice.parts[0].kind == "text" else None,
        }
        delta["refusal"] = None
        hidden = answer.usage.reasoning_tokens // len(answer.choices)
        yield StreamEvent(writer.chunk(index, delta), tokens=hidden)
    rows = [
        list(_contents(writer, ask, choice, identity, index, tokens_per_chunk))
        for index, choice in enumerate(answer.choices)
    ]
    for row in itertools.zip_longest(*rows):
        yield from (event for event in row if event is not None)
    for index, choice in enumerate(answer.choices):
        yield StreamEvent(writer.chunk(index, {}, FINISH_REASONS.get(choice.ending, choice.ending)))
    if ask.wants_usage_chunk and not omits_usage:
        yield StreamEvent(writer.usage_chunk(answer.usage))
    yield StreamEvent(b"data: [DONE]\n\n")


def usage_object(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_5m_tokens,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


class _ChunkWriter:
    """Renders chunks; what they have in common is rendered once."""

    def __init__(self, ask: Ask, identity: str) -> None:
        self._head = b"data: " + _encode(_envelope(ask, identity, "chat.completion.chunk"))[:-1]
        self._tail = b',"usage":null}\n\n' if ask.wants_usage_chunk else b"}\n\n"

    def chunk(self, index: int, delta: dict[str, Any], finish: str | None = None, logprobs: Any = None) -> bytes:
        choices = _encode([{"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}])
        return self._head + b',"choices":' + choices + self._tail

    def usage_chunk(self, usage: Usage) -> bytes:
        return self._head + b',"choices":[],"usage":' + _encode(usage_object(usage)) + b"}\n\n"


def _envelope(ask: Ask, identity: str, kind: str) -> dict[str, Any]:
    tier = "default" if ask.service_tier in (None, "auto") else ask.service_tier
    return {
        "id": f"chatcmpl-{identity}",
        "object": kind,
        "created": int(time.time()),
        "model": ask.model,
        "service_tier": tier,
        "system_fingerprint": FINGERPRINT,
    }


def _message(choice: Choice, identity: str, index: int) -> dict[str, Any]:
    texts = [part.text for part in choice.parts if part.kind == "text"]
    refusals = [part.text for part in choice.parts if part.kind == "refusal"]
    calls = [part for part in choice.parts if part.kind == "call"]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(texts) if texts or not (calls or refusals) else None,
        "refusal": "".join(refusals) if refusals else None,
        "annotations": [],
    }
    if calls:
        message["tool_calls"] = [
            {
                "id": _call_id(identity, index, at),
                "type": "function",
                "function": {"name": part.name, "arguments": part.text},
            }
            for at, part in enumerate(calls)
        ]
    return message


def _call_id(identity: str, index: int, at: int) -> str:
    return f"call_{identity}{index:02d}{at:02d}"


def _contents(
    writer: _ChunkWriter, ask: Ask, choice: Choice, identity: str, index: int, tokens_per_chunk: int
) -> Iterator[StreamEvent]:
    call_at = 0
    for part in choice.parts:
        if part.kind == "call":
            yield from _call_chunks(writer, part, _call_id(identity, index, call_at), call_at, index, tokens_per_chunk)
            call_at += 1
            continue
        name = "refusal" if part.kind == "refusal" else "content"
        for start in range(0, len(part.pieces), tokens_per_chunk):
            pieces = part.pieces[start : start + tokens_per_chunk]
            logprobs = _logprobs(pieces, ask) if name == "content" else None
            data = writer.chunk(index, {name: "".join(pieces)}, logprobs=logprobs)
            yield StreamEvent(data, tokens=len(pieces), is_content=True)


def _call_chunks(
    writer: _ChunkWriter, part: Part, call_id: str, at: int, index: int, tokens_per_chunk: int
) -> Iterator[StreamEvent]:
    opening = {"index": at, "id": call_id, "type": "function", "function": {"name": part.name, "arguments": ""}}
    yield StreamEvent(writer.chunk(index, {"tool_calls": [opening]}), tokens=tokens.count(part.name), is_content=True)
    for start in range(0, len(part.pieces), tokens_per_chunk):
        pieces = part.pieces[start : start + tokens_per_chunk]
        delta = {"tool_calls": [{"index": at, "function": {"arguments": "".join(pieces)}}]}
        yield StreamEvent(writer.chunk(index, delta), tokens=len(pieces), is_content=True)


def _logprobs(pieces: list[str], ask: Ask) -> dict[str, Any] | None:
    """Probabilities that look like a confident model's: each alternative is less likely than the one before it."""
    if ask.top_logprobs is None:
        return None
    content = []
    for piece in pieces:
        likely = {"token": piece, "logprob": round(math.log(0.9), 6), "bytes": list(piece.encode("utf-8", "replace"))}
        others = [
            {
                "token": f"{piece}{at}",
                "logprob": round(math.log(0.9 / (at + 9)), 6),
                "bytes": list(f"{piece}{at}".encode("utf-8", "replace")),
            }
            for at in range(1, ask.top_logprobs)
        ]
        content.append({**likely, "top_logprobs": [likely, *others][: ask.top_logprobs]})
    return {"content": content, "refusal": None}
