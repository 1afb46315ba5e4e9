"""What tests of caches need: a policy of a world's tenant, and its entries in Redis, made older without waiting."""

from __future__ import annotations

import struct
from typing import Any

from django_redis import get_redis_connection

from gateway.caching.entries import TIMES_BYTES
from gateway.models import CachePolicy
from tenants import redis_keys
from tests.gateway.live import Reply, World

TIMES = struct.Struct(">dddd")


def policy(world: World, **fields: Any) -> CachePolicy:
    """A cache policy of the tenant: of all tasks, unless one is named; the exact cache is on."""
    row = CachePolicy(tenant=world.tenant, **fields)
    row.full_clean()
    row.save()
    return row


def entries(world: World) -> dict[str, bytes]:
    """The tenant's entries by fingerprint."""
    found: dict[bytes, bytes] = get_redis_connection("default").hgetall(redis_keys.cached(world.tenant.id))
    return {name.decode(): value for name, value in found.items() if not name.startswith(b"!")}


def books(world: World) -> dict[str, int]:
    """What the cache counts, by name."""
    found: dict[bytes, bytes] = get_redis_connection("default").hgetall(redis_keys.cached(world.tenant.id))
    return {name.decode()[1:]: int(value) for name, value in found.items() if name.startswith(b"!")}


def pass_time(world: World, seconds: float) -> None:
    """As if all that is cached had been made so much earlier."""
    redis = get_redis_connection("default")
    for digest, entry in entries(world).items():
        times = [at - seconds * 1000 for at in TIMES.unpack_from(entry)]
        redis.hset(redis_keys.cached(world.tenant.id), digest, TIMES.pack(*times) + entry[TIMES_BYTES:])
        redis.zadd(redis_keys.cached_by_age(world.tenant.id), {digest: times[0]})


def said(reply: Reply) -> tuple[int, str | None, str | None]:
    """Status, what a cache did, and why."""
    return reply.status, reply.headers.get("x-tollgate-cache"), reply.headers.get("x-tollgate-cache-reason")


def body(**fields: Any) -> dict[str, Any]:
    """The body of a chat request: the very same one but for these fields."""
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], **fields}


HIT, FIRST = (200, "hit", None), (200, "miss", "no entry")
