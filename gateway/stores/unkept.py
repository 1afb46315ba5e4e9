"""Settlements that neither Redis nor the disk would take wait here, in the process's memory, until one of them does.

Decides how many may wait and what is given up beyond that. A process that is killed meanwhile loses them; what they held is then charged by
the sweeper, where Redis still knows of it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec

from gateway.stores.counters import Settlement

logger = logging.getLogger(__name__)
MOST = 20_000  # of a few kilobytes each


class Unkept:
    """In the order in which they came. To be used from one event loop, and handed on by one task at a time."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._waiting: deque[Settlement] = deque()
        self.lost = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, settlement: Settlement) -> None:
        """Keep it, without the prompt and the answer it may carry: they may be large."""
        if len(self._waiting) >= self._most:
            self.lost += 1
            logger.error("a settlement could be kept nowhere: %s", settlement)
            return
        self._waiting.append(msgspec.structs.replace(settlement, content=b"", answer=b""))

    async def hand_on(self, take: Callable[[Settlement], Awaitable[None]]) -> None:
        """Give each to `take`, which is to be idempotent; what it raises is raised here, and that one and all later ones stay."""
        while self._waiting:
            await take(self._waiting[0])
            self._waiting.popleft()

    def give_up(self) -> None:
        """The process ends: say what is lost with it."""
        for settlement in self._waiting:
            self.lost += 1
            logger.error("a settlement could be kept nowhere: %s", settlement)
        self._waiting.clear()
