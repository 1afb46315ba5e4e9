"""A stream put together to the whole answer that it tells, as it passes by: in the caller's format, of either surface. No I/O.

What is not known of a stream is not guessed at: then there is no whole answer, and nothing is kept.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from gateway.types import Surface

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Unknown(Exception):
    """A part of the stream whose place in a whole answer is not known."""


class Assembly:
    """Feed it the caller's bytes, whole events at a time; then ask for the `whole`."""

    __slots__ = ("_message", "_room", "is_lost")

    def __init__(self, surface: Surface, *, most_bytes: int) -> None:
        """A stream that tells more than `most_bytes` is given up."""
        self._message: _Message = _Anthropic() if surface is Surface.ANTHROPIC else _OpenAI()
        self._room = most_bytes
        self.is_lost = False

    def feed(self, content: bytes) -> None:
        if self.is_lost:
            return
        try:
            for line in content.split(b"\n"):
                if line.startswith(b"data:"):
                    data = line[5:].strip()
                    if data and data != b"[DONE]":
                        self._room -= self._message.take(_decode(data))
            if self._room < 0:
                self.is_lost = True
        except (Unknown, msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError, KeyError, AttributeError):
            self.is_lost = True

    def whole(self, usage: dict[str, Any] | None) -> bytes | None:
        """The whole answer; None if it cannot be told. `usage`: what to say of it where the stream did not."""
        if self.is_lost:
            return None
        try:
            return _encode(self._message.whole(usage))
        except (Unknown, msgspec.MsgspecError, RecursionError, TypeError, KeyError):
            return None


class _Message(Protocol):
    def take(self, event: dict[str, Any]) -> int:
        """Take in an event; returns how many bytes of text it has. Raises `Unknown`."""
        ...

    def whole(self, usage: dict[str, Any] | None) -> dict[str, Any]: ...


class _OpenAI:
    """Chunks of a chat completion with one choice."""

    _TEXTS = frozenset({"content", "refusal", "reasoning_content", "reasoning"})
    _LISTS = frozenset({"thinking_blocks", "annotations"})

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._texts: dict[str, list[str]] = {}
        self._lists: dict[str, list[Any]] = {}
        self._calls: dict[int, dict[str, Any]] = {}
        self._arguments: dict[int, list[str]] = {}
        self._logprobs: dict[str, list[Any]] = {}
        self._finish: str | None = None
        self._usage: dict[str, Any] | None = None
        self._has_choice = False

    def take(self, event: dict[str, Any]) -> int:
        size = 0
        for name, value in event.items():
            if name == "choices":
                for choice in value:
                    size += self._take_choice(choice)
            elif name == "usage":
                self._usage = value or self._usage
            elif name not in ("object", "obfuscation"):
                self._head.setdefault(name, value)
        return size

    def _take_choice(self, choice: dict[str, Any]) -> int:
        if choice.get("index", 0) != 0:
            raise Unknown
        self._has_choice = True
        self._finish = choice.get("finish_reason") or self._finish
        for name, tokens in (choice.get("logprobs") or {}).items():
            if tokens is not None:
                self._logprobs.setdefault(name, []).extend(tokens)
        size = 0
        for name, value in (choice.get("delta") or {}).items():
            if value is None or name == "role":
                continue
            if name in self._TEXTS:
                self._texts.setdefault(name, []).append(value)
                size += len(value)
            elif name == "tool_calls":
                for call in value:
                    size += self._take_call(call)
            elif name in self._LISTS:
                self._lists.setdefault(name, []).extend(value)
                size += len(_encode(value))
            else:
                raise Unknown(name)
        return size

    def _take_call(self, part: dict[str, Any]) -> int:
        index = part.get("index", 0)
        function = part.get("function") or {}
        if part.keys() - {"index", "id", "type", "function"} or function.keys() - {"name", "arguments"}:
            raise Unknown
        call = self._calls.get(index)
        if call is None:
            call = self._calls[index] = {"id": "", "type": "function", "function": {"name": ""}}
            self._arguments[index] = []
        elif part.get("id") not in (None, "", call["id"]):
            raise Unknown  # another call under the same index
        for name in ("id", "type"):
            call[name] = part.get(name) or call[name]
        call["function"]["name"] = function.get("name") or call["function"]["name"]
        arguments = function.get("arguments") or ""
        self._arguments[index].append(arguments)
        return len(arguments)

    def whole(self, usage: dict[str, Any] | None) -> dict[str, Any]:
        if not self._has_choice:
            raise Unknown
        message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
        for name, parts in self._texts.items():
            text = "".join(parts)
            message[name] = text if text or name == "content" else None
        if self._calls:
            message["content"] = message["content"] or None
            message["tool_calls"] = [self._call(index) for index in sorted(self._calls)]
        logprobs = {"content": None, "refusal": None, **self._logprobs} if self._logprobs else None
        choice = {
            "index": 0,
            "message": message | self._lists,
            "logprobs": logprobs,
            "finish_reason": self._finish,
        }
        head = {**self._head, "object": "chat.completion"}
        return {**head, "choices": [choice], "usage": self._usage or usage}

    def _call(self, index: int) -> dict[str, Any]:
        call = self._calls[index]
        return {**call, "function": {**call["function"], "arguments": "".join(self._arguments[index])}}


class _Anthropic:
    """Events of a message."""

    # What a delta adds to, and how.
    _DELTAS = {
        "text_delta": "text",
        "thinking_delta": "thinking",
        "signature_delta": "signature",
        "input_json_delta": "partial_json",
    }

    def __init__(self) -> None:
        self._start: dict[str, Any] | None = None
        self._blocks: dict[int, dict[str, Any]] = {}
        self._parts: dict[tuple[int, str], list[str]] = {}
        self._end: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}

    def take(self, event: dict[str, Any]) -> int:
        kind = event["type"]
        if kind == "content_block_delta":
            return self._take_delta(event["index"], event["delta"])
        if kind == "content_block_start":
            self._blocks[event["index"]] = event["content_block"]
            return len(_encode(event["content_block"]))
        if kind == "message_start":
            self._start = event["message"]
            self._usage.update(event["message"].get("usage") or {})
        elif kind == "message_delta":
            self._end.update(event["delta"])
            self._end.update({name: event[name] for name in event.keys() - {"type", "delta", "usage"}})
            self._usage.update({name: value for name, value in (event.get("usage") or {}).items() if value is not None})
        elif kind not in ("content_block_stop", "message_stop", "ping"):
            raise Unknown(kind)
        return 0

    def _take_delta(self, index: int, delta: dict[str, Any]) -> int:
        if delta["type"] == "citations_delta":
            block = self._blocks[index]
            block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
            return len(_encode(delta["citation"]))
        if delta["type"] not in self._DELTAS or index not in self._blocks:
            raise Unknown
        name = self._DELTAS[delta["type"]]
        self._parts.setdefault((index, name), []).append(delta[name])
        return len(delta[name])

    def whole(self, usage: dict[str, Any] | None) -> dict[str, Any]:
        if self._start is None:
            raise Unknown
        for (index, name), parts in self._parts.items():
            block, text = self._blocks[index], "".join(parts)
            if name == "partial_json":
                if text:
                    block["input"] = _decode(text)
            else:
                block[name] = (block.get(name) or "") + text
        content = [self._blocks[index] for index in sorted(self._blocks)]
        return {**self._start, **self._end, "content": content, "usage": self._usage or usage}
