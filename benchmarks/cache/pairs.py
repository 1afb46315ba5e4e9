"""Labelled pairs of questions and labelled streams, from files of JSON lines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gateway.caching.verify.training import Pair

LONGEST = 100_000  # characters of a text: more is a mistake
_Row = TypeVar("_Row")


class BadDataError(SystemExit):
    """A file that cannot be read; the message names the file and the line."""


@dataclass(frozen=True)
class Asked:
    """A question of a stream, and what it is after."""

    text: str
    intent: str


def load(path: Path) -> list[Pair]:
    """Rows of text_a, text_b and label: 1 or true if both ask the same."""
    return _load(path, "text_a, text_b and label (0 or 1)", _pair)


def load_stream(path: Path) -> list[Asked]:
    """Rows of text and intent, in the order they come in."""
    return _load(path, "text and intent", lambda row: Asked(_text(row, "text"), _intent(row)))


def mark(text: str) -> int:
    """A number by which a trained model knows a question it was trained on without keeping it."""
    plain = " ".join(text.casefold().split())
    return int.from_bytes(hashlib.sha256(plain.encode("utf-8", "replace")).digest()[:5], "big")


def marks(pairs: Iterable[Pair]) -> list[int]:
    return sorted({mark(text) for pair in pairs for text in (pair.text_a, pair.text_b)})


def _load(path: Path, wants: str, make: Callable[[Mapping[str, Any]], _Row]) -> list[_Row]:
    rows = []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise BadDataError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadDataError(f"cannot read {path}: it is not UTF-8 ({error.reason} at byte {error.start})") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise TypeError(f"{type(row).__name__} instead of an object")
            rows.append(make(row))
        except (ValueError, KeyError, TypeError) as error:
            reason = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise BadDataError(f"{path}:{number}: wants {wants} ({reason})") from error
    if not rows:
        raise BadDataError(f"{path} has no rows")
    return rows


def _pair(row: Mapping[str, Any]) -> Pair:
    label = row["label"]
    if label not in (0, 1):
        raise ValueError(f"label is {label!r}")
    return Pair(_text(row, "text_a"), _text(row, "text_b"), bool(label))


def _text(row: Mapping[str, Any], name: str) -> str:
    text = row[name]
    if not isinstance(text, str):
        raise TypeError(f"{name} is no text")
    if not text.strip():
        raise ValueError(f"{name} is empty")
    if len(text) > LONGEST:
        raise ValueError(f"{name} has {len(text)} characters")
    return text


def _intent(row: Mapping[str, Any]) -> str:
    intent = row["intent"]
    if not isinstance(intent, str | int) or intent == "":
        raise TypeError("intent is no text")
    return str(intent)
