"""The words in messages of either format: read for others to compare or sum up, and edited where an edit is safe. Pure.

Never edited: a tool call's arguments, thinking and what stands beside it (it is signed), words with citations, JSON, media.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from gateway.context.turns import Message

Edit = Callable[[str], str]
_THINKING = frozenset({"thinking", "redacted_thinking"})


def of(message: Message) -> str:
    """What the message says, calls and returns, as one text."""
    data = message.data
    content = data.get("content")
    said = [content] if isinstance(content, str) else [_of_block(block) for block in message.blocks]
    for call in data.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            said.append(f"{function.get('name')}({function.get('arguments')})")
    return "\n".join(text for text in said if text)


def _of_block(block: dict[str, Any]) -> str:
    kind = block.get("type")
    if kind == "tool_use":
        return f"{block.get('name')}({msgspec.json.encode(block.get('input')).decode()})"
    if kind == "tool_result":
        inner = block.get("content")
        if isinstance(inner, list):
            return "\n".join(_of_block(item) for item in inner if isinstance(item, dict))
        return inner if isinstance(inner, str) else ""
    text = block.get("text")
    return text if isinstance(text, str) else ""


def edited(message: Message, edit: Edit) -> Message:
    """The message with its editable texts edited; the same object where nothing changes."""
    content = message.data.get("content")
    if any(block.get("type") in _THINKING for block in message.blocks):
        return message
    fresh = edited_content(content, edit)
    if fresh is content:
        return message
    data = {**message.data, "content": fresh}
    return Message(msgspec.Raw(msgspec.json.encode(data)), data)


def edited_content(content: Any, edit: Edit) -> Any:
    """A string or a list of blocks, edited; the same object where nothing changes."""
    if isinstance(content, str):
        return _edited(content, edit)
    if not isinstance(content, list):
        return content
    fresh = [_edited_block(block, edit) if isinstance(block, dict) else block for block in content]
    return content if all(new is old for new, old in zip(fresh, content, strict=True)) else fresh


def _edited_block(block: dict[str, Any], edit: Edit) -> dict[str, Any]:
    kind = block.get("type")
    name = "text" if kind == "text" else "content" if kind == "tool_result" else ""
    if not name or block.get("citations"):
        return block
    old = block.get(name)
    fresh = edited_content(old, edit) if kind == "tool_result" else _edited(old, edit) if isinstance(old, str) else old
    return block if fresh is old else {**block, name: fresh}


def _edited(text: str, edit: Edit) -> str:
    """An edit never empties a text, for an empty one is refused."""
    if text.lstrip()[:1] in ("{", "["):
        return text
    fresh = edit(text)
    return fresh if fresh != text and fresh.strip() else text
