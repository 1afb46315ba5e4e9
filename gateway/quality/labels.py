"""Labelled answers: written as ratings, judgements and imports come in, read to train. What they say is taken as it is."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max

from gateway.models import LabeledAnswer
from gateway.quality.training import Row

MOST_ROWS = 20_000  # that a model is trained on: the newest
WEIGHTS = {
    LabeledAnswer.Source.THUMBS: 1.0,
    LabeledAnswer.Source.JUDGE: 0.5,  # a model's opinion counts half a person's
    LabeledAnswer.Source.IMPORT: 1.0,
}
_IMPORTED = UUID("5a3c3c39-5e6c-5b8f-9a52-0d3f0c8f2b5e")  # the name space of imported rows' ids


class BadLabelsError(ValueError):
    """A file of labels that cannot be read; the message names the line."""


def record(
    tenant_id: UUID | None,
    *,
    request_id: UUID,
    prompt: str,
    answer: str,
    is_good: bool,
    source: LabeledAnswer.Source,
    task: str = "",
    weight: float | None = None,
) -> LabeledAnswer:
    """Keep what one source says of one request's answer; said again, the later word counts. Safe to run twice."""
    label, _ = LabeledAnswer.objects.update_or_create(  # type: ignore[misc]  # the stubs know no null key in a lookup
        tenant_id=tenant_id,
        request_id=request_id,
        source=source,
        defaults={
            "task": task,
            "prompt": _storable(prompt),
            "answer": _storable(answer),
            "is_good": is_good,
            "weight": WEIGHTS[source] if weight is None else weight,
        },
    )
    return label


def import_lines(tenant_id: UUID | None, lines: Iterable[str]) -> int:
    """Record a label for each line of JSON; returns how many. Raises `BadLabelsError`; what stood before the bad line is kept.

    A line has prompt, answer and good, and may have task and weight. Recorded pairs (prompt, weak_answer, weak_correct) do as well.
    """
    count = 0
    for fields in _parsed(lines):
        content = json.dumps([fields["prompt"], fields["answer"]])
        record(
            tenant_id,
            request_id=uuid.uuid5(_IMPORTED, content),
            source=LabeledAnswer.Source.IMPORT,
            **fields,
        )
        count += 1
    return count


def training_rows(tenant_id: UUID | None) -> list[Row]:
    """The newest labels of one owner, oldest first, and nobody else's."""
    newest = LabeledAnswer.objects.filter(tenant=tenant_id).order_by("-changed_at", "-id")[:MOST_ROWS]
    values = newest.values_list("prompt", "answer", "is_good", "weight")
    return [Row(*value) for value in values][::-1]


def changed_at(tenant_id: UUID | None) -> datetime | None:
    """When a label of this owner was last written; None if there is none."""
    newest: datetime | None = LabeledAnswer.objects.filter(tenant=tenant_id).aggregate(at=Max("changed_at"))["at"]
    return newest


def _parsed(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield _fields(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadLabelsError(f"line {number}: wants prompt, answer and good ({error})") from error


def _fields(row: Mapping[str, Any]) -> dict[str, Any]:
    is_pair = "weak_answer" in row
    fields = {
        "prompt": row["prompt"],
        "answer": row["weak_answer" if is_pair else "answer"],
        "is_good": row["weak_correct" if is_pair else "good"],
        "task": row.get("task", ""),
        "weight": float(row.get("weight", 1.0)),
    }
    if not all(isinstance(fields[name], str) for name in ("prompt", "answer", "task")):
        raise TypeError("prompt, answer and task are texts")
    if not isinstance(fields["is_good"], bool):
        raise TypeError("good is true or false")
    if not math.isfinite(fields["weight"]) or fields["weight"] <= 0:
        raise ValueError("weight is above 0")
    return fields


def _storable(text: str) -> str:
    """Without NUL, which PostgreSQL does not store."""
    return text.replace("\0", "")
