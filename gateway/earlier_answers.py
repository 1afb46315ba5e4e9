"""Keeps answers for the day when no model can answer, and finds the nearest one then. SQL; the vectors come from an embedder.

Answers come through a stream of the tenant's, so that keeping them costs a request nothing but one command it does not wait for.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection
from redis import Redis

from gateway import answers
from gateway.models import EarlierAnswer
from gateway.types import Surface
from tenants import redis_keys
from tenants.models import Tenant

logger = logging.getLogger(__name__)

BATCH = 100
MOST_WAITING = 1000  # in a tenant's stream; the oldest go when nobody empties it
KEPT_DAYS = 30
KEPT_OF_TASK = 5000
WHOLE = frozenset({"stop", "end_turn", "stop_sequence"})  # finish reasons of an answer that is complete

Vectors = Callable[[list[str]], Sequence[Sequence[float]]]


class Given(msgspec.Struct, array_like=True, frozen=True):
    """An answer on its way to the table. `body` is in the format of `surface`."""

    task: str
    instructions: str
    question: str
    surface: str
    is_stream: bool
    model: str
    provider: str
    body: bytes
    at_ms: int


@dataclass(frozen=True)
class Nearest:
    """An earlier answer. `similarity` is the cosine of the two questions."""

    answer: str
    model: str
    provider: str
    answered_at: dt.datetime
    similarity: float


_decoder = msgspec.msgpack.Decoder(Given)


def waiting(redis: Redis, tenant_ids: list[UUID]) -> list[UUID]:
    """The tenants of whom answers wait; one round trip."""
    pipeline = redis.pipeline(transaction=False)
    for tenant_id in tenant_ids:
        pipeline.xlen(redis_keys.given_answers(tenant_id))
    return [tenant_id for tenant_id, length in zip(tenant_ids, pipeline.execute(), strict=True) if length]


def keep(redis: Redis, tenant_id: UUID, embedder: str, embed: Vectors) -> int:
    """Bring a tenant's waiting answers into the table; returns how many were kept. Safe to run twice: the same question is kept once."""
    stream = redis_keys.given_answers(tenant_id)
    found: Any = redis.xrange(stream, count=BATCH)
    rows: dict[tuple[str, ...], EarlierAnswer] = {}
    questions: dict[tuple[str, ...], str] = {}
    if Tenant.objects.filter(id=tenant_id).exists():
        for _, fields in found:
            row, question = _row(tenant_id, embedder, fields[b"r"])
            if row is not None:
                name: tuple[str, ...] = row.task, row.instructions, row.question_sha256
                rows[name], questions[name] = row, question
    for name, vector in zip(questions, embed(list(questions.values())) if questions else [], strict=True):
        rows[name].embedding = vector
    if rows:
        EarlierAnswer.objects.bulk_create(
            rows.values(),
            update_conflicts=True,
            unique_fields=["tenant", "task", "instructions", "embedder", "question_sha256"],
            update_fields=["answer", "model", "provider", "answered_at", "embedding"],
        )
    if found:
        redis.xdel(stream, *(entry_id for entry_id, _ in found))
    return len(rows)


def _row(tenant_id: UUID, embedder: str, data: bytes) -> tuple[EarlierAnswer | None, str]:
    try:
        given = _decoder.decode(data)
    except msgspec.MsgspecError:
        logger.exception("an answer of tenant %s cannot be read, and is not kept", tenant_id)
        return None, ""
    read = answers.of_stream if given.is_stream else answers.of_whole
    words = read(Surface(given.surface), given.body)
    if words is None or words.calls_tools or words.finish_reason not in WHOLE or not words.text.strip():
        return None, ""
    return EarlierAnswer(
        tenant_id=tenant_id,
        task=given.task,
        instructions=given.instructions,
        question_sha256=hashlib.sha256(given.question.encode()).hexdigest(),
        embedder=embedder,
        answer=words.text.replace("\x00", "�"),
        model=given.model,
        provider=given.provider,
        answered_at=dt.datetime.fromtimestamp(given.at_ms / 1000, dt.UTC),
    ), given.question


def forget(now: dt.datetime) -> int:
    """Delete what is older than `KEPT_DAYS`, and of each task all but the latest; returns how many."""
    deleted, _ = EarlierAnswer.objects.filter(answered_at__lt=now - dt.timedelta(days=KEPT_DAYS)).delete()
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM gateway_earlieranswer WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER "
            "(PARTITION BY tenant_id, task ORDER BY answered_at DESC) AS place FROM gateway_earlieranswer) AS placed WHERE place > %s)",
            [KEPT_OF_TASK],
        )
        return deleted + int(cursor.rowcount)


def nearest(
    tenant_id: UUID, task: str, instructions: str, embedder: str, vector: Sequence[float], *, least: float
) -> Nearest | None:
    """The tenant's earlier answer to the most similar question of the task; None if there is none as similar as `least`.

    Exact: every question of the task is compared, which for a few thousand of them takes milliseconds and misses none.
    """
    literal = "[" + ",".join(map(str, vector)) + "]"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT answer, model, provider, answered_at, 1 - (embedding <=> %s::vector) FROM gateway_earlieranswer "
            "WHERE tenant_id = %s AND task = %s AND instructions = %s AND embedder = %s AND answered_at > now() - %s * interval '1 day' "
            "ORDER BY embedding <=> %s::vector, answered_at DESC LIMIT 1",
            [literal, tenant_id, task, instructions, embedder, KEPT_DAYS, literal],
        )
        row = cursor.fetchone()
    if row is None or row[4] is None or row[4] < least:
        return None
    return Nearest(*row)
