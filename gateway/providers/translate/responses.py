"""A provider's whole answer in the caller's format."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from gateway.providers.translate import ids, reasons
from gateway.providers.translate import usage as usages
from gateway.providers.translate.types import MalformedUpstream

RAW_ARGUMENTS = "_raw_arguments"


class _StopDetails(msgspec.Struct):
    explanation: str | None = None


class _Message(msgspec.Struct):
    id: str
    content: list[dict[str, Any]]
    usage: usages.MessagesUsage
    stop_reason: str | None = None
    stop_details: _StopDetails | None = None


class _Function(msgspec.Struct):
    name: str
    arguments: str | None = None


class _Call(msgspec.Struct):
    function: _Function
    id: str | None = None


class _ChatMessage(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None  # what some compatible servers call it
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    message: _ChatMessage
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    id: str | None = None
    usage: usages.ChatUsage | None = None


_messages = msgspec.json.Decoder(_Message)
_completions = msgspec.json.Decoder(_Completion)


def chat_from_message(content: bytes, *, model: str) -> dict[str, Any]:
    """Anthropic's Message as OpenAI's ChatCompletion. Raises `MalformedUpstream`.

    Thinking comes as `reasoning_content`, and once more in `thinking_blocks`, signed, to be sent back as it is.
    """
    answer = _decode(_messages, content)
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    texts: list[str] = []
    thinking: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    for block in answer.content:
        kind = block.get("type")
        if kind == "text":
            texts.append(_text(block, "text"))
        elif kind == "tool_use":
            function = {"name": _text(block, "name"), "arguments": _input(block)}
            calls.append({"id": _text(block, "id"), "type": "function", "function": function})
        elif kind == "thinking":
            thinking.append(
                {"type": kind, "thinking": _text(block, "thinking"), "signature": _text(block, "signature")}
            )
        elif kind == "redacted_thinking":
            thinking.append({"type": kind, "data": _text(block, "data")})
        else:
            raise MalformedUpstream(f"a content block of type {kind!r} was not asked for")
    if texts:
        message["content"] = "".join(texts)
    if answer.stop_reason == "refusal":
        details = answer.stop_details
        message["refusal"] = (details.explanation if details else None) or reasons.REFUSED
    if calls:
        message["tool_calls"] = calls
    if thinking:
        message["reasoning_content"] = "".join(block.get("thinking", "") for block in thinking)
        message["thinking_blocks"] = thinking
    finish = reasons.CHAT_OF_MESSAGES.get(answer.stop_reason or "end_turn", "stop")
    return {
        "id": ids.of_completion(answer.id),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": usages.for_chat(answer.usage.counted()),
    }


def message_from_chat(content: bytes, *, model: str) -> dict[str, Any]:
    """OpenAI's ChatCompletion as Anthropic's Message. Raises `MalformedUpstream`."""
    answer = _decode(_completions, content)
    if not answer.choices:
        raise MalformedUpstream("there is no choice in it")
    message, finish = answer.choices[0].message, answer.choices[0].finish_reason
    blocks: list[dict[str, Any]] = []
    reasoning = message.reasoning_content or message.reasoning
    if reasoning:
        blocks.append({"type": "thinking", "thinking": reasoning, "signature": ""})
    if message.content:
        blocks.append({"type": "text", "text": message.content})
    if message.refusal:
        blocks.append({"type": "text", "text": message.refusal})
    for call in message.tool_calls or []:
        value = arguments(call.function.arguments or "{}")
        blocks.append(
            {"type": "tool_use", "id": ids.of_call(call.id or ""), "name": call.function.name, "input": value}
        )
    stop = reasons.of_chat(finish, has_refused=bool(message.refusal), has_calls=bool(message.tool_calls))
    counted = (answer.usage or usages.ChatUsage()).counted()
    return {
        "id": ids.of_message(answer.id or ""),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": blocks,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": usages.for_messages(counted),
    }


def arguments(text: str) -> dict[str, Any]:
    """A call's arguments as an object. What a model cut short or botched is kept, under `_raw_arguments`."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {RAW_ARGUMENTS: text}


def _decode(decoder: msgspec.json.Decoder[Any], content: bytes) -> Any:
    try:
        return decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedUpstream(str(error)) from error


def _input(block: dict[str, Any]) -> str:
    value = block.get("input")
    if not isinstance(value, dict):
        raise MalformedUpstream("a tool_use block has no input")
    try:
        return msgspec.json.encode(value).decode()
    except RecursionError as error:
        raise MalformedUpstream("a tool_use block's input is nested too deeply") from error


def _text(block: dict[str, Any], name: str) -> str:
    value = block.get(name)
    if not isinstance(value, str):
        raise MalformedUpstream(f"a {block.get('type')} block has no {name}")
    return value
