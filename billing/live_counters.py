"""What Redis counts at this moment, for pages: used and held of several limits' subjects, and the last minute. Never decides anything.

The counters are the gateway's; their names come from `billing.limits` and `tenants.redis_keys`. One round trip, however many there are.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django_redis import get_redis_connection
from redis.exceptions import RedisError

from billing import limits, rings
from billing.windows import Window
from tenants import redis_keys

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """One subject's counter of a limit."""

    dimension: str
    subject: str
    metric: str
    window: Window


@dataclass(frozen=True)
class Counted:
    """In the metric's integer unit. `used` None: Redis does not know it, or not yet again."""

    used: int | None
    held: int


@dataclass(frozen=True)
class LastMinute:
    """Requests and tokens of the last 60 seconds, and requests under way, as limits of pace count them."""

    requests: int = 0
    tokens: int = 0
    under_way: int = 0


class Away(Exception):
    """Redis cannot be asked just now."""


def counted(tenant_id: UUID, asked: Sequence[Asked]) -> list[Counted]:
    """What each counts. Raises `Away`."""
    replies = _ask([(_hash_of(tenant_id, item), [_field(item), f"h{_field(item)}"]) for item in asked])
    return [_counted(*reply) for reply in replies]


def last_minutes(tenant_id: UUID, subjects: Sequence[tuple[str, str]]) -> list[LastMinute]:
    """The last minute of (dimension, subject) pairs. Raises `Away`."""
    asked = [
        (redis_keys.counters(tenant_id), [rings.field(f"{dimension}|{subject}"), f"slot|{dimension}|{subject}"])
        for dimension, subject in subjects
    ]
    return [_last_minute(ring, slot) for ring, slot in _ask(asked)]


def _ask(wanted: Sequence[tuple[str, list[str]]]) -> list[list[bytes | None]]:
    if not wanted:
        return []
    try:
        pipeline = get_redis_connection("default").pipeline(transaction=False)
        for key, fields in wanted:
            pipeline.hmget(key, fields)
        replies: list[list[bytes | None]] = pipeline.execute()
    except RedisError as error:
        logger.warning("Redis could not be asked for live figures: %s", error)
        raise Away from error
    return replies


def _hash_of(tenant_id: UUID, asked: Asked) -> str:
    if asked.dimension == limits.END_USER:
        return redis_keys.user_counters(tenant_id, asked.subject)
    return redis_keys.counters(tenant_id)


def _field(asked: Asked) -> str:
    subject = "" if asked.dimension == limits.END_USER else asked.subject
    return limits.field(asked.metric, asked.window, asked.dimension, subject)


def _counted(used: bytes | None, held: bytes | None) -> Counted:
    number = None if used is None or int(used) < limits.UNKNOWN_BELOW else int(used)
    return Counted(number, max(0, int(held or 0)))


def _last_minute(ring: bytes | None, slot: bytes | None) -> LastMinute:
    under_way = max(0, int(slot or 0))
    if ring is None:
        return LastMinute(under_way=under_way)
    read = rings.unpack(ring)
    oldest = int(time.time()) // rings.SLOT_SECONDS - rings.SLOTS + 1
    fresh = [place for place in range(rings.SLOTS) if _slot_of(place, read.head) >= oldest]
    return LastMinute(
        sum(read.requests[place] for place in fresh), sum(read.tokens[place] for place in fresh), under_way
    )


def _slot_of(place: int, head: int) -> int:
    """Which slot of time a place in the ring is about: of those up to the head, the last with that remainder."""
    return head - (head - place) % rings.SLOTS
