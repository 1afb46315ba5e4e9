"""OpenAI's stream as Anthropic's: one chunk in, events out.

Anthropic opens one content block at a time. A second tool call that begins before the first one's arguments are whole waits until the end.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.providers.translate import reasons
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
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    id: str = ""
    choices: list[_Choice] | None = None
    usage: usages.ChatUsage | None = None
    error: dict[str, Any] | str | None = None


class _Tool:
    """A tool call as far as it has come."""

    __slots__ = ("arguments", "id", "name", "sent")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.arguments = ""
        self.sent = 0

    def is_whole(self) -> bool:
        try:
            msgspec.json.decode(self.arguments or "{}")
        except (msgspec.DecodeError, RecursionError):
            return False
        return True


_chunks = msgspec.json.Decoder(_Chunk)
_encode = msgspec.json.Encoder().encode


class MessagesFromChat:
    """Feed it OpenAI's chunks in order, [DONE] included. `usage` is None until the provider reports any."""

    __slots__ = (
        "_block", "_has_ended", "_has_started", "_index", "_model", "_open_call", "_refused", "_tools", "_waiting",
        "deltas", "finish_reason", "is_complete", "produced_bytes", "usage",
    )  # fmt: skip

    def __init__(self, *, model: str) -> None:
        self._model = model
        self._has_started = self._has_ended = self._refused = False
        self._block = ""  # the type of the open block
        self._index = -1
        self._open_call = -1
        self._tools: dict[int, _Tool] = {}
        self._waiting: list[int] = []
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
        out = b"" if self._has_started else self._start(chunk.id)
        for choice in chunk.choices or ():
            if choice.index == 0:
                if choice.delta is not None:
                    out += self._delta(choice.delta)
                if choice.finish_reason:
                    self.finish_reason = choice.finish_reason
                    self.is_complete = True  # some servers send no [DONE]
        return out

    def _start(self, chunk_id: str) -> bytes:
        self._has_started = True
        message: dict[str, Any] = {
            "id": f"msg_{chunk_id.removeprefix('chatcmpl-')}",
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
        if delta.reasoning_content:
            out += self._text("thinking", delta.reasoning_content)
        if delta.content:
            out += self._text("text", delta.content)
        if delta.refusal:
            self._refused = True
            out += self._text("text", delta.refusal)
        for call in delta.tool_calls or ():
            out += self._call(call)
        return out

    def _text(self, kind: str, text: str) -> bytes:
        self.deltas += 1
        self.produced_bytes += len(text.encode())
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
        tool = self._tools.setdefault(call.index, _Tool())
        tool.id = call.id or tool.id
        if call.function is not None:
            tool.name = tool.name or call.function.name or ""
            if call.function.arguments:
                tool.arguments += call.function.arguments
                self.produced_bytes += len(call.function.arguments.encode())
        self.deltas += 1
        if call.index == self._open_call:
            return self._more(tool)
        if call.index in self._waiting:
            return b""
        if self._block == "tool_use" and not self._tools[self._open_call].is_whole():
            self._waiting.append(call.index)
            return b""
        return self._open_tool(call.index)

    def _open_tool(self, number: int) -> bytes:
        tool = self._tools[number]
        out = self._open("tool_use", {"type": "tool_use", "id": tool.id, "name": tool.name, "input": {}})
        self._open_call = number
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
        self._block, self._open_call = "", -1
        return _event("content_block_stop", index=self._index)

    def finish(self) -> bytes:
        """Close what is open, tell why it ended and what was used. Once."""
        if self._has_ended or not self._has_started:
            return b""
        self._has_ended = True
        out = b"".join([self._open_tool(number) for number in self._waiting]) + self._close()
        stop = "refusal" if self._refused else reasons.MESSAGES_OF_CHAT.get(self.finish_reason, "end_turn")
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
