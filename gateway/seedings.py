"""Counters that Redis does not know, read from the ledger for the requests that need them: all that a tenant's requests ask for while one
reading is under way are read by the next one, together.

A reading keeps the drain away and looks through the records that wait. One for each request would let none of both get on where many new
end users come at once, say.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from functools import partial
from uuid import UUID

from gateway import ledger
from gateway.last_minute import Ring
from gateway.ledger import Field
from gateway.stores.threads import Threads


class _Batch:
    """What the next reading is for."""

    def __init__(self) -> None:
        self.verified_from_ms: dict[Field, int] = {}
        self.rings: set[Ring] = set()
        self.reading: asyncio.Task[None] | None = None


class Seedings:
    """Of one process, for one event loop."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._next: dict[UUID, _Batch] = {}
        self._under_way: dict[UUID, asyncio.Task[None]] = {}

    async def seed(self, tenant_id: UUID, verified_from_ms: dict[Field, int], rings: Iterable[Ring]) -> None:
        """Returns when these counters are known. Raises `StoreUnavailable` if PostgreSQL or Redis cannot be reached."""
        batch = self._next.get(tenant_id)
        if batch is None:
            batch = self._next[tenant_id] = _Batch()
            batch.reading = asyncio.ensure_future(self._read(tenant_id, batch, self._under_way.get(tenant_id)))
        for field, since_ms in verified_from_ms.items():
            batch.verified_from_ms[field] = max(since_ms, batch.verified_from_ms.get(field, 0))
        batch.rings.update(rings)
        assert batch.reading is not None
        await asyncio.shield(batch.reading)  # others wait for it, too

    async def _read(self, tenant_id: UUID, batch: _Batch, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            with contextlib.suppress(Exception):  # those who waited for that one have been told
                await asyncio.shield(before)
        del self._next[tenant_id]  # who comes from now on waits for the one after this
        own = self._under_way[tenant_id] = batch.reading  # type: ignore[assignment]
        try:
            work = partial(
                ledger.seed,
                tenant_id,
                batch.verified_from_ms,
                sorted(batch.rings),
                verified_from_ms=batch.verified_from_ms,
            )
            await self._threads.once(("seed", tenant_id), work)
        finally:
            if self._under_way.get(tenant_id) is own:
                del self._under_way[tenant_id]
