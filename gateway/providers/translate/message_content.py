"""The messages of a messages request (Anthropic) as OpenAI's: one message per tool result, content parts, tool calls.

Decided here: a failed tool says so in its text; thinking of the past goes back only to a server that wants it, as its text alone; an
answer that the app has begun (the last message is the assistant's) stays a last assistant message.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.providers.translate.fields import Fields, InvalidField, Untranslatable, items

Message = dict[str, Any]
CACHE_CONTROL = ("type", "ttl")  # accepted: price only
DEFAULT_FILENAME = "document.pdf"


def messages(given: list[Any], system: Any, *, returns_reasoning: bool) -> list[Message]:
    """OpenAI's messages, the system prompt first."""
    if not given:
        raise InvalidField("messages", "is empty.")
    out: list[Message] = []
    prompt = _texts(system, "system") if system is not None else ""
    if prompt:
        out.append({"role": "system", "content": prompt})
    for message, path in items(given, "messages"):
        fields = Fields(message, path)
        role = fields.need("role", str)
        content = fields.take_any("content")
        where = fields.path("content")
        fields.done()
        if role == "system":
            out.append({"role": "system", "content": _texts(content, where)})
        elif role == "user":
            out += _user(content, where)
        elif role == "assistant":
            out.append(_assistant(content, where, returns_reasoning=returns_reasoning))
        else:
            raise InvalidField(fields.path("role"), "must be user, assistant or system.")
    return out


def _texts(content: Any, path: str) -> str | list[dict[str, Any]]:
    """A string, or the text blocks of a list as parts."""
    if isinstance(content, str):
        return content
    parts = []
    for block, where in _blocks(content, path):
        part = _part(block, where)
        if part["type"] != "text":
            raise Untranslatable(f"{where}.type", f"OpenAI takes only text here, no “{block['type']}”.")
        parts.append(part)
    return parts[0]["text"] if len(parts) == 1 else parts


def _blocks(content: Any, path: str) -> list[tuple[Any, str]]:
    if not isinstance(content, list):
        raise InvalidField(path, "must be a string or a list of blocks.")
    return items(content, path)


def _user(content: Any, path: str) -> list[Message]:
    """A user turn: a tool message for each result, and the rest in user messages, in order."""
    if isinstance(content, str):
        return [{"role": "user", "content": content}]
    out: list[Message] = []
    for block, where in _blocks(content, path):
        if isinstance(block, dict) and block.get("type") == "tool_result":
            out.append(_tool_result(block, where))
        elif out and out[-1]["role"] == "user":
            out[-1]["content"].append(_part(block, where))
        else:
            out.append({"role": "user", "content": [_part(block, where)]})
    if not out:
        raise InvalidField(path, "is empty.")
    for message in out:
        parts = message["content"]
        if message["role"] == "user" and len(parts) == 1 and parts[0]["type"] == "text":
            message["content"] = parts[0]["text"]
    return out


def _part(block: Any, path: str) -> dict[str, Any]:
    fields = Fields(block, path)
    kind = fields.need("type", str)
    fields.accept_object("cache_control", *CACHE_CONTROL)
    part: dict[str, Any]
    if kind == "text":
        part = {"type": "text", "text": fields.need("text", str)}
        fields.refuse("citations", "OpenAI's messages carry no citations.", neutral=([],))
    elif kind == "image":
        fields.refuse(
            "transformations",
            "OpenAI's models cannot be asked for this.",
            neutral=({}, {"oversized_image": "downsize"}),
        )
        part = {"type": "image_url", "image_url": {"url": _image(fields.need("source", dict), fields.path("source"))}}
    elif kind == "document":
        part = _document(fields)
    else:
        raise Untranslatable(fields.path("type"), f"OpenAI's models take no “{kind}”.")
    fields.done()
    return part


