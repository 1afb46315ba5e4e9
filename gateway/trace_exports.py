"""Which requests are to be exported as traces: noted by the drain in the transaction that logs them, taken by whoever exports them.

So a collector that is away holds up neither requests nor their log, and nothing is lost meanwhile. Where no collector is configured nothing
is noted. What is dropped in the end is counted, for Prometheus.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django_redis import get_redis_connection
from redis import Redis
from redis.exceptions import RedisError

from tenants import redis_keys

logger = logging.getLogger(__name__)
KEPT_HOURS = 24  # for a collector that is away; what is older then is not exported
REFUSED, LATE = WHYS = ("refused", "late")


@dataclass(frozen=True)
class Noted:
    tenant_id: UUID
    accepted_at: dt.datetime
    request_id: UUID


def note(cursor: Any, *, inserted: str) -> None:
    """Note the requests whose end is among the rows of table `inserted`, in the caller's transaction."""
    if settings.OTEL_TRACES:
        cursor.execute(
            "INSERT INTO gateway_traceexport (tenant_id, accepted_at, request_id, noted_at) "  # noqa: S608
            f"SELECT tenant_id, accepted_at, request_id, now() FROM {inserted} WHERE is_final"
        )


def take(*, limit: int, noted_before: dt.datetime) -> list[Noted]:
    """Up to `limit` requests, oldest first. They are gone with the caller's commit, and back if there is none; takers don't meet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM gateway_traceexport WHERE seq IN (SELECT seq FROM gateway_traceexport WHERE noted_at <= %s ORDER BY seq LIMIT %s "
            "FOR UPDATE SKIP LOCKED) RETURNING tenant_id, accepted_at, request_id",
            [noted_before, limit],
        )
        return [Noted(*row) for row in cursor.fetchall()]


def forget(now: dt.datetime) -> int:
    """Give up those that have waited too long; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM gateway_traceexport WHERE noted_at < %s", [now - dt.timedelta(hours=KEPT_HOURS)])
        given_up = int(cursor.rowcount)
    count_dropped(given_up, why=LATE)
    return given_up


def count_dropped(count: int, *, why: str) -> None:
    """Once the caller's transaction is kept. Redis being away, only the log tells."""

    def add() -> None:
        try:
            get_redis_connection("default").hincrby(redis_keys.dropped_traces(), why, count)
        except RedisError:
            logger.warning("%d traces were dropped (%s), and could not be counted", count, why, exc_info=True)

    if count:
        transaction.on_commit(add)


def dropped(redis: Redis) -> dict[str, int]:
    """How many traces were, by why. Raises redis-py's errors."""
    found: Any = redis.hgetall(redis_keys.dropped_traces())
    return {why: int(found.get(why.encode(), 0)) for why in WHYS}
