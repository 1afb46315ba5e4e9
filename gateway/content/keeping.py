"""Brings prompts and answers from the tenants' streams into the table: fitted, and sealed with the tenant's secret.

Read from the stream's beginning, insert what is not there yet, commit, and only then delete from the stream: a worker that dies in between
repeats the batch, and inserts nothing twice. What was asked before somebody had content deleted is not stored any more.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from django.db import DataError, connection, transaction
from redis import Redis

from gateway.content import fitting, sealing
from gateway.content.sealing import Content
from gateway.models import ContentErasure, ContentPolicy
from gateway.stores import content_record
from gateway.stores.content_record import ContentRecord
from gateway.types import Endpoint
from tenants import redis_keys

logger = logging.getLogger(__name__)

BATCH = 50
LOCK_SPACE = 0x7011_0062  # beside `ledger.LOCK_SPACE`: one worker at a time stores a tenant's content
REFUSED = (DataError, psycopg.DataError)
_INSERT = (
    "INSERT INTO gateway_requestcontent (id, tenant_id, accepted_at, end_user, task, sealed, prompt_bytes, answer_bytes, is_cut, "
    "redactions) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
Row = tuple[Any, ...]


def store(redis: Redis, tenant_id: UUID) -> int | None:
    """Store a batch of a tenant's waiting content; returns how many were new, None if none waited or another worker is at it.

    Raises what Redis or PostgreSQL raise, with nothing lost.
    """
    stream = redis_keys.content_stream(tenant_id)
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))", [LOCK_SPACE, str(tenant_id)])
            if not cursor.fetchone()[0]:
                return None
        found: Any = redis.xrange(stream, count=BATCH)
        if not found:
            return None
        stored = 0
        policy = ContentPolicy.objects.filter(tenant_id=tenant_id).first()  # gone with its tenant
        if policy is not None:
            records = [record for _, values in found if (record := _decode(values[b"c"])) is not None]
            erased = list(ContentErasure.objects.filter(tenant_id=tenant_id).values_list("end_user", "before"))
            stored = _write(
                [_row(tenant_id, record, policy.secret) for record in records if not _is_erased(record, erased)]
            )
    # After the commit: dying before this line repeats the batch, which inserts nothing.
    redis.xdel(stream, *(entry_id for entry_id, _ in found))
    return stored


def _write(rows: list[Row]) -> int:
    """What PostgreSQL takes; a row that it refuses holds up no other."""
    stored = 0
    for row in rows:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(_INSERT, row)
                stored += cursor.rowcount
        except REFUSED:
            logger.exception("PostgreSQL refuses the content of %s, and it is not stored", row[0])
    return stored


def _row(tenant_id: UUID, record: ContentRecord, secret: str) -> Row:
    endpoint = Endpoint(record.endpoint)
    prompt = fitting.prompt(record.prompt, whole_bytes=record.prompt_bytes, redacts=record.redacts)
    answer = fitting.answer(
        record.answer,
        whole_bytes=record.answer_bytes,
        endpoint=endpoint,
        is_stream=record.is_stream,
        redacts=record.redacts,
    )
    return (
        record.request_id,
        tenant_id,
        _at(record),
        record.end_user,
        record.task,
        sealing.close(secret, Content(prompt.text, answer.text)),
        record.prompt_bytes,
        record.answer_bytes,
        prompt.is_cut or answer.is_cut,
        json.dumps(dict(prompt.redactions + answer.redactions)),
    )


def _decode(data: bytes) -> ContentRecord | None:
    try:
        return content_record.decode(data)
    except (msgspec.DecodeError, msgspec.ValidationError):
        logger.exception("content that waits cannot be read, and is not stored")
        return None


def _is_erased(record: ContentRecord, erased: Iterable[tuple[str, dt.datetime]]) -> bool:
    at = _at(record)
    return any(at < before and end_user in ("", record.end_user) for end_user, before in erased)


def _at(record: ContentRecord) -> dt.datetime:
    return dt.datetime.fromtimestamp(record.accepted_ms / 1000, dt.UTC)
