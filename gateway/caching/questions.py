"""The question in a request, and the digest of everything else in it: two questions are compared only where all else is equal. Pure.

The question is the text of the last message of the user's. What surrounds it counts to the letter: the messages before and after it, its
own parts that are no text, instructions, tools, parameters, headers, the route, the tenant and the embedder.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from gateway.caching import fingerprints
from gateway.caching.semantic import MOST_QUESTION_CHARACTERS
from gateway.types import Plan, Request

VERSION = 1  # of this scheme: another one finds nothing of the older one's
_TAKEN_OUT = 0  # where the text was; no message has a number there
_decode = msgspec.json.Decoder().decode
_sorted = msgspec.json.Encoder(order="deterministic").encode
_pack = msgspec.msgpack.Encoder().encode


class Question(NamedTuple):
    """`rest`: what is left of the body. `is_agent_turn`: the last message brings results of tools."""

    text: str
    rest: bytes
    is_agent_turn: bool


def read(request: Request) -> Question | str:
    """The request's question, or why it has none that could be compared."""
    try:
        messages = _decode(request.raw["messages"])
    except (KeyError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "no messages"
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return "no messages"
    is_agent_turn = bool(messages) and _brings_results(messages[-1])
    place = next((at for at in range(len(messages) - 1, -1, -1) if _asks(messages[at])), None)
    if place is None:
        return "no question of the user's"
    text, messages[place] = _taken_out(messages[place])
    if len(text) > MOST_QUESTION_CHARACTERS:
        return f"longer than {MOST_QUESTION_CHARACTERS} characters"
    fields = fingerprints.fields(request.raw, {"messages": (place, _sorted(messages))})
    return Question(text, fields, is_agent_turn) if fields is not None else "a name stands twice in an object"


def scope(tenant_id: UUID, request: Request, plan: Plan, question: Question, *, end_user: str, embedder: str) -> bytes:
    """The digest of all that must be equal. `end_user`: whose alone the answer is; empty: the whole tenant's. `embedder`: its name, with
    its version."""
    parts = (
        VERSION,
        tenant_id.bytes,
        request.endpoint.value,
        end_user,
        sorted(request.headers.items()),
        fingerprints.route(plan),
        question.rest,
        embedder,
    )
    return hashlib.sha256(_pack(parts)).digest()


def _texts(message: dict[str, Any]) -> list[str]:
    content = message.get("content")
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list):
        return []
    return [
        part["text"]
        for part in content
        if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)
    ]


def _asks(message: dict[str, Any]) -> bool:
    return message.get("role") == "user" and any(text.strip() for text in _texts(message))


def _taken_out(message: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The message's text, and the message without it."""
    text = "\n".join(_texts(message))
    content = message["content"]
    if isinstance(content, str):
        return text, {**message, "content": _TAKEN_OUT}
    parts = [
        {**part, "text": _TAKEN_OUT} if isinstance(part, dict) and part.get("type") == "text" else part
        for part in content
    ]
    return text, {**message, "content": parts}


def _brings_results(message: dict[str, Any]) -> bool:
    if message.get("role") in ("tool", "function"):
        return True
    content = message.get("content")
    return isinstance(content, list) and any(
        isinstance(part, dict) and str(part.get("type", "")).endswith("tool_result") for part in content
    )
