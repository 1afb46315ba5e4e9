"""Counts the hits that gateway processes report, sets some aside to be checked, and hears what people think of them.

A hit is counted once, however often its record comes. What a check needs of the request comes encrypted, stays encrypted, and goes within
minutes (`checks`).
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction
from django_redis import get_redis_connection
from redis import Redis

from gateway.caching.semantic import Hit
from gateway.models import Feedback, SemanticCheck, SemanticHit, SemanticLabel
from gateway.semantic import entries, watch
from tenants import encryption, redis_keys, tenancy
from tenants.models import Tenant

logger = logging.getLogger(__name__)

BATCH = 500
SEMANTIC = "semantic"  # as the log says what a cache did


def note(redis: Redis, tenant_id: UUID) -> int | None:
    """Note a batch of a tenant's hits; returns how many were new, None if none waited. Safe to run twice, and at once."""
    stream = redis_keys.semantic_hits(tenant_id)
    found: Any = redis.xrange(stream, count=BATCH)
    if not found:
        return None
    hits = [hit for _, fields in found if (hit := _decode(tenant_id, fields[b"r"])) is not None]
    new = _store(tenant_id, hits) if hits and Tenant.objects.filter(id=tenant_id).exists() else 0
    redis.xdel(stream, *(entry_id for entry_id, _ in found))
    return new


def _decode(tenant_id: UUID, data: bytes) -> Hit | None:
    try:
        hit = _decoder.decode(data)
        UUID(bytes=hit.request_id), UUID(bytes=hit.entry_id), UUID(bytes=hit.origin)
    except (msgspec.MsgspecError, ValueError):
        logger.exception("a hit of tenant %s cannot be read, and is not counted", tenant_id)
        return None
    return hit


_decoder = msgspec.msgpack.Decoder(Hit)


# Whoever inserts a hit counts it.
_INSERT = (
    "INSERT INTO gateway_semantichit (tenant_id, request_id, entry_id, task, similarity, score, at) "
    "SELECT %s, * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::float8[], %s::float8[], %s::timestamptz[]) "
    "ON CONFLICT DO NOTHING RETURNING request_id"
)
_COUNT = (
    "UPDATE gateway_semanticentry SET hits = hits + 1, last_hit_at = greatest(last_hit_at, %s) "
    "WHERE tenant_id = %s AND id = %s"
)


def _store(tenant_id: UUID, hits: list[Hit]) -> int:
    rows = {_uuid(hit.request_id): hit for hit in hits}
    values = [
        (_uuid(hit.request_id), _uuid(hit.entry_id), hit.task, hit.similarity, hit.score, _at(hit))
        for hit in rows.values()
    ]
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, [tenant_id, *map(list, zip(*values, strict=True))])
            new = [rows[request_id] for (request_id,) in cursor.fetchall()]
        checks = [_check(tenant_id, hit) for hit in new if hit.sealed]
        SemanticCheck.objects.bulk_create([check for check in checks if check is not None], ignore_conflicts=True)
        # In one order, so that two workers wait for each other and never crosswise.
        counted = sorted((_uuid(hit.entry_id), _at(hit)) for hit in new)
        with tenancy.entered(tenant_id), connection.cursor() as cursor:
            cursor.executemany(_COUNT, [(at, tenant_id, entry_id) for entry_id, at in counted])
    return len(new)


def _check(tenant_id: UUID, hit: Hit) -> SemanticCheck | None:
    try:
        sealed = encryption.decrypt(hit.sealed)  # the field encrypts it again
    except encryption.UndecryptableError:
        logger.error("a hit of tenant %s is not checked: its request opens with none of the encryption keys", tenant_id)
        return None
    return SemanticCheck(
        tenant_id=tenant_id,
        request_id=_uuid(hit.request_id),
        entry_id=_uuid(hit.entry_id),
        origin=_uuid(hit.origin),
        task=hit.task,
        similarity=hit.similarity,
        score=hit.score,
        sealed=sealed,
        hit_at=_at(hit),
    )


def rate(redis: Redis, tenant_id: UUID, request_id: UUID, *, is_right: bool) -> bool:
    """An end user's thumb on an answer; whether that answer was a hit of the semantic cache.

    It becomes a label, and a thumb down takes the entry out at once: nobody else gets its answer. A later thumb replaces an earlier one.
    Raises what Redis or PostgreSQL raise; safe to repeat.
    """
    rows = SemanticHit.objects.filter(tenant_id=tenant_id, request_id=request_id)
    hit = rows.first()
    while hit is None and note(redis, tenant_id) is not None:  # a thumb may be quicker than the worker
        hit = rows.first()
    if hit is None:
        return False
    SemanticLabel.objects.update_or_create(
        tenant_id=tenant_id,
        request_id=request_id,
        source=SemanticLabel.Source.THUMB,
        defaults={"task": hit.task, "similarity": hit.similarity, "score": hit.score, "is_right": is_right},
    )
    if not is_right:
        entries.evict(tenant_id, hit.entry_id)
    watch.refine(tenant_id, hit.task)
    return True


def hear(vote: Feedback) -> None:
    """What follows from a vote that counts, if it is on a hit (`votes.follow`)."""
    if vote.cache == SEMANTIC:
        with tenancy.across("a vote on a hit of the tenant's, whoever took it"):
            rate(
                get_redis_connection("default"),
                vote.tenant_id,
                vote.request_id,
                is_right=vote.rating == Feedback.Rating.UP,
            )


def _uuid(data: bytes) -> UUID:
    return UUID(bytes=data)


def _at(hit: Hit) -> dt.datetime:
    return dt.datetime.fromtimestamp(hit.at_ms / 1000, dt.UTC)
