"""May this request go ahead? All limits in one atomic step; what is taken is given back by settlement.

The step also compares configuration versions: a request planned on an old snapshot is not admitted but planned again.
"""

from __future__ import annotations

from gateway.errors import RateLimited, StoreUnavailable
from gateway.pipeline.exchange import Exchange
from gateway.stores.redis import RedisStore, Script
from tenants import redis_keys

_RESERVE = Script("reserve")


class StaleSnapshot(Exception):
    """The tenant's configuration has changed: plan again with the current snapshot. Nothing was taken."""


async def reserve(exchange: Exchange, redis: RedisStore, *, lease_ms: int) -> None:
    """Take the request's holds. Atomic; a refusal takes nothing.

    Raises `RateLimited`, `StaleSnapshot`, or `StoreUnavailable` (then a hold may have been taken; its lease ends it).
    """
    tenant_id, key = exchange.snapshot.tenant_id, exchange.key
    verdict, value = await redis.run(
        _RESERVE,
        [
            redis_keys.config_version(tenant_id),
            redis_keys.key_rate(tenant_id, key.id),
            redis_keys.key_concurrency(tenant_id, key.id),
        ],
        [
            exchange.snapshot.version,
            exchange.request_id.hex,
            key.requests_per_minute or 0,
            key.max_concurrency or 0,
            lease_ms,
        ],
    )
    if verdict == b"ok":
        exchange.holds_slot = bool(key.max_concurrency)
        exchange.rate_remaining = int(value)
    elif verdict == b"stale":
        raise StaleSnapshot
    elif verdict == b"rate":
        raise RateLimited(
            f"This key is limited to {key.requests_per_minute} requests per minute.",
            code="requests_per_minute_exceeded",
            retry_after_seconds=int(value) / 1000,
        )
    else:
        raise RateLimited(
            f"This key is limited to {key.max_concurrency} concurrent requests, and {int(value)} are under way.",
            code="concurrency_exceeded",
            retry_after_seconds=1,
        )


def too_many_changes() -> StoreUnavailable:
    return StoreUnavailable("The configuration changes faster than it can be read. Try again.", retry_after_seconds=1)