def _image(given: Any, path: str) -> str:
    source = Fields(given, path)
    kind = source.need("type", str)
    if kind == "base64":
        url = f"data:{source.need('media_type', str)};base64,{source.need('data', str)}"
    elif kind == "url":
        url = source.need("url", str)
    else:
        raise Untranslatable(
            source.path("type"), "files uploaded to Anthropic are not at OpenAI; send base64 or a URL."
        )
    source.done()
    return url


def _document(fields: Fields) -> dict[str, Any]:
    citations = Fields(fields.take("citations", dict) or {}, fields.path("citations"))
    citations.refuse("enabled", "OpenAI's models give no citations.", neutral=(False,))
    citations.done()
    title, context = fields.take("title", str), fields.take("context", str)
    source = Fields(fields.need("source", dict), fields.path("source"))
    kind = source.need("type", str)
    if kind == "text":
        source.accept("media_type")
        text = "\n\n".join(piece for piece in (title, context, source.need("data", str)) if piece)
        source.done()
        return {"type": "text", "text": text}
    if kind != "base64" or context:
        name = "context" if context else "source.type"
        raise Untranslatable(fields.path(name), "OpenAI takes documents as text or as base64, without a context.")
    url = f"data:{source.need('media_type', str)};base64,{source.need('data', str)}"
    source.done()
    return {"type": "file", "file": {"filename": title or DEFAULT_FILENAME, "file_data": url}}


def _tool_result(block: dict[str, Any], path: str) -> Message:
    """OpenAI's tool messages are text and know no errors, so that a failed tool says so in its text."""
    fields = Fields(block, path)
    fields.accept("type")
    fields.accept_object("cache_control", *CACHE_CONTROL)
    fields.refuse("toolset_name", "toolsets exist at Anthropic only.")
    call_id = fields.need("tool_use_id", str)
    given = fields.take_any("content")
    content = "" if given is None else _texts(given, fields.path("content"))
    if fields.take("is_error", bool):
        content = [{"type": "text", "text": "Error: "}, *content] if isinstance(content, list) else f"Error: {content}"
    fields.done()
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def _assistant(content: Any, path: str, *, returns_reasoning: bool) -> Message:
    """One message: the texts joined, then the calls, as OpenAI has no order between the two."""
    if isinstance(content, str):
        return {"role": "assistant", "content": content}
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[dict[str, Any]] = []
    for block, where in _blocks(content, path):
        fields = Fields(block, where)
        kind = fields.need("type", str)
        fields.accept_object("cache_control", *CACHE_CONTROL)
        if kind == "text":
            texts.append(fields.need("text", str))
            fields.refuse("citations", "OpenAI's messages carry no citations.", neutral=([],))
        elif kind == "tool_use":
            calls.append(_tool_call(fields))
        elif kind == "thinking":
            # OpenAI has no place for past reasoning, and its models do without it from one turn to the next. The signature is
            # Anthropic's own seal, which no other provider can read.
            thoughts.append(fields.need("thinking", str))
            fields.accept("signature")
        elif kind == "redacted_thinking":
            fields.accept("data")  # encrypted for Anthropic alone
        else:
            raise Untranslatable(fields.path("type"), f"“{kind}” exists at Anthropic only.")
        fields.done()
    message: Message = {"role": "assistant", "content": "".join(texts) or None}
    if returns_reasoning and any(thoughts):
        message["reasoning_content"] = "".join(thoughts)
    if calls:
        message["tool_calls"] = calls
    elif not texts:
        raise InvalidField(path, "holds neither text nor a tool call.")
    return message


def _tool_call(fields: Fields) -> dict[str, Any]:
    fields.refuse("toolset_name", "toolsets exist at Anthropic only.")
    fields.refuse("caller", "calls from server tools exist at Anthropic only.", neutral=({"type": "direct"},))
    try:
        arguments = msgspec.json.encode(fields.need("input", dict)).decode()
    except (RecursionError, UnicodeError) as error:
        raise InvalidField(fields.path("input"), "is nested too deeply or holds half a character.") from error
    name = fields.need("name", str)
    return {"id": fields.need("id", str), "type": "function", "function": {"name": name, "arguments": arguments}}
