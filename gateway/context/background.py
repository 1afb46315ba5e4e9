"""Work that no request waits for: once at a time for each name, a bounded number at once, given up at shutdown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable


class Background:
    """To be used from one event loop."""

    def __init__(self, most_at_once: int) -> None:
        self._most_at_once = most_at_once
        self._running: dict[Hashable, asyncio.Future[None]] = {}

    def start(self, name: Hashable, work: Callable[[], Awaitable[None]]) -> bool:
        """Start the work, which must not raise; False if there is too much of it already. Work of that name under way counts as started."""
        if name in self._running:
            return True
        if len(self._running) >= self._most_at_once:
            return False
        task = asyncio.ensure_future(work())
        self._running[name] = task
        task.add_done_callback(lambda _: self._running.pop(name, None))
        return True

    async def close(self) -> None:
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
