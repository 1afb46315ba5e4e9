"""Anthropic's stream as OpenAI's: one event in, chunks out.

Thinking is told as `reasoning_content` while it comes. Its signed blocks, to be sent back as they are, follow in one `thinking_blocks`
before the end: OpenAI's SDK adds up no list whose items have no index.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

from gateway import tokens
from gateway.providers.translate import ids, reasons
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
    input: dict[str, Any] | None = None


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
        "_block", "_calls", "_counts", "_has_text", "_head", "_include_usage", "_refusal", "_signature", "_stop_reason", "_thinking",
        "_thoughts",
        "deltas", "finish_reason", "is_complete", "produced_bytes", "usage",
    )  # fmt: skip

    def __init__(self, *, model: str, include_usage: bool) -> None:
        self._head = {"id": "", "object": "chat.completion.chunk", "created": int(time.time()), "model": model}
        self._include_usage = include_usage
        self._counts = usages.MessagesUsage()
        self._block: _Block | None = None  # the open one
        self._has_text = False  # whether any of the open block's text or arguments has come
        self._calls = 0
        self._thinking: list[dict[str, Any]] = []
        self._thoughts: list[str] = []
        self._signature = ""
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
        if kind == "content_block_delta":
            return self._delta(event.delta)
        if kind == "content_block_start":
            return self._block_start(event.content_block)
        if kind == "content_block_stop":
            return self._block_stop()
        if kind == "message_start":
            return self._start(event.message)
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

    def _start(self, message: _Start | None) -> bytes:
        if message is None:
            raise MalformedUpstream("a message_start without a message")
        self._head["id"] = ids.of_completion(message.id)
        self._take(message.usage)
        return self._chunk({"role": "assistant", "content": "", "refusal": None})

    def _take(self, newer: usages.MessagesUsage | None) -> None:
        if newer is not None:
            self._counts.update(newer)
            self.usage = self._counts.counted()

    def _delta(self, delta: _Delta | None) -> bytes:
        if delta is None or self._block is None:
            raise MalformedUpstream("a delta of no block")
        if delta.text is not None:
            return self._tell(delta.text, {"content": delta.text})
        if delta.partial_json is not None:
            if self._block.type != "tool_use":
                raise MalformedUpstream("arguments of no tool")
            call = {"index": self._calls - 1, "function": {"arguments": delta.partial_json}}
            return self._tell(delta.partial_json, {"tool_calls": [call]})
        if delta.thinking is not None:
            self._thoughts.append(delta.thinking)
            return self._tell(delta.thinking, {"reasoning_content": delta.thinking})
        if delta.signature is not None:
            self._signature += delta.signature
        return b""

    def _tell(self, text: str, delta: dict[str, Any]) -> bytes:
        self.deltas += 1
        if not text:
            return b""
        self._has_text = True
        self.produced_bytes += tokens.written(text)
        return self._chunk(delta)

    def _block_start(self, block: _Block | None) -> bytes:
        if block is None or not self._head["id"]:
            raise MalformedUpstream("a block out of place")
        self._block, self._has_text = block, False
        if block.type == "text":
            return self._tell(block.text, {"content": block.text}) if block.text else b""
        if block.type == "tool_use":
            if not block.id or not block.name:
                raise MalformedUpstream("a tool_use block has no id or name")
            self._calls += 1
            function = {"name": block.name, "arguments": ""}
            return self._chunk(
                {"tool_calls": [{"index": self._calls - 1, "id": block.id, "type": "function", "function": function}]}
            )
        if block.type == "thinking":
            self._thoughts, self._signature = [], ""
            if block.thinking:
                self._thoughts.append(block.thinking)
                return self._tell(block.thinking, {"reasoning_content": block.thinking})
        elif block.type != "redacted_thinking":
            raise MalformedUpstream(f"a content block of type {block.type!r} was not asked for")
        return b""

    def _block_stop(self) -> bytes:
        block, self._block = self._block, None
        if block is None:
            raise MalformedUpstream("the end of no block")
        if block.type == "thinking":
            signed = {"type": "thinking", "thinking": "".join(self._thoughts), "signature": self._signature}
            self._thinking.append(signed)
        elif block.type == "redacted_thinking":
            self._thinking.append({"type": "redacted_thinking", "data": block.data or ""})
        elif block.type == "tool_use" and not self._has_text:
            # Anthropic streams no arguments where there are none; OpenAI's apps parse them as JSON in any case.
            arguments = _encode(block.input or {}).decode()
            return self._tell(
                arguments, {"tool_calls": [{"index": self._calls - 1, "function": {"arguments": arguments}}]}
            )
        return b""

    def _stop(self) -> bytes:
        self.is_complete = True
        out = self._chunk({"thinking_blocks": self._thinking}) if self._thinking else b""
        if self._stop_reason == "refusal":
            out += self._chunk({"refusal": self._refusal or reasons.REFUSED})
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
