"""Stored turns as the GenAI semantic conventions write messages. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from gateway.content.reading import Part, Turn


def asked(turns: Iterable[Turn]) -> str:
    """`gen_ai.input.messages`."""
    return _encoded([_message(turn) for turn in turns])


def answered(turns: Iterable[Turn], finish_reason: str) -> str:
    """`gen_ai.output.messages`."""
    return _encoded([{**_message(turn), "finish_reason": finish_reason} for turn in turns])


def _message(turn: Turn) -> dict[str, Any]:
    return {"role": turn.role or "user", "parts": [_part(part) for part in turn.parts]}


def _part(part: Part) -> dict[str, Any]:
    match part.kind:
        case "thinking":
            return {"type": "reasoning", "content": part.text}
        case "tool_call":
            return {"type": "tool_call", "id": part.reference, "name": part.name, "arguments": part.text}
        case "tool_result":
            return {"type": "tool_call_response", "id": part.reference, "response": part.text}
    return {"type": "text", "content": part.text}


def _encoded(messages: list[dict[str, Any]]) -> str:
    return msgspec.json.encode(messages).decode()
