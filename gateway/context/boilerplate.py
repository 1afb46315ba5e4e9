"""What is said for nothing: runs of spaces and blank lines, and long paragraphs that stand there twice. Pure.

Code between fences keeps every character, as do the spaces at a line's beginning and lines with quotation marks or backticks, in which
spaces may mean something. A text gives the same result on every turn, so the provider's prompt cache goes on holding.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable

from gateway.context import texts
from gateway.context.turns import Message

LEAST_PARAGRAPH = 240  # characters; a shorter one costs little more than the reference to it
SHOWN = 40
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_INNER_RUN = re.compile(r"(?<=\S)[ \t\u00a0]{2,}(?=\S)")
_SUSPECT = re.compile(r"\s\s|[ \t](?:\n|$)")
_LITERAL = frozenset("\"'`")


def collapse(text: str) -> str:
    """The text with runs of spaces as one, and runs of blank lines as one. Idempotent."""
    if not _SUSPECT.search(text):
        return text
    lines: list[str] = []
    fence = ""
    is_blank = False
    for line in text.split("\n"):
        if fence:
            lines.append(line)
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            is_blank = False
            continue
        mark = _FENCE.match(line)
        if mark:
            fence = mark.group(1)
        short = line if _LITERAL.intersection(line) else _INNER_RUN.sub(" ", line.rstrip())
        if short or not is_blank:
            lines.append(short)
        is_blank = not short
    return "\n".join(lines)


def without_repetition(messages: Iterable[Message], *, may_edit: Callable[[Message], bool]) -> list[Message]:
    """The messages with every later occurrence of a long paragraph replaced by a reference to the first one. Idempotent."""
    seen: set[bytes] = set()
    out: list[Message] = []
    for message in messages:
        if may_edit(message):
            out.append(texts.edited(message, lambda text: _referring(text, seen)))
        else:
            seen.update(map(_digest, _paragraphs(texts.of(message))))
            out.append(message)
    return out


def _referring(text: str, seen: set[bytes]) -> str:
    if len(text) < LEAST_PARAGRAPH:
        return text
    parts = _split(text)
    for index, part in enumerate(parts):
        if not _is_long(part):
            continue
        digest = _digest(part)
        if digest in seen:
            opening = part.strip()[:SHOWN].replace("\n", " ")
            parts[index] = f"[As before: “{opening}…”]"
        else:
            seen.add(digest)
    return "\n\n".join(parts)


def _split(text: str) -> list[str]:
    """Paragraphs; a fence with all that is in it is a part of one, which `_is_long` leaves alone."""
    parts: list[str] = []
    fence = ""
    for part in text.split("\n\n"):
        was_fenced = bool(fence)
        for line in part.split("\n"):
            mark = _FENCE.match(line)
            if not fence and mark:
                fence = mark.group(1)
            elif fence and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        if was_fenced and parts:
            parts[-1] = f"{parts[-1]}\n\n{part}"
        else:
            parts.append(part)
    return parts


def _paragraphs(text: str) -> Iterable[str]:
    return [part for part in _split(text) if _is_long(part)] if len(text) >= LEAST_PARAGRAPH else ()


def _is_long(paragraph: str) -> bool:
    return len(paragraph) >= LEAST_PARAGRAPH and "```" not in paragraph and "~~~" not in paragraph


def _digest(paragraph: str) -> bytes:
    return hashlib.blake2b(" ".join(paragraph.split()).encode("utf-8", "replace"), digest_size=16).digest()
