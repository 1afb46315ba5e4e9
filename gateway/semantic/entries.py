"""Keeps answers that may be given again, and takes them out: one by one, by what they belong to, and in the end.

Answers come through a stream of the tenant's, so that keeping them costs a request nothing but one command it does not wait for. All that
is done here is done within one tenant, and PostgreSQL holds it to that (`tenancy.entered`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import zlib
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from django.db import DataError, connection
from django.utils import timezone
from django_redis import get_redis_connection
from redis import Redis

from gateway import answers
from gateway.caching import semantic
from gateway.caching.semantic import Given
from gateway.models import SemanticEntry
from gateway.semantic import purges
from gateway.semantic.purges import Purge
from gateway.types import Surface
from tenants import redis_keys, tenancy
from tenants.ids import uuid7
from tenants.models import Tenant

logger = logging.getLogger(__name__)

BATCH = 100
LEVEL = 6  # of compression; a worker has the time
WHOLE = frozenset({"stop", "end_turn", "stop_sequence"})  # finish reasons of an answer that is complete
REFUSED = (DataError, psycopg.DataError)
COLUMNS = (
    "id", "tenant_id", "scope", "kin", "question_sha256", "question", "embedder", "embedding", "task", "model_asked", "api_key_id",
    "end_user", "tags", "surface", "is_stream", "body", "model", "provider", "request_id", "input_tokens", "output_tokens",
    "cost_nanousd", "answered_at", "expires_at", "stale_until", "hits",
)  # fmt: skip
ONCE = ("tenant_id", "scope", "question_sha256")
# Of an entry that is answered anew, its vector stays: the same text by the same embedder. So no index has to take it in again.
KEPT = frozenset({"id", "embedding", "question", "embedder", "hits", *ONCE})
# A newer answer stays, should an older one come late.
KEEP = (
    f"INSERT INTO gateway_semanticentry AS e ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))}) "  # noqa: S608
    f"ON CONFLICT ({', '.join(ONCE)}) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in COLUMNS if name not in KEPT)} "
    "WHERE e.answered_at <= excluded.answered_at"
)

Vectors = Callable[[list[str]], Sequence[Sequence[float]]]
Row = dict[str, Any]


def keep(redis: Redis, tenant_id: UUID, embedder: str, embed: Vectors) -> int | None:
    """Bring a batch of a tenant's waiting answers into the table; returns how many were kept, None if none waited.

    Safe to run twice, and at once: the same question of a scope is kept once, with its latest answer. Dying before the end repeats
    the batch.
    """
    stream = redis_keys.given_answers(tenant_id)
    found: Any = redis.xrange(stream, count=BATCH)
    if not found:
        return None
    rows: dict[tuple[bytes, bytes], Row] = {}
    if Tenant.objects.filter(id=tenant_id).exists():
        marks = purges.marks(redis, tenant_id)
        for _, fields in found:
            row = _row(tenant_id, embedder, fields[b"r"], marks)
            if row is not None:
                rows[row["scope"], row["question_sha256"]] = row
    _embed(list(rows.values()), embed)
    # In one order, so that two workers at the same batch wait for each other and never crosswise.
    kept = _write(tenant_id, [rows[name] for name in sorted(rows)])
    redis.xdel(stream, *(entry_id for entry_id, _ in found))
    return kept


def _row(tenant_id: UUID, embedder: str, data: bytes, marks: dict[bytes, bytes]) -> Row | None:
    """The entry in a record of the stream; None if there is none worth keeping."""
    try:
        given = _decoder.decode(data)
        surface, key_id = Surface(given.surface), UUID(given.key_id) if given.key_id else None
        request_id = UUID(bytes=given.request_id)
    except (msgspec.MsgspecError, ValueError):
        logger.exception("an answer of tenant %s cannot be read, and is not kept", tenant_id)
        return None
    if len(given.scope) != semantic.SCOPE_BYTES or not given.question.strip():
        return None
    if not given.vector and given.embedder != embedder:
        return None  # another embedder is in use by now, and nobody asks in this scope any more
    if purges.is_purged(given, marks):
        return None
    words = (answers.of_stream if given.is_stream else answers.of_whole)(surface, given.body)
    if words is None or words.calls_tools or words.finish_reason not in WHOLE or not words.text.strip():
        return None
    answered_at = dt.datetime.fromtimestamp(given.at_ms / 1000, dt.UTC)
    expires_at = answered_at + dt.timedelta(seconds=given.fresh_seconds)
    return {
        **{name: getattr(given, name) for name in COLUMNS if hasattr(given, name)},
        "id": uuid7(),
        "tenant_id": tenant_id,
        "question": given.question.replace("\x00", "�"),
        "question_sha256": hashlib.sha256(given.question.encode("utf-8", "surrogatepass")).digest(),
        "embedding": _of_bytes(given.vector) if given.vector else None,
        "api_key_id": key_id,
        "tags": list(given.tags),
        "body": zlib.compress(given.body, LEVEL),
        "request_id": request_id,
        "answered_at": answered_at,
        "expires_at": expires_at,
        "stale_until": expires_at + dt.timedelta(seconds=given.stale_seconds),
        "hits": 0,
    }


_decoder = msgspec.msgpack.Decoder(Given)


def _of_bytes(vector: bytes) -> Any:
    import numpy as np

    return np.frombuffer(vector, dtype="<f4")


def _embed(rows: list[Row], embed: Vectors) -> None:
    missing = [row for row in rows if row["embedding"] is None]
    vectors = embed([row["question"] for row in missing]) if missing else []
    for row, vector in zip(missing, vectors, strict=True):
        row["embedding"] = vector


def _write(tenant_id: UUID, rows: list[Row]) -> int:
    from pgvector import HalfVector

    values = [
        [HalfVector(row[name]).to_text() if name == "embedding" else row[name] for name in COLUMNS] for row in rows
    ]
    try:
        with tenancy.entered(tenant_id), connection.cursor() as cursor:
            cursor.executemany(KEEP, values)
    except REFUSED:
        return sum(_write_one(tenant_id, one) for one in values)
    return len(values)


def _write_one(tenant_id: UUID, values: list[Any]) -> bool:
    try:
        with tenancy.entered(tenant_id), connection.cursor() as cursor:
            cursor.execute(KEEP, values)
    except REFUSED:
        logger.exception("PostgreSQL refuses an answer of tenant %s, and it is not kept", tenant_id)
        return False
    return True


def evict(tenant_id: UUID, entry_id: UUID) -> bool:
    """Take one entry out, such as one that got a thumb down; whether it was there. In force for every search from then on."""
    with tenancy.entered(tenant_id):
        deleted, _ = SemanticEntry.objects.filter(tenant_id=tenant_id, id=entry_id).delete()
    return bool(deleted)


def purge(redis: Redis, tenant_id: UUID, what: Purge) -> int:
    """Take out all entries that were asked for before now and belong to `what`; returns how many. Those still on their way are never
    kept.

    In force when this returns. Safe to run twice. Raises what Redis or PostgreSQL raise; what was done until then stays done.
    """
    purges.mark(redis, tenant_id, what, timezone.now())
    with tenancy.entered(tenant_id):
        deleted, _ = what.of(SemanticEntry.objects.filter(tenant_id=tenant_id)).delete()
    return deleted


def forget(tenant_id: UUID, kind: str, subject: str) -> int:
    """`purge`, of what the exact cache names so: a key by its id in hexadecimal."""
    what = Purge(kind, str(UUID(subject)) if kind == purges.KEY else subject)
    return purge(get_redis_connection("default"), tenant_id, what)
