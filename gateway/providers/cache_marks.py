"""What `gateway.prefix` has decided, as the provider wants it said: Anthropic's `cache_control`, OpenAI's breakpoints and
`prompt_cache_key`.

A mark is put into the bytes that came (`into_raw`) or into a translated request (`into_body`). Nothing else changes: what stands before
a mark keeps its order and its bytes, a string that is marked becomes the one text block that it stands for, and the same marks give the
same bytes. So a conversation's next turn begins with what its last one ended with.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.prefix.caches import HOUR
from gateway.prefix.marks import Marks
from gateway.types import Endpoint, Request, Surface

CONTROL, BREAKPOINT = "cache_control", "prompt_cache_breakpoint"
_EXPLICIT = {"mode": "explicit"}
_raws = msgspec.json.Decoder(list[msgspec.Raw])
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _mark(lifetime: str) -> dict[str, str]:
    return {"type": "ephemeral", "ttl": HOUR} if lifetime == HOUR else {"type": "ephemeral"}


def _snippet(name: str, value: dict[str, str]) -> bytes:
    return b',"%s":%s' % (name.encode(), msgspec.json.encode(value))


_BREAKPOINT_SNIPPET = _snippet(BREAKPOINT, _EXPLICIT)


def into_raw(raw: dict[str, msgspec.Raw], request: Request, marks: Marks) -> None:
    """Into a body that is passed through in its own format: the values of its top level, changed in place."""
    if request.endpoint is Endpoint.MESSAGES:
        _anthropic_raw(raw, request, marks)
    elif request.endpoint is Endpoint.CHAT:
        _openai_raw(raw, request, marks)


def into_body(body: dict[str, Any], surface: Surface, marks: Marks) -> None:
    """Into a body that was translated to a provider of that surface, in place."""
    if surface is Surface.ANTHROPIC:
        _anthropic_body(body, marks)
    else:
        _openai_body(body, marks)


def _anthropic_raw(raw: dict[str, msgspec.Raw], request: Request, marks: Marks) -> None:
    tools, head = marks.tools, marks.head
    if head and not getattr(request.body, "system", None):
        tools, head = head, ""
    if tools and "tools" in raw:
        raw["tools"] = msgspec.Raw(_in_last(bytes(raw["tools"]), _snippet(CONTROL, _mark(tools))))
    if head:
        raw["system"] = msgspec.Raw(_in_content(bytes(raw["system"]), _snippet(CONTROL, _mark(head))))
    if marks.before or marks.last:
        whole = bytes(raw["messages"])
        parts = _raws.decode(whole)
        if marks.last:  # from the end on, so that the place of what comes before stays
            whole = _in_message(whole, parts, len(parts) - 1, _snippet(CONTROL, _mark(marks.last)))
        if marks.before:
            whole = _in_message(whole, parts, marks.before_at, _snippet(CONTROL, _mark(marks.before)))
        raw["messages"] = msgspec.Raw(whole)


def _openai_raw(raw: dict[str, msgspec.Raw], request: Request, marks: Marks) -> None:
    if marks.head:
        messages: list[Any] = request.body.messages  # type: ignore[attr-defined]
        at = _leading([message.role for message in messages])
        if at >= 0:
            whole = bytes(raw["messages"])
            raw["messages"] = msgspec.Raw(_in_message(whole, _raws.decode(whole), at, _BREAKPOINT_SNIPPET))
    for name, value in _openai_fields(marks).items():
        raw[name] = msgspec.Raw(msgspec.json.encode(value))


def _openai_fields(marks: Marks) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if marks.cache_key:
        fields["prompt_cache_key"] = marks.cache_key
    if marks.is_explicit:
        fields["prompt_cache_options"] = _EXPLICIT
    return fields


def _leading(roles: list[str]) -> int:
    """The last of the instructions that stand first, -1 if there are none."""
    at = -1
    while at + 1 < len(roles) and roles[at + 1] in ("system", "developer"):
        at += 1
    return at


def _in_message(whole: bytes, parts: list[msgspec.Raw], at: int, snippet: bytes) -> bytes:
    """The array of messages with one of them marked at its end; the bytes of the others, and between them, stay."""
    message = bytes(parts[at])
    fields = _fields.decode(message)
    if "content" not in fields:
        return whole
    fields["content"] = msgspec.Raw(_in_content(bytes(fields["content"]), snippet))
    start = _start(whole, parts, at)
    return whole[:start] + msgspec.json.encode(fields) + whole[start + len(message) :]


def _start(whole: bytes, parts: list[msgspec.Raw], at: int) -> int:
    """Where that message begins: between two of them there are but a comma and blank space."""
    if at == len(parts) - 1:
        return len(whole[: whole.rindex(b"]")].rstrip()) - len(bytes(parts[at]))
    start = end = 1
    for part in parts[: at + 1]:
        message = bytes(part)
        start = whole.index(message, end)
        end = start + len(message)
    return start


def _in_content(content: bytes, snippet: bytes) -> bytes:
    """A string, or a list of blocks, with a mark at its end."""
    if content.startswith(b'"'):
        return b'[{"type":"text","text":' + content + snippet + b"}]"
    return _in_last(content, snippet)


def _in_last(array: bytes, snippet: bytes) -> bytes:
    """An array of objects with a field added to the last one; as it came, if that is no object or an empty one."""
    end = array.rfind(b"}")
    if end < 0 or array[end + 1 :].strip() != b"]" or array[:end].rstrip().endswith((b"{", b",")):
        return array
    return array[:end] + snippet + array[end:]


def _anthropic_body(body: dict[str, Any], marks: Marks) -> None:
    system, tools = body.get("system"), body.get("tools")
    turns: list[dict[str, Any]] = body["messages"]
    after_tools, head = marks.tools, marks.head
    if head and not system:
        after_tools, head = head, ""
    if after_tools and tools:
        tools[-1][CONTROL] = _mark(after_tools)
    if head and system:
        system[-1][CONTROL] = _mark(head)
    asked = [at for at, turn in enumerate(turns) if turn["role"] == "user"]
    if marks.last and asked and asked[-1] == len(turns) - 1:
        turns[-1]["content"][-1][CONTROL] = _mark(marks.last)
    if marks.before and len(asked) > 1:  # messages are joined in translation; a turn ends where the user spoke before
        turns[asked[-2]]["content"][-1][CONTROL] = _mark(marks.before)


def _openai_body(body: dict[str, Any], marks: Marks) -> None:
    messages: list[dict[str, Any]] = body["messages"]
    at = _leading([message["role"] for message in messages])
    if marks.head and at >= 0:
        content = messages[at]["content"]
        parts: list[dict[str, Any]] = [{"type": "text", "text": content}] if isinstance(content, str) else content
        parts[-1][BREAKPOINT] = _EXPLICIT
        messages[at]["content"] = parts
    body.update(_openai_fields(marks))
