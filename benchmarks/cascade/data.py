"""Recorded answers of a cheap and a strong model to the same prompts, each with whether it was right."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.quality.training import Row


@dataclass(frozen=True)
class Pair:
    prompt: str
    weak_answer: str
    strong_answer: str
    is_weak_right: bool
    is_strong_right: bool

    @property
    def gain(self) -> int:
        """What escalating changes: 1 a wrong answer put right, -1 a right one lost, 0 nothing."""
        return self.is_strong_right - self.is_weak_right


class BadDataError(SystemExit):
    """A file that cannot be read as pairs."""


def load(path: Path) -> list[Pair]:
    pairs = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise BadDataError(f"cannot read {path}: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            pairs.append(
                Pair(
                    str(row["prompt"]),
                    str(row["weak_answer"]),
                    str(row.get("strong_answer", "")),
                    bool(row["weak_correct"]),
                    bool(row["strong_correct"]),
                )
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadDataError(
                f"{path}:{number}: wants prompt, weak_answer, strong_answer, weak_correct, strong_correct ({error})"
            ) from error
    if not pairs:
        raise BadDataError(f"{path} has no rows")
    return pairs


def weak_rows(pairs: Sequence[Pair]) -> list[Row]:
    """The cheap model's answers as labelled rows."""
    return [Row(pair.prompt, pair.weak_answer, pair.is_weak_right) for pair in pairs]


def prompt_marks(pairs: Sequence[Pair]) -> list[int]:
    """A number for each prompt, by which a trained model knows what it was trained on without keeping texts."""
    return sorted(int.from_bytes(hashlib.sha256(pair.prompt.encode()).digest()[:6], "big") for pair in pairs)
