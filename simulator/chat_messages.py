"""Reads the `messages` of the Chat Completions format: roles, content parts, tool calls and their results. Raises ProviderError (400)
in OpenAI's words for what the provider would refuse."""

from __future__ import annotations

from typing import Any

import msgspec

from simulator import tokens
from simulator.ask import Section, Ttl
from simulator.errors import ProviderError
from simulator.field_checks import expect_object, expect_string, is_base64, missing, wrong_type, wrong_value

ROLES = ("system", "assistant", "user", "function", "tool", "developer")
PART_TYPES = ("text", "image_url", "input_audio", "refusal", "file")


class Conversation(msgspec.Struct):
    sections: list[Section]
    last_text: str = ""
    tool_results: list[str] = []
    image_count: int = 0
    document_count: int = 0


def read(messages: list[Any]) -> Conversation:
    conversation = Conversation(sections=[], tool_results=[])
    awaited: list[str] = []
    names_of_calls: set[str] = set()
    for index, item in enumerate(messages):
        at = f"messages[{index}]"
        message = expect_object(item, at)
        role = expect_string(message, "role", f"{at}.role")
        if role not in ROLES:
            raise wrong_value(f"{at}.role", role, ROLES)
        if role == "tool":
            call_id = expect_string(message, "tool_call_id", f"{at}.tool_call_id")
            if call_id not in names_of_calls:
                raise ProviderError(
                    400,
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
                    param=f"messages.[{index}].role",
                )
            awaited = [other for other in awaited if other != call_id]
        else:
            _expect_nothing_awaited(awaited, index)
            conversation.tool_results = []
        text, extra = _content(conversation, message, role, at)
        calls = ""
        if role == "assistant" and message.get("tool_calls") is not None:
            awaited, calls = _tool_calls(message["tool_calls"], at)
            names_of_calls = set(awaited)
        elif role != "tool":
            names_of_calls = set()
        if role == "user":
            conversation.last_text = text
        if role in ("tool", "function"):
            conversation.tool_results.append(text)
        size = tokens.MESSAGE_TOKENS + tokens.count(text) + tokens.count(calls) + extra
        ttl: Ttl | None = "30m" if _has_breakpoint(message, at) else None
        conversation.sections.append(Section(text=f"{role}\n{text}\n{calls}\n", tokens=size, ttl=ttl))
    _expect_nothing_awaited(awaited, len(messages))
    return conversation


def _has_breakpoint(message: dict[str, Any], at: str) -> bool:
    """Whether a part of the message ends a prefix to be cached."""
    content = message.get("content")
    marked = [part for part in content if "prompt_cache_breakpoint" in part] if isinstance(content, list) else []
    for part in marked:
        mode = expect_object(part["prompt_cache_breakpoint"], f"{at}.prompt_cache_breakpoint").get("mode")
        if mode != "explicit":
            raise wrong_value(f"{at}.prompt_cache_breakpoint.mode", mode, ("explicit",))
    return bool(marked)


def _expect_nothing_awaited(awaited: list[str], index: int) -> None:
    if awaited:
        raise ProviderError(
            400,
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
            f"The following tool_call_ids did not have response messages: {', '.join(awaited)}",
            param=f"messages.[{index}].role",
        )


def _content(conversation: Conversation, message: dict[str, Any], role: str, at: str) -> tuple[str, int]:
    """The text of a message and the tokens of what in it is not text."""
    content = message.get("content")
    if isinstance(content, str):
        return content, 0
    if content is None:
        if role == "assistant" and any(
            message.get(name) is not None for name in ("tool_calls", "refusal", "function_call", "audio")
        ):
            return str(message.get("refusal") or ""), 0
        if "content" not in message:
            raise missing(f"{at}.content")
    if not isinstance(content, list):
        raise wrong_type(f"{at}.content", "one of a string or array of objects", content)
    if not content:
        raise ProviderError(
            400,
            f"Invalid '{at}.content': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            param=f"{at}.content",
            code="empty_array",
        )
    texts: list[str] = []
    extra = 0
    for index, item in enumerate(content):
        extra += _part(conversation, expect_object(item, f"{at}.content[{index}]"), f"{at}.content[{index}]", texts)
    return "\n".join(texts), extra


def _part(conversation: Conversation, part: dict[str, Any], at: str, texts: list[str]) -> int:
    """Adds a part's text to `texts` and returns the tokens of what is not text."""
    kind = expect_string(part, "type", f"{at}.type")
    if kind not in PART_TYPES:
        raise wrong_value(f"{at}.type", kind, PART_TYPES)
    if kind in ("text", "refusal"):
        texts.append(expect_string(part, kind, f"{at}.{kind}"))
        return 0
    if kind not in part:
        raise missing(f"{at}.{kind}")
    inner = expect_object(part[kind], f"{at}.{kind}")
    if kind == "image_url":
        _check_image(expect_string(inner, "url", f"{at}.image_url.url"), f"{at}.image_url.url")
        conversation.image_count += 1
        return tokens.IMAGE_TOKENS
    if kind == "input_audio":
        expect_string(inner, "data", f"{at}.input_audio.data")
        if expect_string(inner, "format", f"{at}.input_audio.format") not in ("wav", "mp3"):
            raise wrong_value(f"{at}.input_audio.format", inner["format"], ("wav", "mp3"))
    elif not isinstance(inner.get("file_data"), str) and not isinstance(inner.get("file_id"), str):
        raise missing(f"{at}.file.file_id")
    conversation.document_count += 1
    return tokens.DOCUMENT_TOKENS


def _check_image(url: str, param: str) -> None:
    if url.startswith(("http://", "https://")):
        return
    head, comma, data = url.partition(",")
    if not (head.startswith("data:image/") and head.endswith(";base64") and comma and is_base64(data)):
        message = f"Invalid '{param}'. Expected a base64-encoded data URL with an image MIME type, or an http(s) URL."
        raise ProviderError(400, message, param=param, code="invalid_value")


def _tool_calls(value: object, at: str) -> tuple[list[str], str]:
    """The ids of an assistant's tool calls, and their names and arguments as text to be counted."""
    if not isinstance(value, list):
        raise wrong_type(f"{at}.tool_calls", "an array of objects", value)
    ids: list[str] = []
    texts: list[str] = []
    for index, item in enumerate(value):
        where = f"{at}.tool_calls[{index}]"
        call = expect_object(item, where)
        ids.append(expect_string(call, "id", f"{where}.id"))
        kind = expect_string(call, "type", f"{where}.type")
        if kind not in ("function", "custom"):
            raise wrong_value(f"{where}.type", kind, ("function", "custom"))
        if kind not in call:
            raise missing(f"{where}.{kind}")
        called = expect_object(call[kind], f"{where}.{kind}")
        texts.append(expect_string(called, "name", f"{where}.{kind}.name"))
        argument = "arguments" if kind == "function" else "input"
        texts.append(expect_string(called, argument, f"{where}.{kind}.{argument}"))
    return ids, "\n".join(texts)
