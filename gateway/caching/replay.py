"""A whole answer told as a stream, all of it at once: in the caller's format, of either surface. No I/O."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.types import Surface

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode
DONE = b"data: [DONE]\n\n"


class Unreadable(Exception):
    """It is no whole answer."""


def as_stream(surface: Surface, body: bytes, *, include_usage: bool) -> bytes:
    """The stream. `include_usage`: OpenAI's callers get it only if they ask; Anthropic's always do. Raises `Unreadable`."""
    try:
        answer = _decode(body)
        return _messages(answer) if surface is Surface.ANTHROPIC else _chat(answer, include_usage=include_usage)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable from error


def _chat(answer: dict[str, Any], *, include_usage: bool) -> bytes:
    usage = answer.pop("usage", None)
    choices = answer.pop("choices")
    head = {**answer, "object": "chat.completion.chunk"}
    no_usage = {"usage": None} if include_usage else {}
    out: list[bytes] = []

    def tell(index: int, delta: dict[str, Any], logprobs: Any = None, finish_reason: str | None = None) -> None:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        out.append(b"data: %s\n\n" % _encode({**head, "choices": [choice], **no_usage}))

    for choice in choices:
        index, message = choice.get("index", 0), dict(choice["message"])
        calls = message.pop("tool_calls", None)
        begun = "" if message.get("content") is not None else None
        tell(index, {"role": message.pop("role", "assistant"), "content": begun, "refusal": None})
        said = {name: value for name, value in message.items() if value not in (None, [])}
        if said:
            tell(index, said, choice.get("logprobs"))
        if calls:
            tell(index, {"tool_calls": [{"index": place, **call} for place, call in enumerate(calls)]})
        tell(index, {}, finish_reason=choice["finish_reason"])
    if include_usage and usage is not None:
        out.append(b"data: %s\n\n" % _encode({**head, "choices": [], "usage": usage}))
    return b"".join([*out, DONE])


# Of a block: how it begins, and the deltas that follow: (type, name). What is not here comes whole with its beginning.
_BLOCKS: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "text": ({"text": ""}, [("text_delta", "text")]),
    "thinking": ({"thinking": "", "signature": ""}, [("thinking_delta", "thinking"), ("signature_delta", "signature")]),
}


def _messages(answer: dict[str, Any]) -> bytes:
    usage = answer["usage"]
    end = {name: answer[name] for name in ("stop_reason", "stop_sequence")}
    begun = {**answer, "content": [], **dict.fromkeys(end), "usage": {**usage, "output_tokens": 0}}
    out = [_event("message_start", message=begun)]
    for index, block in enumerate(answer["content"]):
        out.extend(_block(index, block))
        out.append(_event("content_block_stop", index=index))
    out.append(_event("message_delta", delta=end, usage=usage))
    out.append(_event("message_stop"))
    return b"".join(out)


def _block(index: int, block: dict[str, Any]) -> list[bytes]:
    kind = block["type"]
    if kind in ("tool_use", "server_tool_use"):
        start = {**block, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": _encode(block["input"]).decode()}
        return [
            _event("content_block_start", index=index, content_block=start),
            _event("content_block_delta", index=index, delta=delta),
        ]
    if kind not in _BLOCKS:
        return [_event("content_block_start", index=index, content_block=block)]
    beginning, deltas = _BLOCKS[kind]
    start = {**block, **beginning}
    citations = block.get("citations") if kind == "text" else None
    if citations is not None:
        start["citations"] = []
    out = [_event("content_block_start", index=index, content_block=start)]
    for citation in citations or ():
        delta = {"type": "citations_delta", "citation": citation}
        out.append(_event("content_block_delta", index=index, delta=delta))
    for delta_type, name in deltas:
        if block.get(name):
            delta = {"type": delta_type, name: block[name]}
            out.append(_event("content_block_delta", index=index, delta=delta))
    return out


def _event(kind: str, **fields: Any) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), _encode({"type": kind, **fields}))
