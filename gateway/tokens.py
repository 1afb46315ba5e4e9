"""How many tokens a request's input has, where nobody has counted: a likely number (`of_request`), and the most to reserve (`upper_bound`).

Tollgate carries no vocabularies: Anthropic's are not published, and a compatible server's are unknown. docs/token-bounds.md has
what the weights below were fitted to, and what crafted text does to them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

BYTES_PER_TOKEN = (
    4  # English prose runs at 4 to 4.5 UTF-8 bytes per token in today's vocabularies; code and most other scripts lower
)
IMAGE_TOKENS = 1_600  # the most Anthropic charges for one image; OpenAI's high detail is of the same order
MESSAGE_TOKENS = 4  # a role and its delimiters

_PER_MILLE = (  # disjoint
    (b"abcdefghilmnoprstuvwy", 300),
    (b" \t\n\r" + bytes(byte for byte in range(0x21, 0x7F) if not bytes((byte,)).isalnum()), 700),
    (b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", 750),
    (b"0123456789", 1_300),
    (b"jkqxz", 2_500),  # seldom in words, often in what only looks like them: random letters, base64
    (bytes(range(0xE0, 0xF0)), 2_000),  # first bytes of three: Chinese, Japanese, Korean, Thai, Hindi
    (bytes(range(0xC0, 0xE0)), 1_250),  # of two: Cyrillic, Greek, Arabic, letters with accents
    (bytes(range(0xF0, 0x100)), 4_000),  # of four: emoji, rare characters
)
_FOLLOWING = bytes(range(0x80, 0xC0))  # the other bytes of a character weigh nothing
_ASCII = tuple(pair for pair in _PER_MILLE if pair[0].isascii())
_OTHERS = ((_FOLLOWING, 0), *(pair for pair in _PER_MILLE if not pair[0].isascii()), *_ASCII)

# Claude's newest tokenizer makes up to 35 % more tokens of a text: https://platform.claude.com/docs/en/about-claude/models/migration-guide
_ANTHROPIC_PERCENT = 135
_TOOLS_PREAMBLE = 700  # what Anthropic puts in front of tools is a few hundred tokens
_REQUEST_TOKENS = 16
_IMAGE_BOUND = 5_000  # Claude's high resolution ends below; so do OpenAI's patches
_UNSEEN_FILE = 50_000  # a file that only the provider can open
_SHORT = 24  # characters
_BASE64_PER_TOKEN = {"document": 2, "file": 2, "input_audio": 8}


def estimate(utf8_bytes: int, *, images: int = 0) -> int:
    """Tokens of a text of that many UTF-8 bytes and that many images."""
    return -(-utf8_bytes // BYTES_PER_TOKEN) + images * IMAGE_TOKENS


_UP_TO_TWO_BYTES = bytes(range(0xE0))


def written(text: str) -> int:
    """Bytes of a text that a model has written, for `estimate`: its UTF-8, but four for a character of three, of which Chinese, Japanese or
    Korean has about one a token."""
    if text.isascii():
        return len(text)
    content = text.encode("utf-8", "replace")
    return len(content) + len(content.translate(None, _UP_TO_TWO_BYTES))


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
    """Tokens to reserve for a request's input: no less than the provider will count, unless the text was made to be dear.

    `body` is what was read of `content`, the request's JSON; `kind` is the provider's. JSON's own signs count as text, which stands
    for what providers wrap messages in. Images and files count by what they are, not by the length of their base64.
    """
    if getattr(body, "input", None) is not None:
        per_mille = weight(content) + 1000 * _token_ids(body.input)
    elif is_text_only(body):
        per_mille = weight(content)
    else:
        per_mille = weight_of(msgspec.json.decode(content))
    return with_overhead(-(-per_mille // 1000), body, kind=kind)


def with_overhead(bound: int, body: Any, *, kind: str) -> int:
    """That bound of a body's own tokens, and what a provider of that kind adds to them."""
    if kind == "anthropic":
        bound = -(-bound * _ANTHROPIC_PERCENT // 100) + (_TOOLS_PREAMBLE if getattr(body, "tools", None) else 0)
    return bound + _REQUEST_TOKENS


def likely(body: Any, bound: int) -> int:
    """What an input with that upper bound probably has: prose and code come to about half of it."""
    return max(of_request(body), bound // 2)


def weight(text: bytes) -> int:
    """Thousandths of a token of a text."""
    total, left = 0, len(text)
    for members, per_mille in _ASCII if text.isascii() else _OTHERS:
        text = text.translate(None, members)  # each pass has less to go through: the commonest come first
        total += per_mille * (left - len(text))
        left = len(text)
    return total


def weight_of_name(text: str) -> int:
    """The same of a string; of a short one, a field's name or a role mostly, as remembered."""
    return _short(text) if len(text) <= _SHORT else weight(text.encode("utf-8", "replace"))


@lru_cache(maxsize=4096)
def _short(text: str) -> int:
    return weight(text.encode("utf-8", "replace"))


def _token_ids(given: Any) -> int:
    if isinstance(given, str):
        return 0
    return sum(len(item) if isinstance(item, list) else not isinstance(item, str) for item in given)


def is_text_only(body: Any) -> bool:
    """Whether `upper_bound` may weigh the JSON as it is."""
    contents = [message.content for message in body.messages]
    contents.append(getattr(body, "system", None))
    return all(
        part.type == "text" for content in contents if content and not isinstance(content, str) for part in content
    )


def weight_of(value: Any) -> int:
    """Thousandths of a token of a decoded value, media by what they are."""
    if isinstance(value, str):
        return weight_of_name(value) + 1000
    if isinstance(value, list):
        return sum(map(weight_of, value)) + 1000
    if isinstance(value, dict):
        media = _media_tokens(value)
        if media is not None:
            return 1000 * media
        return sum(weight_of_name(name) + weight_of(item) for name, item in value.items()) + 1000
    return 1000 + 700 * len(str(value))


def _media_tokens(part: dict[str, Any]) -> int | None:
    """Tokens of an image, a sound or a file; None for any other object."""
    kind = part.get("type")
    if kind in ("image", "image_url"):
        return _IMAGE_BOUND
    if kind == "container_upload":
        return _UNSEEN_FILE
    if kind not in ("document", "file", "input_audio"):
        return None
    source = part.get("source" if kind == "document" else kind)
    if not isinstance(source, dict) or source.get("type") in ("text", "content"):
        return None  # words, or nothing that a provider takes
    data = source.get("file_data" if kind == "file" else "data")
    return len(data) // _BASE64_PER_TOKEN[kind] + 1 if isinstance(data, str) else _UNSEEN_FILE
