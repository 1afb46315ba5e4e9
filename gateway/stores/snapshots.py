"""Tenants' configuration in process memory: loaded from PostgreSQL on first use, replaced when a newer version is in force.

Bounded (least recently used goes first). A load runs in a thread, once for all requests that wait for it. PostgreSQL being
down raises `StoreUnavailable` for tenants not yet loaded; loaded ones go on.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from typing import Any
from uuid import UUID

from gateway import selectors
from gateway.errors import RateLimited, StoreUnavailable
from gateway.stores.guesses import Guesses
from gateway.stores.redis import RedisStore
from gateway.stores.threads import Threads
from gateway.types import Snapshot
from tenants import redis_keys
from tenants.config_versions import RAISE_TO
from tenants.tiers import DEFAULT_TIER

logger = logging.getLogger(__name__)
MAX_AGE_SECONDS = 900  # prices in the catalog change on given days
RETRY_SECONDS = 5.0  # between two tries to read a tenant anew while PostgreSQL is down; meanwhile requests go on
UNKNOWN_KEY_SECONDS = 5  # a key just made is never among them: nobody could have guessed it
UNKNOWN_KEYS_KEPT = 10_000
TIERS_KEPT = 100_000


class Snapshots:
    """The snapshots of one process. To be used from its event loop only."""

    def __init__(
        self, redis: RedisStore, threads: Threads, capacity: int, *, look_ups: Threads, guesses: Guesses
    ) -> None:
        """`look_ups`: threads for finding out whose a key is. Of their own, so that whoever tries keys holds up no tenant's loading."""
        self._redis = redis
        self._look_ups = look_ups
        self._guesses = guesses
        self._capacity = capacity
        self._by_tenant: OrderedDict[UUID, Snapshot] = OrderedDict()
        self._tenant_of_key: OrderedDict[str, UUID] = OrderedDict()
        self._unknown_keys: OrderedDict[str, float] = OrderedDict()
        self._threads = threads
        self._put_off: dict[UUID, float] = {}  # tenants that could not be read anew, and when to try again
        self._tiers: OrderedDict[tuple[UUID, str], str] = OrderedDict()

    async def for_key(self, secret_sha256: str, *, address: str = "") -> Snapshot | None:
        """The snapshot of the tenant that has, or had, this key; None if no tenant ever had it.

        `address`: who asks, if that is to be counted. Raises `RateLimited` where too many unknown keys came from there.
        """
        tenant_id = self._tenant_of_key.get(secret_sha256)
        if tenant_id is None:
            tenant_id = await self._find_tenant(secret_sha256, address)
            if tenant_id is None:
                return None
        return await self.of_tenant(tenant_id)

    async def of_tenant(self, tenant_id: UUID) -> Snapshot | None:
        """The tenant's snapshot; None if there is no such tenant."""
        snapshot = self._by_tenant.get(tenant_id)
        if snapshot is None or self._is_due(tenant_id, snapshot):
            return await self._load_or_keep(tenant_id, snapshot)
        self._by_tenant.move_to_end(tenant_id)
        return snapshot

    def _is_due(self, tenant_id: UUID, snapshot: Snapshot) -> bool:
        """Whether it is to be read anew, though nobody has edited anything."""
        now = time.monotonic()
        if now - snapshot.loaded_at <= MAX_AGE_SECONDS and time.time() < snapshot.valid_until:
            return False
        return now >= self._put_off.get(tenant_id, 0.0)

    def tier(self, tenant_id: UUID, end_user: str) -> str:
        """Which tier the end user is believed to be in; the reserve step knows, and says so if it is another one."""
        return self._tiers.get((tenant_id, end_user), DEFAULT_TIER)

    def learn_tier(self, tenant_id: UUID, end_user: str, tier: str) -> None:
        self._tiers[tenant_id, end_user] = tier
        _shrink(self._tiers, TIERS_KEPT)

    async def _find_tenant(self, secret_sha256: str, address: str) -> UUID | None:
        now = time.monotonic()
        if self._unknown_keys.get(secret_sha256, 0) > now:
            return None
        if address and (seconds := self._guesses.wait(address)):
            raise RateLimited(
                "Too many unknown keys came from your address. Try again in a moment.",
                code="too_many_unknown_keys",
                retry_after_seconds=seconds,
            )
        tenant_id = await self._look_ups.once(secret_sha256, lambda: selectors.tenant_of_key(secret_sha256))
        if tenant_id is None:
            if address:
                self._guesses.note(address)
            self._unknown_keys[secret_sha256] = now + UNKNOWN_KEY_SECONDS
            _shrink(self._unknown_keys, UNKNOWN_KEYS_KEPT)
        else:
            self._tenant_of_key[secret_sha256] = tenant_id
            _shrink(self._tenant_of_key, self._capacity * 50)
        return tenant_id

    async def _load_or_keep(self, tenant_id: UUID, old: Snapshot | None) -> Snapshot | None:
        try:
            return await self.reload(tenant_id)
        except StoreUnavailable:
            if old is None:
                raise
            self._put_off[tenant_id] = time.monotonic() + RETRY_SECONDS
            logger.warning(
                "PostgreSQL is down: tenant %s goes on with configuration version %s", tenant_id, old.version
            )
            return old

    async def reload(self, tenant_id: UUID) -> Snapshot | None:
        """Read the tenant's configuration anew; None if the tenant is gone. Raises `StoreUnavailable` if PostgreSQL is down."""
        snapshot = await self._threads.once(tenant_id, lambda: selectors.snapshot(tenant_id))
        if snapshot is None:
            self._by_tenant.pop(tenant_id, None)
            return None
        self._put_off.pop(tenant_id, None)
        self._by_tenant[tenant_id] = snapshot
        self._by_tenant.move_to_end(tenant_id)
        _shrink(self._by_tenant, self._capacity)
        return snapshot

    async def is_current(self, snapshot: Snapshot) -> bool:
        """Whether it is of the version in force. The reserve step finds out by itself; this is for everything else."""
        version = await self._redis.call("GET", redis_keys.config_version(snapshot.tenant_id))
        return version is not None and int(version) == snapshot.version

    async def renew(self, tenant_id: UUID) -> Snapshot | None:
        """Read the tenant's configuration anew, and tell Redis its version in case that had lost it or was behind."""
        snapshot = await self.reload(tenant_id)
        if snapshot is not None:
            await self._redis.call("EVAL", RAISE_TO, 1, redis_keys.config_version(tenant_id), snapshot.version)
        return snapshot


def _shrink(entries: OrderedDict[Any, Any], size: int) -> None:
    while len(entries) > size:
        entries.popitem(last=False)
