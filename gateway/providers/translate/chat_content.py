"""The messages of a chat completions request (OpenAI) as Anthropic's: system blocks, and turns of content blocks.

Decided here: a text without a word in it is left out, as Anthropic takes none; a refusal of the past is text; thinking goes back only in
the signed blocks it came in; an answer that the app has begun (the last message is the assistant's) is Anthropic's prefill.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.providers.translate import chat_media
from gateway.providers.translate.fields import Fields, InvalidField, Untranslatable, items

Block = dict[str, Any]
NAMELESS = "Anthropic's messages carry no participant names."
ANY, WORDS, TEXT = frozenset({"text", "image_url", "file"}), frozenset({"text", "refusal"}), frozenset({"text"})


def messages(given: list[Any], *, takes_system_turns: bool) -> tuple[list[Block], list[Block]]:
    """The system blocks (of what stands before the first turn) and the turns.

    A system message after that keeps its place, as a turn of the role system, where the model takes such turns. Tool results follow their
    calls in one user turn, together with the user's next words, as Anthropic wants them.
    """
    system: list[Block] = []
    turns: list[Block] = []
    for message, path in items(given, "messages"):
        fields = Fields(message, path)
        role = fields.need("role", str)
        if role in ("system", "developer"):
            blocks = _system(fields)
            if not turns:
                system += blocks
            elif not takes_system_turns:
                raise Untranslatable(
                    fields.path("role"), "this model takes system messages before the first turn only; move it there."
                )
            elif blocks:
                turns.append({"role": "system", "content": blocks})
        elif role == "user":
            _add(turns, _user(fields))
        elif role == "assistant":
            turns.append({"role": "assistant", "content": _assistant(fields)})
        elif role == "tool":
            _add(turns, [_tool_result(fields)])
        elif role == "function":
            raise Untranslatable(fields.path("role"), "this form was replaced by tool messages; use those.")
        else:
            raise InvalidField(fields.path("role"), "must be system, developer, user, assistant or tool.")
        fields.done()
    if not turns:
        raise Untranslatable("messages", "Anthropic's models need a message of the user's to answer.")
    return system, turns


def _add(turns: list[Block], blocks: list[Block]) -> None:
    """Into the last turn if that holds tool results, else a user turn of its own."""
    if turns and turns[-1]["role"] == "user" and any(block["type"] == "tool_result" for block in turns[-1]["content"]):
        turns[-1]["content"] += blocks
    else:
        turns.append({"role": "user", "content": blocks})


def _system(fields: Fields) -> list[Block]:
    fields.refuse("name", NAMELESS)
    return _parts(fields.take_any("content"), fields.path("content"), TEXT)


def _user(fields: Fields) -> list[Block]:
    fields.refuse("name", NAMELESS)
    path = fields.path("content")
    blocks = _parts(fields.take_any("content"), path, ANY)
    if not blocks:
        raise Untranslatable(path, "Anthropic's models take no empty messages.")
    return blocks


def _parts(content: Any, path: str, kinds: frozenset[str]) -> list[Block]:
    """The blocks of a string or of a list of parts of these kinds, without the empty texts."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    if not isinstance(content, list):
        raise InvalidField(path, "must be a string or a list of parts.")
    blocks = [_part(part, where, kinds) for part, where in items(content, path)]
    return [block for block in blocks if block["type"] != "text" or block["text"]]


def _part(part: Any, path: str, kinds: frozenset[str]) -> Block:
    fields = Fields(part, path)
    kind = fields.need("type", str)
    if kind not in kinds:
        raise Untranslatable(fields.path("type"), f"Anthropic's models take no “{kind}” here.")
    block: Block
    if kind == "image_url":
        block = chat_media.image(fields.need("image_url", dict), fields.path("image_url"))
    elif kind == "file":
        block = chat_media.document(fields.need("file", dict), fields.path("file"))
    else:
        block = {"type": "text", "text": fields.need(kind, str)}  # the words stand under the kind's own name
    if fields.accept_object("prompt_cache_breakpoint", "mode", "ttl"):
        block["cache_control"] = {"type": "ephemeral"}  # for Anthropic's own span, five minutes
    fields.done()
    return block


def _assistant(fields: Fields) -> list[Block]:
    fields.refuse("name", NAMELESS)
    fields.refuse("audio", "Anthropic's models take no audio.")
    fields.refuse("annotations", "Anthropic's messages carry no such annotations.", neutral=([],))
    fields.refuse("function_call", "this form was replaced by tool_calls; use those.")
    blocks = _thinking(fields)
    content = fields.take_any("content")
    if content is not None:
        blocks += _parts(content, fields.path("content"), WORDS)
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
    return [_thinking_block(block, path) for block, path in items(blocks or [], fields.path("thinking_blocks"))]


def _thinking_block(given: Any, path: str) -> Block:
    fields = Fields(given, path)
    kind = fields.need("type", str)
    if kind not in ("thinking", "redacted_thinking"):
        raise InvalidField(path, "must be a thinking block, as it came in an answer.")
    names = ("thinking", "signature") if kind == "thinking" else ("data",)
    block: Block = {"type": kind, **{name: fields.need(name, str) for name in names}}
    fields.done()
    return block


def _tool_use(call: Any, path: str) -> Block:
    fields = Fields(call, path)
    kind = fields.take("type", str) or "function"
    if kind != "function":
        raise Untranslatable(fields.path("type"), f"a call of type “{kind}” exists at OpenAI only.")
    function = Fields(fields.need("function", dict), fields.path("function"))
    arguments = function.take("arguments", str) or "{}"
    try:
        value = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
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
    block["content"] = content if isinstance(content, str) else _parts(content, fields.path("content"), ANY)
    return block
