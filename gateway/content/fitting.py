"""Makes a prompt or an answer fit to be stored: what is personal left out, media replaced by what they were, and not too long. Pure.

A JSON document stays one, so that it can be read as a conversation later: texts within it are shortened, each with a mark that says by how
much. What is no JSON is stored as a text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec

from gateway.caching.assembly import Assembly
from gateway.content import redaction
from gateway.types import Endpoint, Surface

MOST_CHARACTERS = 256_000  # of a prompt, and of an answer
TEXT_CHARACTERS = (100_000, 20_000, 4_000, 1_000, 200)  # of one text within it, the first that makes it fit
DEEPEST = 60
_MEDIA = re.compile(r"^(?:data:(?P<kind>[\w.+-]+/[\w.+-]+)[^,]{0,100},)?[A-Za-z0-9+/_-]{1000,}={0,2}$")
_VECTOR = 64  # numbers; more of them are an embedding


@dataclass
class Fitted:
    """`text`: JSON, or what it was. `is_cut`: not all of it is there."""

    text: str
    is_cut: bool = False
    redactions: Counter[str] = field(default_factory=Counter)


def prompt(content: bytes, *, whole_bytes: int, redacts: bool) -> Fitted:
    return _fitted(content, is_cut=len(content) < whole_bytes, redacts=redacts)


def answer(content: bytes, *, whole_bytes: int, endpoint: Endpoint, is_stream: bool, redacts: bool) -> Fitted:
    """Of a stream, the whole answer that its events tell; of one that was cut, what had come by then."""
    is_cut = len(content) < whole_bytes
    if is_stream and content:
        told = _told(content, endpoint.surface)
        if told is not None:
            return _fitted(told, is_cut=is_cut, redacts=redacts)
    return _fitted(content, is_cut=is_cut, redacts=redacts)


def _told(events: bytes, surface: Surface) -> bytes | None:
    """None: they cannot be put together, and are stored as they came."""
    assembly = Assembly(surface, most_bytes=len(events) + 1)
    assembly.feed(events if events.endswith(b"\n\n") else events[: events.rfind(b"\n\n") + 2])
    return assembly.whole(None)


def _fitted(content: bytes, *, is_cut: bool, redacts: bool) -> Fitted:
    found = Fitted("", is_cut)
    try:
        value = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = content.decode("utf-8", "replace").replace("\x00", "�")
        if redacts:
            text = redaction.redact(text, found.redactions)
        found.text, found.is_cut = text[:MOST_CHARACTERS], is_cut or len(text) > MOST_CHARACTERS
        return found
    value = _each(value, lambda text: _clean(text, found, redacts=redacts))
    found.text = _encoded(value)
    for most in TEXT_CHARACTERS:
        if len(found.text) <= MOST_CHARACTERS:
            break
        value, found.is_cut = _each(value, partial(_cut, most)), True
        found.text = _encoded(value)
    found.text = found.text[:MOST_CHARACTERS]
    return found


def _encoded(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _each(value: Any, change: Callable[[str], str], depth: int = 0) -> Any:
    """The value with every text in it changed, names and long numbers included."""
    if isinstance(value, str):
        return change(value)
    if depth > DEEPEST:
        return "[nested too deeply]"
    if isinstance(value, dict):
        return {change(name): _each(item, change, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        if len(value) >= _VECTOR and all(isinstance(item, float | int) for item in value):
            return f"[{len(value):,} numbers]"
        return [_each(item, change, depth + 1) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**12:
        text = str(value)
        changed = change(text)
        return value if changed == text else changed
    return value


def _clean(text: str, found: Fitted, *, redacts: bool) -> str:
    if len(text) >= 1000 and (media := _MEDIA.match(text)):
        return f"[{media['kind'] or 'base64'}, {len(text):,} characters]"
    return redaction.redact(text, found.redactions) if redacts and text else text


def _cut(most: int, text: str) -> str:
    return text if len(text) <= most else f"{text[:most]}… [{len(text) - most:,} characters more]"
