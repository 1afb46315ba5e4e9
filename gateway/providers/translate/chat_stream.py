"""Anthropic's stream as OpenAI's: one event in, chunks out."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from gateway.providers.translate import reasons
from gateway.providers.translate import usage as usages
from gateway.providers.translate.types import MalformedUpstream, UpstreamStreamError
from gateway.types import Usage


class _Block(msgspec.Struct):
    type: str
    text: str | None = None
    id: str | None = None
    name: str | None = None
    thinking: str | None = None
    data: str | None = None


class _StopDetails(msgspec.Struct):
    explanation: str | None = None


class _Delta(msgspec.Struct):
    type: str = ""
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    signature: str | None = None
    stop_reason: str | None = None
    stop_details: _StopDetails | None = None


class _Start(msgspec.Struct):
    id: str = ""
    usage: usages.MessagesUsage | None = None


class _Error(msgspec.Struct):
    type: str = ""
    message: str = ""


class _Event(msgspec.Struct):
    type: str
    message: _Start | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: usages.MessagesUsage | None = None
    error: _Error | None = None


_events = msgspec.json.Decoder(_Event)
_encode = msgspec.json.Encoder().encode


class ChatFromMessages:
    """Feed it Anthropic's events in order. `usage` is None until the provider reports any."""

    __slots__ = (
        "_calls", "_counts", "_head", "_include_usage", "_refusal", "_stop_reason", "_thinking",
        "deltas", "finish_reason", "is_complete", "produced_bytes", "usage",
    )  # fmt: skip

    def __init__(self, *, model: str, include_usage: bool) -> None:
        self._head = {"id": "", "object": "chat.completion.chunk", "created": int(time.time()), "model": model}
        self._include_usage = include_usage
        self._counts = usages.MessagesUsage()
        self._calls = 0
        self._thinking: dict[str, Any] | None = None
        self._stop_reason = "end_turn"
        self._refusal: str | None = None
        self.usage: Usage | None = None
        self.finish_reason = ""
        self.produced_bytes = 0
        self.deltas = 0
        self.is_complete = False

    def feed(self, data: bytes) -> bytes:
        """The chunks for one event. Raises `MalformedUpstream`, `UpstreamStreamError`."""
        try:
            event = _events.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedUpstream(str(error)) from error
        kind = event.type
        if kind == "content_block_delta" and event.delta is not None:
            return self._delta(event.delta)
        if kind == "content_block_start" and event.content_block is not None:
            return self._block_start(event.content_block)
        if kind == "content_block_stop":
            return self._block_stop()
        if kind == "message_start" and event.message is not None:
            self._head["id"] = f"chatcmpl-{event.message.id.removeprefix('msg_')}"
            self._take(event.message.usage)
            return self._chunk({"role": "assistant", "content": "", "refusal": None})
        if kind == "message_delta":
            self._take(event.usage)
            if event.delta is not None and event.delta.stop_reason:
                self._stop_reason = self.finish_reason = event.delta.stop_reason
                details = event.delta.stop_details
                self._refusal = details.explanation if details else None
        elif kind == "message_stop":
            return self._stop()
        elif kind == "error":
            problem = event.error or _Error()
            raise UpstreamStreamError(problem.type, problem.message)
        return b""

    def _take(self, newer: usages.MessagesUsage | None) -> None:
        if newer is not None:
            self._counts.update(newer)
            self.usage = self._counts.counted()

    def _delta(self, delta: _Delta) -> bytes:
        self.deltas += 1
        if delta.text is not None:
            self.produced_bytes += len(delta.text.encode())
            return self._chunk({"content": delta.text})
        if delta.partial_json is not None:
            self.produced_bytes += len(delta.partial_json.encode())
            call = {"index": self._calls - 1, "function": {"arguments": delta.partial_json}}
            return self._chunk({"tool_calls": [call]}) if delta.partial_json else b""
        if delta.thinking is not None:
            self.produced_bytes += len(delta.thinking.encode())
            if self._thinking is not None:
                self._thinking["thinking"] += delta.thinking
            return self._chunk({"reasoning_content": delta.thinking})
        self.deltas -= 1
        if delta.signature is not None and self._thinking is not None:
            self._thinking["signature"] = delta.signature
        return b""

    def _block_start(self, block: _Block) -> bytes:
        if block.type == "text":
            return self._chunk({"content": block.text}) if block.text else b""
        if block.type == "tool_use":
            self._calls += 1
            function = {"name": block.name, "arguments": ""}
            return self._chunk(
                {"tool_calls": [{"index": self._calls - 1, "id": block.id, "type": "function", "function": function}]}
            )
        if block.type == "thinking":
            self._thinking = {"type": "thinking", "thinking": block.thinking or "", "signature": ""}
        elif block.type == "redacted_thinking":
            self._thinking = {"type": "redacted_thinking", "data": block.data or ""}
        else:
            raise MalformedUpstream(f"a content block of type {block.type!r} was not asked for")
        return b""

    def _block_stop(self) -> bytes:
        """A finished thinking block follows whole, signed, for sending back."""
        if self._thinking is None:
            return b""
        block, self._thinking = self._thinking, None
        return self._chunk({"thinking_blocks": [block]})

    def _stop(self) -> bytes:
        self.is_complete = True
        out = b""
        if self._stop_reason == "refusal":
            out = self._chunk({"refusal": self._refusal or reasons.REFUSED})
        out += self._chunk({}, finish=reasons.CHAT_OF_MESSAGES.get(self._stop_reason, "stop"))
        if self._include_usage and self.usage is not None:
            out += b"data: " + _encode({**self._head, "choices": [], "usage": usages.for_chat(self.usage)}) + b"\n\n"
        return out + b"data: [DONE]\n\n"

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return b"data: " + _encode({**self._head, "choices": [choice]}) + b"\n\n"

    def finish(self) -> bytes:
        """message_stop has said it all."""
        return b""
