"""How many tokens a text has, where nobody has counted: an estimate, and marked as one wherever it is used."""

from __future__ import annotations

from typing import Any

import msgspec

BYTES_PER_TOKEN = (
    4  # English prose runs at 4 to 4.5 UTF-8 bytes per token in today's vocabularies; code and most other scripts lower
)
IMAGE_TOKENS = 1_600  # the most Anthropic charges for one image; OpenAI's high detail is of the same order
MESSAGE_TOKENS = 4  # a role and its delimiters


def estimate(utf8_bytes: int, *, images: int = 0) -> int:
    """Tokens of a text of that many UTF-8 bytes and that many images."""
    return -(-utf8_bytes // BYTES_PER_TOKEN) + images * IMAGE_TOKENS


def of_request(body: Any) -> int:
    """Input tokens of a request body (`gateway.bodies`): its texts, images and tools."""
    embedded = getattr(body, "input", None)
    if embedded is not None:
        return _of_input(embedded)
    size = images = 0
    messages = body.messages
    contents = [message.content for message in messages]
    contents.append(getattr(body, "system", None))
    for content in contents:
        if isinstance(content, str):
            size += len(content.encode())
        elif content:
            size += sum(len(part.text.encode()) for part in content if part.text)
            images += sum(part.type in ("image", "image_url") for part in content)
    if body.tools:
        size += len(msgspec.json.encode(body.tools))
    return estimate(size, images=images) + MESSAGE_TOKENS * len(messages)


def _of_input(given: str | list[Any]) -> int:
    """An embeddings input: a text, several, one list of token ids, or several."""
    if isinstance(given, str):
        return estimate(len(given.encode()))
    return sum(
        estimate(len(item.encode())) if isinstance(item, str) else len(item) if isinstance(item, list) else 1
        for item in given
    )


def upper_bound(body: Any, content: bytes, *, kind: str) -> int:
    """Placeholder: bytes/3."""
    return len(content) // 3 + 20
