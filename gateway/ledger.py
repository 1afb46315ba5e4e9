"""Redis's counters against PostgreSQL's ledger: what a counter has to be, and how one that is missing or wrong is put right.

PostgreSQL is the truth: the request log, and what still waits in the tenant's stream. All work on a tenant's counters holds the
advisory lock that keeps the drain away, so that no record moves from the stream to the log meanwhile. Serving goes on: a counter and
the stream's end are read in one step, the difference to the truth at that moment is *added*, and what is settled in between adds to
it, too. A counter that is missing is first set to `SEEDING`, which the reserve script takes for unknown and the settle script can add to.
"""

from __future__ import annotations

import datetime as dt
import logging
import secrets
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils import timezone
from django_redis import get_redis_connection
from redis import Redis

from billing import limits, selectors
from billing import rings as rings_of
from billing.limits import CounterName
from billing.models import DailyUsage
from billing.windows import window
from gateway import last_minute, unwritten
from gateway.last_minute import Ring
from gateway.stores import counters
from gateway.stores.usage_record import UsageRecord
from tenants import redis_keys, tiers
from tenants.models import Tenant

logger = logging.getLogger(__name__)

LOCK_SPACE = 0x7011
SEEDING = -(2**52)
# After counters were lost, every process puts back what its requests hold before new ones are let in; they look every second.
QUARANTINE_MS = 4000


class Field(NamedTuple):
    """A counter: in the hash of `end_user` (empty: the tenant's), under `name`."""

    end_user: str
    name: str


def redis() -> Redis:
    found: Redis = get_redis_connection("default")
    return found


def lock(tenant_id: UUID) -> None:
    """Keep the drain and other bookkeepers of the tenant away until the transaction ends. Raises after 5 s in vain."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '5s'")
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LOCK_SPACE, str(tenant_id)])


def open_counters(tenant_id: UUID, *, were_lost: bool = False) -> None:
    """Let counting begin where Redis has no counters of the tenant (it is new, or Redis has lost its data), or where those that it has are
    of an earlier run of the server, which may have lost the last of them. Idempotent.

    `were_lost`: the caller has seen counters there; else PostgreSQL tells whether there must have been any.

    "epoch" is `mark:since:open:run`: a mark of its own, from when on a missing counter means zero, from when on requests are admitted
    (Unix ms), and the run of the server.
    """
    store = redis()
    if is_open(store, tenant_id):
        return
    tiers.publish(tenant_id)
    with transaction.atomic():
        lock(tenant_id)
        is_first = Tenant.objects.filter(id=tenant_id, counted_since=None).update(counted_since=timezone.now()) == 1
        has_usage = (
            were_lost
            or not is_first
            or store.xlen(redis_keys.usage_stream(tenant_id)) > 0
            or DailyUsage.objects.filter(tenant_id=tenant_id).exists()
        )
        keys = [redis_keys.counters(tenant_id), redis_keys.holds(tenant_id)]
        opened = store.eval(counters.OPEN.text, len(keys), *keys, secrets.token_hex(4), int(has_usage), QUARANTINE_MS)
        is_opened = opened == 1
    if is_opened and has_usage:
        logger.warning("Redis has no good counters of tenant %s: they are read from the ledger again", tenant_id)


def is_open(store: Redis, tenant_id: UUID) -> bool:
    """Whether the tenant's counters in Redis may be relied on."""
    return bool(store.eval(counters.IS_OPEN.text, 1, redis_keys.counters(tenant_id)))


