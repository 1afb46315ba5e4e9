"""Emptying the streams that gateway processes leave for workers: tenant by tenant, batch by batch, for a bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from uuid import UUID

from redis import Redis

StreamOf = Callable[[UUID], str]


def waiting(redis: Redis, tenant_ids: Iterable[UUID], stream_of: StreamOf) -> list[UUID]:
    """The tenants whose streams are not empty; one round trip."""
    tenants = list(tenant_ids)
    pipeline = redis.pipeline(transaction=False)
    for tenant_id in tenants:
        pipeline.xlen(stream_of(tenant_id))
    return [tenant_id for tenant_id, length in zip(tenants, pipeline.execute(), strict=True) if length]


def empty(
    redis: Redis,
    tenant_ids: Iterable[UUID],
    stream_of: StreamOf,
    take: Callable[[Redis, UUID], int | None],
    *,
    seconds: float,
    whole: int = 0,
) -> int:
    """Take batch after batch of every tenant's stream; returns how much was taken. The next run goes on where the time was over.

    `take` returns how much a batch was, None if none waited or another worker is at it, and raises what Redis or PostgreSQL raise. One that
    was less than `whole` is a tenant's last: what has come since is left to the next run, for small batches are dear.
    """
    end = time.monotonic() + seconds
    taken = 0
    for tenant_id in waiting(redis, tenant_ids, stream_of):
        while time.monotonic() < end and (count := take(redis, tenant_id)) is not None:
            taken += count
            if count < whole:
                break
    return taken
