"""The messages of a chat completions request (OpenAI) as Anthropic's: system blocks, and turns of content blocks."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from gateway.providers.translate.fields import Fields, InvalidField, Untranslatable, items

_DATA_URL = re.compile(r"^data:([\w.+-]+/[\w.+-]+);base64,", re.ASCII)
Block = dict[str, Any]


def messages(given: list[Any]) -> tuple[list[Block], list[Block]]:
    """The system blocks (of what stands before the first turn) and the turns.

    A system message after that keeps its place, as a turn of the role system. Tool results follow their calls in one user turn, together
    with the user's next words, as Anthropic wants them.
    """
    system: list[Block] = []
    turns: list[Block] = []
    for message, path in items(given, "messages"):
        fields = Fields(message, path)
        role = fields.need("role", str)
        if role in ("system", "developer"):
            fields.refuse("name", "Anthropic's messages carry no participant names.")
            blocks = _parts(fields.take_any("content"), fields.path("content"))
            if turns:
                turns.append({"role": "system", "content": blocks})
            else:
                system += blocks
        elif role == "user":
            fields.refuse("name", "Anthropic's messages carry no participant names.")
            _add(turns, "user", _parts(fields.take_any("content"), fields.path("content")))
        elif role == "assistant":
            turns.append({"role": "assistant", "content": _assistant(fields)})
        elif role == "tool":
            _add(turns, "user", [_tool_result(fields)])
        elif role == "function":
            raise Untranslatable(fields.path("role"), "this form was replaced by tool messages; use those.")
        else:
            raise InvalidField(fields.path("role"), "must be system, developer, user, assistant or tool.")
        fields.done()
    return system, turns


def _add(turns: list[Block], role: str, blocks: list[Block]) -> None:
    """Into the last turn if that holds tool results, else a turn of its own."""
    if turns and turns[-1]["role"] == role and any(block["type"] == "tool_result" for block in turns[-1]["content"]):
        turns[-1]["content"] += blocks
    else:
        turns.append({"role": role, "content": blocks})


def _parts(content: Any, path: str) -> list[Block]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise InvalidField(path, "must be a string or a list of parts.")
    return [_part(part, where) for part, where in items(content, path)]


def _part(part: Any, path: str) -> Block:
    fields = Fields(part, path)
    kind = fields.need("type", str)
    block: Block
    if kind == "text":
        block = {"type": "text", "text": fields.need("text", str)}
    elif kind == "refusal":
        block = {"type": "text", "text": fields.need("refusal", str)}
    elif kind == "image_url":
        block = {"type": "image", "source": _image(fields.need("image_url", dict), fields.path("image_url"))}
    elif kind == "file":
        block = _document(fields.need("file", dict), fields.path("file"))
    else:
        raise Untranslatable(fields.path("type"), f"Anthropic's models take no “{kind}”.")
    if fields.take("prompt_cache_breakpoint", dict) is not None:
        block["cache_control"] = {"type": "ephemeral"}
    fields.done()
    return block


def _image(given: Any, path: str) -> Block:
    fields = Fields(given, path)
    url = fields.need("url", str)
    fields.refuse("detail", "Anthropic's models always see an image in full.", neutral=("auto", "high"))
    fields.done()
    return _source(url) or {"type": "url", "url": url}


def _source(url: str) -> Block | None:
    """A data: URL as a base64 source; None for any other URL."""
    match = _DATA_URL.match(url)
    return {"type": "base64", "media_type": match[1], "data": url[match.end() :]} if match else None


def _document(given: Any, path: str) -> Block:
    fields = Fields(given, path)
    fields.refuse("file_id", "files uploaded to OpenAI are not at Anthropic; send file_data.")
    source = _source(fields.need("file_data", str))
    if source is None or source["media_type"] != "application/pdf":
        raise Untranslatable(fields.path("file_data"), "must be a PDF as a data:application/pdf;base64 URL.")
    name = fields.take("filename", str)
    fields.done()
    return {"type": "document", "source": source, **({"title": name} if name else {})}


def _assistant(fields: Fields) -> list[Block]:
    fields.refuse("name", "Anthropic's messages carry no participant names.")
    fields.refuse("audio", "Anthropic's models take no audio.")
    fields.refuse("annotations", "Anthropic's messages carry no such annotations.", neutral=([],))
    fields.refuse("function_call", "this form was replaced by tool_calls; use those.")
    blocks = _thinking(fields)
    content = fields.take_any("content")
    if content:
        blocks += _parts(content, fields.path("content"))
    refusal = fields.take("refusal", str)
    if refusal:
        blocks.append({"type": "text", "text": refusal})
    for call, path in items(fields.take("tool_calls", list) or [], fields.path("tool_calls")):
        blocks.append(_tool_use(call, path))
    if not blocks:
        raise InvalidField(fields.path("content"), "is empty, and there are no tool calls either.")
    return blocks


def _thinking(fields: Fields) -> list[Block]:
    """Past thinking goes back as the signed blocks it came in (`thinking_blocks`); bare text cannot."""
    blocks = fields.take("thinking_blocks", list)
    text = fields.take("reasoning_content", str)
    if text and not blocks:
        raise Untranslatable(
            fields.path("reasoning_content"), "send the answer's thinking_blocks along with it, or leave it out."
        )
    for block, path in items(blocks or [], fields.path("thinking_blocks")):
        if not isinstance(block, dict) or block.get("type") not in ("thinking", "redacted_thinking"):
            raise InvalidField(path, "must be a thinking block, as it came in an answer.")
    return list(blocks or [])


def _tool_use(call: Any, path: str) -> Block:
    fields = Fields(call, path)
    kind = fields.take("type", str) or "function"
    if kind != "function":
        raise Untranslatable(fields.path("type"), f"a call of type “{kind}” exists at OpenAI only.")
    function = Fields(fields.need("function", dict), fields.path("function"))
    arguments = function.take("arguments", str) or "{}"
    try:
        value = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidField(function.path("arguments"), "is not valid JSON.") from error
    if not isinstance(value, dict):
        raise InvalidField(function.path("arguments"), "must hold a JSON object.")
    block = {"type": "tool_use", "id": fields.need("id", str), "name": function.need("name", str), "input": value}
    fields.accept("index")  # left over from a stream
    function.done()
    fields.done()
    return block


def _tool_result(fields: Fields) -> Block:
    content = fields.take_any("content")
    block: Block = {"type": "tool_result", "tool_use_id": fields.need("tool_call_id", str)}
    fields.accept("name")  # the call's id says it already
    block["content"] = content if isinstance(content, str) else _parts(content, fields.path("content"))
    return block