def seed(
    tenant_id: UUID,
    fields: Iterable[Field],
    rings: Iterable[Ring] = (),
    *,
    verified_from_ms: dict[Field, int] | None = None,
) -> None:
    """Set counters that Redis does not know, or may not have counted all the time, to what the ledger says. Idempotent; may run while
    requests settle. `verified_from_ms`: from when on a counter's limit wants it to have been compared (Unix ms)."""
    wanted = sorted(set(fields))
    with transaction.atomic():
        lock(tenant_id)
        zone = zone_of(tenant_id)
        store = redis()
        holds = (
            last_minute.held(store, tenant_id) if rings else {}
        )  # first: what settles meanwhile is in both, and counts once
        found, records = _peek(store, tenant_id, wanted)
        truth = _truth(tenant_id, wanted, records, zone)
        pipeline = store.pipeline(transaction=False)
        _add_differences(pipeline, tenant_id, found, truth)
        for field, since_ms in (verified_from_ms or {}).items():
            # By the limit's own clock, should it go ahead of this one.
            pipeline.hset(hash_of(tenant_id, field.end_user), f"v{field.name}", max(since_ms, int(time.time() * 1000)))
        for ring in rings:
            state = last_minute.of(tenant_id, ring, records, holds)
            pipeline.hsetnx(hash_of(tenant_id, ring.end_user), ring.name, rings_of.pack(state))
        pipeline.execute()


def correct(tenant_id: UUID, fields: Iterable[Field]) -> dict[str, int]:
    """Put counters that exist right; returns by how much they were off. The caller holds the lock."""
    wanted = sorted(set(fields))
    store = redis()
    found, records = _peek(store, tenant_id, wanted)
    truth = _truth(tenant_id, wanted, records, zone_of(tenant_id))
    pipeline = store.pipeline(transaction=False)
    _add_differences(pipeline, tenant_id, found, truth)
    pipeline.execute()
    return {
        f"{field.end_user}|{field.name}" if field.end_user else field.name: truth[field] - found[field]
        for field in wanted
        if truth[field] != found[field]
    }


def _add_differences(pipeline: Any, tenant_id: UUID, found: dict[Field, int], truth: dict[Field, int]) -> None:
    for field, value in found.items():
        if truth[field] != value:
            pipeline.hincrby(hash_of(tenant_id, field.end_user), field.name, truth[field] - value)


def hash_of(tenant_id: UUID, end_user: str) -> str:
    return redis_keys.user_counters(tenant_id, end_user) if end_user else redis_keys.counters(tenant_id)


def zone_of(tenant_id: UUID) -> dt.tzinfo:
    return ZoneInfo(Tenant.objects.values_list("timezone", flat=True).get(id=tenant_id))


def _peek(store: Redis, tenant_id: UUID, fields: list[Field]) -> tuple[dict[Field, int], list[UsageRecord]]:
    """The counters, and the records in the stream that they count already but the log has not: as of one instant."""
    stream = redis_keys.usage_stream(tenant_id)
    pipeline = store.pipeline(transaction=True)
    for field in fields:
        pipeline.hsetnx(hash_of(tenant_id, field.end_user), field.name, SEEDING)
    for field in fields:
        pipeline.hget(hash_of(tenant_id, field.end_user), field.name)
    pipeline.xrevrange(stream, count=1)
    replies = pipeline.execute()
    found = {field: int(value) for field, value in zip(fields, replies[len(fields) : -1], strict=True)}
    return found, unwritten.waiting(store, tenant_id, replies[-1][0][0] if replies[-1] else None)


def _truth(tenant_id: UUID, fields: list[Field], records: list[UsageRecord], zone: dt.tzinfo) -> dict[Field, int]:
    """What each counter has to be, in its metric's integer unit."""
    groups: dict[tuple[str, str, int], list[tuple[Field, CounterName]]] = defaultdict(list)
    for field in fields:
        name = limits.parse_field(field.name)
        assert name is not None, field
        groups[name.dimension, name.kind, name.start].append((field, name))
    truth: dict[Field, int] = {}
    for (dimension, kind, start), members in groups.items():
        span = window(kind, start, zone)
        subjects = {subject_of(field, name) for field, name in members}
        ledger = selectors.used(tenant_id, dimension, subjects, span, zone)
        fresh = unwritten.sums(records, dimension, span)
        for field, name in members:
            subject = subject_of(field, name)
            truth[field] = ledger.get(subject, {}).get(name.metric, 0) + fresh[subject, name.metric]
    return truth


def subject_of(field: Field, name: CounterName) -> str:
    """A counter of an end user does not repeat the name of the hash it is in."""
    return field.end_user or name.subject
