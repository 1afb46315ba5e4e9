"""Embeddings of a conversation's turns, remembered in this process, and never waited for longer than a deadline.

A turn stands in every request of its conversation, so its vector is asked for once. What comes too late is remembered all the same: the
next request has it. Remembered by tenant, so that nobody's timing tells what another tenant has said.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from array import array
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

logger = logging.getLogger(__name__)

Vector = Sequence[float]
_Name = tuple[UUID, bytes]
Embed = Callable[[list[str]], Awaitable[Sequence[Sequence[float]]]]
CAPACITY = 20_000  # of 384 numbers each: some 30 MB at most
MOST_AT_ONCE = 64  # of a hanging embedder's callers; a working one takes what waits together


class Vectors:
    """To be used from one event loop."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._known: OrderedDict[_Name, Vector] = OrderedDict()
        self._running: set[asyncio.Task[dict[_Name, Vector]]] = set()

    async def of(
        self, tenant_id: UUID, texts: list[str], embed: Embed, *, wait_seconds: float, as_made: bool = False
    ) -> list[Vector] | None:
        """The texts' vectors in their order; None if they are not there in time, or cannot be had. `as_made`: those that were embedded
        just now are the very ones that the embedder gave, for who asks it for more about them."""
        names = [
            (tenant_id, hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()) for text in texts
        ]
        made: dict[_Name, Vector] = {}
        missing = {name: text for name, text in zip(names, texts, strict=True) if name not in self._known}
        if missing:
            if len(self._running) >= MOST_AT_ONCE:
                return None
            task = asyncio.ensure_future(self._learn(missing, embed))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            done, _ = await asyncio.wait({task}, timeout=wait_seconds)
            made = task.result() if done and as_made and not task.cancelled() else {}
        found = []
        for name in names:
            if (vector := self._known.get(name)) is None:
                return None
            self._known.move_to_end(name)
            found.append(made.get(name, vector))
        return found

    async def _learn(self, missing: dict[_Name, str], embed: Embed) -> dict[_Name, Vector]:
        made: dict[_Name, Vector] = {}
        try:
            vectors = await embed(list(missing.values()))
            for name, vector in zip(missing, vectors, strict=True):
                self._known[name], made[name] = array("f", vector), vector
        except Exception:
            logger.exception("turns could not be embedded")
        while len(self._known) > self._capacity:
            self._known.popitem(last=False)
        return made

    def close(self) -> None:
        for task in self._running:
            task.cancel()
