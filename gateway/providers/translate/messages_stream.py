"""OpenAI's stream as Anthropic's: one chunk in, events out.

Anthropic opens one content block at a time. What begins before an open tool call's arguments are whole, another call or words, waits
until the end, and everything after it too, in order.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway import tokens
from gateway.providers.translate import ids, reasons
from gateway.providers.translate import usage as usages
from gateway.providers.translate.types import MalformedUpstream, UpstreamStreamError
from gateway.types import Usage


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    index: int = 0
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None  # what some compatible servers call it
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    id: str | None = None
    choices: list[_Choice] | None = None
    usage: usages.ChatUsage | None = None
    error: dict[str, Any] | str | None = None


class _Tool:
    """A tool call as far as it has come."""

    __slots__ = ("arguments", "id", "is_told", "name", "sent")

    def __init__(self, call_id: str, name: str) -> None:
        self.id = call_id
        self.name = name
        self.arguments = ""
        self.sent = 0
        self.is_told = False

    def is_whole(self) -> bool:
        """Whether the arguments are complete. None at all may still be to come."""
        if not self.arguments.rstrip().endswith("}"):
            return False
        try:
            msgspec.json.decode(self.arguments)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return False
        return True


class _Words:
    """Text or thinking that waits for its turn."""

    __slots__ = ("kind", "pieces")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.pieces: list[str] = []


_chunks = msgspec.json.Decoder(_Chunk)
_encode = msgspec.json.Encoder().encode


class MessagesFromChat:
    """Feed it OpenAI's chunks in order, [DONE] included. `usage` is None until the provider reports any."""

    __slots__ = (
        "_block", "_has_ended", "_has_refused", "_has_started", "_index", "_model", "_open_call", "_tools", "_waiting",
        "deltas", "finish_reason", "is_complete", "produced_bytes", "usage",
    )  # fmt: skip

    def __init__(self, *, model: str) -> None:
        self._model = model
        self._has_started = self._has_ended = self._has_refused = False
        self._block = ""  # the type of the open block
        self._index = -1
        self._open_call: _Tool | None = None
        self._tools: dict[int, _Tool] = {}  # the latest call of each index
        self._waiting: list[_Tool | _Words] = []
        self.usage: Usage | None = None
        self.finish_reason = ""
        self.produced_bytes = 0
        self.deltas = 0
        self.is_complete = False

    def feed(self, data: bytes) -> bytes:
        """The events for one chunk. Raises `MalformedUpstream`, `UpstreamStreamError`."""
        if data == b"[DONE]":
            self.is_complete = True
            return self.finish()
        try:
            chunk = _chunks.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedUpstream(str(error)) from error
        if chunk.error is not None:
            raise _error(chunk.error)
        if chunk.usage is not None:
            self.usage = chunk.usage.counted()
        if self._has_started:
            out = b""
        elif chunk.id or chunk.choices:
            out = self._start(chunk.id or "")
        else:
            return b""  # Azure's first chunk is about the prompt and has no id
        for choice in chunk.choices or ():
            if choice.index == 0:
                if choice.delta is not None:
                    out += self._delta(choice.delta)
                if choice.finish_reason:
                    self.finish_reason = reasons.REFUSAL if self._has_refused else choice.finish_reason
                    self.is_complete = True  # some servers send no [DONE]
        return out

    def _start(self, chunk_id: str) -> bytes:
        self._has_started = True
        message: dict[str, Any] = {
            "id": ids.of_message(chunk_id),
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 0, "output_tokens": 0},  # OpenAI tells at the end; message_delta has it all
        }
        return _event("message_start", message=message)

    def _delta(self, delta: _Delta) -> bytes:
        out = b""
        reasoning = delta.reasoning_content or delta.reasoning
        if reasoning:
            out += self._text("thinking", reasoning)
        if delta.content:
            out += self._text("text", delta.content)
        if delta.refusal:
            self._has_refused = True
            self.finish_reason = reasons.REFUSAL
            out += self._text("text", delta.refusal)
        for call in delta.tool_calls or ():
            out += self._call(call)
        return out

    def _text(self, kind: str, text: str) -> bytes:
        self.deltas += 1
        self.produced_bytes += tokens.written(text)
        if not self._must_wait():
            return self._tell(kind, text)
        last = self._waiting[-1] if self._waiting else None
        if not isinstance(last, _Words) or last.kind != kind:
            last = _Words(kind)
            self._waiting.append(last)
        last.pieces.append(text)
        return b""

    def _must_wait(self) -> bool:
        """Whether the open block is a call that is not whole yet, or something waits already, so that the order is kept."""
        return bool(self._waiting) or (self._open_call is not None and not self._open_call.is_whole())

    def _tell(self, kind: str, text: str) -> bytes:
        out = b""
        if self._block != kind:
            start = (
                {"type": "text", "text": ""}
                if kind == "text"
                else {"type": "thinking", "thinking": "", "signature": ""}
            )
            out = self._open(kind, start)
        delta = {"type": "text_delta", "text": text} if kind == "text" else {"type": "thinking_delta", "thinking": text}
        return out + _event("content_block_delta", index=self._index, delta=delta)

    def _call(self, call: _Call) -> bytes:
        self.deltas += 1
        tool, is_new = self._tool(call)
        arguments = call.function.arguments if call.function is not None else None
        if arguments:
            self.produced_bytes += tokens.written(arguments)
            if tool.is_told and arguments.strip():
                raise MalformedUpstream("arguments of a tool call that was over")
            tool.arguments += arguments
        if tool is self._open_call:
            return self._more(tool)
        if not is_new:
            return b""
        if self._must_wait():
            self._waiting.append(tool)
            return b""
        return self._tell_call(tool)

    def _tool(self, call: _Call) -> tuple[_Tool, bool]:
        """The call that this is a part of, and whether it has just begun. Some servers give every call the same index."""
        tool = self._tools.get(call.index)
        if tool is not None and call.id in (None, "", tool.id):
            return tool, False
        name = call.function.name if call.function is not None else None
        if not name:
            raise MalformedUpstream("a tool call has no name")
        tool = self._tools[call.index] = _Tool(ids.of_call(call.id or ""), name)
        return tool, True

    def _tell_call(self, tool: _Tool) -> bytes:
        out = self._open("tool_use", {"type": "tool_use", "id": tool.id, "name": tool.name, "input": {}})
        self._open_call = tool
        return out + self._more(tool)

    def _more(self, tool: _Tool) -> bytes:
        """What has come of the open call's arguments since it was last told."""
        fresh, tool.sent = tool.arguments[tool.sent :], len(tool.arguments)
        if not fresh:
            return b""
        return _event(
            "content_block_delta", index=self._index, delta={"type": "input_json_delta", "partial_json": fresh}
        )

    def _open(self, kind: str, block: dict[str, Any]) -> bytes:
        out = self._close()
        self._block = kind
        self._index += 1
        return out + _event("content_block_start", index=self._index, content_block=block)

    def _close(self) -> bytes:
        if not self._block:
            return b""
        self._block = ""
        if self._open_call is not None:
            self._open_call.is_told = True
            self._open_call = None
        return _event("content_block_stop", index=self._index)

    def finish(self) -> bytes:
        """Close what is open, tell why it ended and what was used. Once."""
        if self._has_ended or not self._has_started:
            return b""
        self._has_ended = True
        out = b""
        for part in self._waiting:
            out += self._tell_call(part) if isinstance(part, _Tool) else self._tell(part.kind, "".join(part.pieces))
        out += self._close()
        stop = reasons.of_chat(self.finish_reason, has_refused=self._has_refused, has_calls=bool(self._tools))
        delta = {"stop_reason": stop, "stop_sequence": None}
        counted = usages.for_messages(self.usage or Usage())
        return out + _event("message_delta", delta=delta, usage=counted) + _event("message_stop")


def _event(kind: str, **fields: Any) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + _encode({"type": kind, **fields}) + b"\n\n"


def _error(error: dict[str, Any] | str) -> UpstreamStreamError:
    if isinstance(error, str):
        return UpstreamStreamError("", error)
    code = error.get("code")
    return UpstreamStreamError(
        str(error.get("type") or ""), str(error.get("message") or ""), code if isinstance(code, str) else None
    )
