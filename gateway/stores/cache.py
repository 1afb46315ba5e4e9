"""A tenant's cached answers in Redis, apart from finding and storing them, which are part of reserving and settling.

`scripts/entries.lua` says how they are kept. What the data plane asks is async; what people and workers do takes their own client.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from redis import Redis

from gateway.stores.redis import RedisStore, Script
from tenants import redis_keys

STALE = Script("entries", "stale")
FORGET = Script("entries", "forget")
PURGE = Script("purge")
RECLAIM = Script("entries", "reclaim")

LOOKED_AT = 50  # entries in one step of reclaiming, so that nobody waits for Redis for long
EVERY_SECONDS = 3600  # all entries are looked at so often, and after each purge
MARKS_KEPT_SECONDS = 86_400  # a request that was admitted before a purge has ended by then
_MARKS = frozenset({b"!all", b"!task", b"!key", b"!tag", b"!end_user"})
_BOOKS = ("!bytes", "!hits", "!misses", "!saved", "!since")


class Purge(NamedTuple):
    """Of what answers are purged: `kind` is "all", "task", "key", "tag" or "end_user"; `subject` which one (a slug, an id, a tag, the
    name that the application gives), empty for all."""

    kind: str
    subject: str = ""

    @property
    def mark(self) -> str:
        return "!all" if self.kind == "all" else f"!{self.kind}|{self.subject}"


@dataclass(frozen=True)
class Stats:
    """What a tenant's cache holds, and what it was worth since it began to count: `since` None where it has not."""

    entries: int
    bytes: int
    hits: int
    misses: int
    saved_nanousd: int
    since: dt.datetime | None
    oldest: dt.datetime | None


class Found(NamedTuple):
    """An entry, and how old it is."""

    entry: bytes
    age_ms: int


async def stale(redis: RedisStore, tenant_id: UUID, digest: str, *, max_age_ms: int) -> Found | None:
    """An entry that may be past its time, but not past its end. Raises `StoreUnavailable`."""
    found = await redis.run(STALE, [redis_keys.cached(tenant_id)], [digest, max_age_ms])
    return Found(found[0], int(found[1])) if found else None


async def forget(redis: RedisStore, tenant_id: UUID, digest: str) -> None:
    """Take out an entry that is broken. Idempotent. Raises `StoreUnavailable`."""
    await redis.run(FORGET, [redis_keys.cached(tenant_id), redis_keys.cached_by_age(tenant_id)], [digest])


async def purge(redis: RedisStore, tenant_id: UUID, what: Purge) -> dt.datetime:
    """From now on nothing is given that was asked for before. Returns the time. Raises `StoreUnavailable`."""
    return _time(await redis.run(PURGE, [redis_keys.cached(tenant_id)], [what.mark]))


async def stats(redis: RedisStore, tenant_id: UUID) -> Stats:
    """Raises `StoreUnavailable`."""
    key, ages = redis_keys.cached(tenant_id), redis_keys.cached_by_age(tenant_id)
    books = await redis.call("HMGET", key, *_BOOKS)
    first = await redis.call("ZRANGE", ages, 0, 0)
    made = await redis.call("ZSCORE", ages, first[0]) if first else None
    return _stats(await redis.call("ZCARD", ages), books, made)


def purge_now(redis: Redis, tenant_id: UUID, what: Purge) -> dt.datetime:
    """As `purge`. Raises `RedisError`."""
    return _time(redis.eval(PURGE.text, 1, redis_keys.cached(tenant_id), what.mark))


def stats_now(redis: Redis, tenant_id: UUID) -> Stats:
    """As `stats`. Raises `RedisError`."""
    ages: Any = redis_keys.cached_by_age(tenant_id)
    books: Any = redis.hmget(redis_keys.cached(tenant_id), _BOOKS)
    oldest: Any = redis.zrange(ages, 0, 0, withscores=True)
    count: Any = redis.zcard(ages)
    return _stats(count, books, oldest[0][1] if oldest else None)


def _stats(entries: int, books: list[bytes | None], oldest: Any) -> Stats:
    held, hits, misses, saved, since = (int(value or 0) for value in books)
    return Stats(
        entries=int(entries),
        bytes=held,
        hits=hits,
        misses=misses,
        saved_nanousd=saved,
        since=_time(since) if since else None,
        oldest=_time(float(oldest)) if oldest is not None else None,
    )


def due(redis: Redis, tenant_ids: Iterable[UUID]) -> list[UUID]:
    """The tenants whose caches want to be reclaimed: purged since they last were, or not looked at for long. One round trip."""
    tenants = list(tenant_ids)
    pipeline = redis.pipeline(transaction=False)
    for tenant_id in tenants:
        pipeline.hmget(redis_keys.cached(tenant_id), "!purged", "!reclaimed", "!bytes")
    now_ms = _now_ms(redis, tenants[0]) if tenants else 0
    wanted = []
    for tenant_id, (purged, reclaimed, held) in zip(tenants, pipeline.execute(), strict=True):
        looked_at = int(reclaimed or 0)
        is_purged = int(purged or 0) > looked_at
        if is_purged or (int(held or 0) and looked_at < now_ms - EVERY_SECONDS * 1000):
            wanted.append(tenant_id)
    return wanted


def reclaim(redis: Redis, tenant_id: UUID) -> int:
    """Take out what is purged, past its end or broken; returns how many. Safe to run twice, and beside requests."""
    key, ages = redis_keys.cached(tenant_id), redis_keys.cached_by_age(tenant_id)
    began_ms = _now_ms(redis, tenant_id)
    passed = gone = 0
    while True:
        looked_at, taken = map(int, redis.eval(RECLAIM.text, 2, key, ages, passed, LOOKED_AT))
        passed += looked_at - taken
        gone += taken
        if looked_at < LOOKED_AT:
            break
    old = began_ms - MARKS_KEPT_SECONDS * 1000
    marks = [
        name
        for name, value in redis.hscan_iter(key, match="!*", count=1000)
        if name.partition(b"|")[0] in _MARKS and int(value) < old
    ]
    if marks:
        redis.hdel(key, *marks)
    redis.hset(key, "!reclaimed", began_ms)
    return gone


def _now_ms(redis: Redis, tenant_id: UUID) -> int:
    """By the clock of the node that has the tenant."""
    seconds, micros = map(int, redis.eval("return redis.call('TIME')", 1, redis_keys.cached(tenant_id)))
    return seconds * 1000 + micros // 1000


def _time(milliseconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)
