"""Reads of PostgreSQL for the event loop: in threads, each once for all who wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import Error as DatabaseError
from django.db import close_old_connections
from redis.exceptions import RedisError

from gateway.errors import StoreUnavailable

Result = TypeVar("Result")


class Threads:
    """A few threads with database connections of their own. To be used from one event loop."""

    def __init__(self, *, workers: int = 4, most_waiting: int | None = None) -> None:
        """`most_waiting`: where more wait for a thread, the next is refused."""
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="database")
        self._most_waiting = most_waiting
        self._running: dict[Hashable, asyncio.Future[Any]] = {}

    async def once(self, name: Hashable, work: Callable[[], Result]) -> Result:
        """Run `work` in a thread; who asks for the same name meanwhile gets the same result.

        Raises `StoreUnavailable` if PostgreSQL or Redis cannot be reached, or too many wait.
        """
        running = self._running.get(name)
        if running is None:
            if self._most_waiting is not None and len(self._running) >= self._most_waiting:
                raise StoreUnavailable("Too much at once. Try again in a few seconds.", retry_after_seconds=2)
            running = asyncio.get_running_loop().run_in_executor(self._pool, _with_connection, work)
            self._running[name] = running
            running.add_done_callback(lambda _: self._running.pop(name, None))
        try:
            result: Result = await asyncio.shield(running)
            return result
        except (DatabaseError, RedisError) as error:
            raise StoreUnavailable(
                "What Tollgate needs to know cannot be read just now. Try again in a few seconds.",
                retry_after_seconds=2,
            ) from error


def _with_connection(work: Callable[[], Result]) -> Result:
    close_old_connections()
    try:
        return work()
    finally:
        close_old_connections()
