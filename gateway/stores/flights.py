"""Single flight: of requests that ask the same at once, one calls the provider and the others wait for its answer, over all processes.

The reserve script says who is the one: its request's id stands under a key in Redis that lives for seconds and is prolonged while the
request is under way. Here is what one process does about it. Those who wait for a request of this process are woken by its end. Of those
who wait for another process's, one asks again and again, and wakes the others once it knows. Where the process of the one has died, its
flight runs out, and whoever asks next takes it over.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from typing import Any
from uuid import UUID

from gateway.errors import StoreUnavailable
from gateway.stores.lookups import FLIGHT_LEASE_MS
from gateway.stores.redis import RedisStore, Script
from tenants import redis_keys

logger = logging.getLogger(__name__)
_PROLONG = Script("prolong")
BEAT_SECONDS = 1.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.03, 0.25

Name = tuple[UUID, str]  # tenant and fingerprint


class Flight:
    """A request that others may wait for. Whoever settles it ends it."""

    __slots__ = ("_flights", "began", "name", "request_id")

    def __init__(self, flights: Flights, name: Name, request_id: str) -> None:
        self._flights = flights
        self.name = name
        self.request_id = request_id
        self.began = time.monotonic()

    def end(self) -> None:
        """Wake those who wait for it here. Idempotent."""
        self._flights.ended(self)

    async def is_awaited(self) -> bool:
        """Whether anybody waits for it, here or elsewhere. False if Redis is away."""
        return await self._flights.is_awaited(self)


class _Group:
    """Requests of this process that wait for the same answer; `asker` is the one that asks again."""

    __slots__ = ("asker", "pause", "waiting")

    def __init__(self) -> None:
        self.asker: object | None = None
        self.pause = FIRST_PAUSE_SECONDS
        self.waiting: deque[asyncio.Future[None]] = deque()

    def wake(self, most: int | None = None) -> None:
        for _ in range(len(self.waiting) if most is None else min(most, len(self.waiting))):
            woken = self.waiting.popleft()
            if not woken.done():
                woken.set_result(None)


class Flights:
    """Those of one process. To be used from its event loop only."""

    def __init__(self, redis: RedisStore, *, longest_seconds: float) -> None:
        """A flight that takes longer than `longest_seconds` is not prolonged any more."""
        self._redis = redis
        self._longest_seconds = longest_seconds
        self._led: dict[Name, Flight] = {}
        self._groups: dict[Name, _Group] = {}
        self._beating: asyncio.Task[None] | None = None

    def lead(self, name: Name, request_id: str) -> Flight:
        """This process's request is the one that calls."""
        flight = self._led[name] = Flight(self, name, request_id)
        if self._beating is None or self._beating.done():
            self._beating = asyncio.ensure_future(self._beat())
        return flight

    def ended(self, flight: Flight) -> None:
        if self._led.get(flight.name) is flight:
            del self._led[flight.name]
            group = self._groups.get(flight.name)
            if group is not None:
                group.wake()
                self._tidy(flight.name, group)

    async def turn(self, name: Name, me: object, *, seconds: float) -> None:
        """Wait until it makes sense for `me` to ask again, `seconds` at most. `leave` must follow, some time."""
        group = self._groups.setdefault(name, _Group())
        if name not in self._led and group.asker in (None, me):
            group.asker = me
            pause, group.pause = group.pause, min(group.pause * 2, LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(max(0.0, min(pause, seconds)))
            return
        woken = asyncio.get_running_loop().create_future()
        group.waiting.append(woken)
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await woken
        except TimeoutError:
            pass
        finally:
            if woken in group.waiting:
                group.waiting.remove(woken)

    def leave(self, name: Name, me: object, *, is_known: bool) -> None:
        """`me` waits no longer. `is_known`: it has learnt what becomes of the others, too: there is an answer, or nobody makes one for all.

        Otherwise another one asks in its place.
        """
        group = self._groups.get(name)
        if group is None:
            return
        if group.asker is me:
            group.asker = None
        if group.asker is None and name not in self._led:
            group.wake(None if is_known else 1)
        self._tidy(name, group)

    def _tidy(self, name: Name, group: _Group) -> None:
        if not group.waiting and group.asker is None:
            self._groups.pop(name, None)

    async def is_awaited(self, flight: Flight) -> bool:
        group = self._groups.get(flight.name)
        if group is not None and group.waiting:
            return True
        with contextlib.suppress(StoreUnavailable):
            value: Any = await self._redis.call("GET", redis_keys.flight(*flight.name))
            return value is not None and value == flight.request_id.encode() + b"+"
        return False

    async def _beat(self) -> None:
        while self._led:
            await asyncio.sleep(BEAT_SECONDS)
            now = time.monotonic()
            due = [item for item in self._led.values() if BEAT_SECONDS < now - item.began < self._longest_seconds]
            try:
                await asyncio.gather(*(self._prolong(item) for item in due))
            except StoreUnavailable:
                pass  # they run out, and may be taken over
            except Exception:
                logger.exception("prolonging flights failed")

    async def _prolong(self, flight: Flight) -> None:
        key = redis_keys.flight(*flight.name)
        await self._redis.run(_PROLONG, [key], [flight.request_id, FLIGHT_LEASE_MS])

    async def close(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._beating
