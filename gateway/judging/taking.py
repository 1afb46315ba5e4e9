"""Takes in the answers that gateway processes hand over to be judged. One that comes twice is taken once."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any
from uuid import UUID

import msgspec
from redis import Redis

from gateway.models import Judgement
from gateway.quality.judged import Taken
from tenants import encryption, redis_keys
from tenants.models import Tenant

logger = logging.getLogger(__name__)

BATCH = 200
_decoder = msgspec.msgpack.Decoder(Taken)


def take(redis: Redis, tenant_id: UUID) -> int | None:
    """Take in a batch of a tenant's answers; returns how many can be judged, None if none waited. Safe to run twice, and at once."""
    stream = redis_keys.judged_answers(tenant_id)
    found: Any = redis.xrange(stream, count=BATCH)
    if not found:
        return None
    rows = [row for _, fields in found if (row := _row(tenant_id, fields[b"r"])) is not None]
    if rows and Tenant.objects.filter(id=tenant_id).exists():
        Judgement.objects.bulk_create(rows, ignore_conflicts=True)
    redis.xdel(stream, *(entry_id for entry_id, _ in found))
    return len(rows)


def _row(tenant_id: UUID, data: bytes) -> Judgement | None:
    try:
        taken = _decoder.decode(data)
        return Judgement(
            tenant_id=tenant_id,
            request_id=UUID(bytes=taken.request_id),
            task=taken.task,
            model=taken.model,
            provider=taken.provider,
            tags=list(taken.tags),
            sealed=encryption.decrypt(taken.sealed),  # the field encrypts it again
            answered_at=dt.datetime.fromtimestamp(taken.at_ms / 1000, dt.UTC),
        )
    except encryption.UndecryptableError:
        logger.error("an answer of tenant %s is not judged: it opens with none of the encryption keys", tenant_id)
    except (msgspec.MsgspecError, ValueError):
        logger.exception("an answer of tenant %s cannot be read, and is not judged", tenant_id)
    return None
