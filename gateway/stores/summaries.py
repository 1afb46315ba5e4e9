"""Summaries of conversations' older parts in Redis, by tenant and by the hash of what they sum up. Nothing depends on one being there."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from redis.exceptions import ResponseError

from gateway.errors import StoreUnavailable
from gateway.stores.redis import RedisStore
from tenants import redis_keys

KEPT_SECONDS = 86_400  # since it was last used
CLAIM_SECONDS = 60  # in which nobody else makes it; after a failure, nobody tries again


class Summaries:
    """Every method raises `StoreUnavailable` if Redis is away."""

    def __init__(self, redis: RedisStore) -> None:
        self._redis = redis

    async def find(self, tenant_id: UUID, digest: str) -> str | None:
        """The summary, which is then kept for another day; None if there is none."""
        found = await self._call("GETEX", redis_keys.summary(tenant_id, digest), "EX", KEPT_SECONDS)
        return found.decode() if found is not None else None

    async def claim(self, tenant_id: UUID, digest: str) -> bool:
        """Whether the caller is the one, of all processes, who makes it now."""
        key = redis_keys.summary_claim(tenant_id, digest)
        return await self._call("SET", key, b"1", "NX", "EX", CLAIM_SECONDS) is not None

    async def keep(self, tenant_id: UUID, digest: str, summary: str) -> None:
        await self._call("SET", redis_keys.summary(tenant_id, digest), summary, "EX", KEPT_SECONDS)

    async def _call(self, *command: Any) -> Any:
        """A Redis that answers with an error (out of memory, read-only) is as good as one that does not answer."""
        try:
            return await self._redis.call(*command)
        except ResponseError as error:
            raise StoreUnavailable("Redis refuses what summaries need.") from error
