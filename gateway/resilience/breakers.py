"""Circuit breakers: which models are not to be called for the moment, known to every process within a second.

A process counts how calls end and tells Redis at every beat, at once after a failure; `scripts/breaker.lua` decides. What is not closed
stands in one hash that every process reads at every beat, so that asking whether a model may be called costs no round trip, but for
a probe of one that is half-open. Without Redis each process goes by what it has counted itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from gateway.errors import StoreUnavailable
from gateway.resilience import latencies
from gateway.stores.redis import RedisStore, Script
from gateway.types import Health, Model
from tenants import redis_keys

logger = logging.getLogger(__name__)

BEAT_SECONDS = 0.25
LATENCY_SECONDS = 2.0  # between two looks at how long a model takes
PROBE_LEASE_MS = 60_000
BUSY_SECONDS = 0.25  # until the next request asks for a probe when all are taken
FORGET_SECONDS = 30.0  # what could not be told to Redis
STALE_SECONDS = 3600.0
CLOSED, OPEN, HALF_OPEN = "closed", "open", "half-open"
FIRST_BYTE, WHOLE = "first", "whole"
_BREAKER, _LATENCY = Script("breaker"), Script("latency")


@dataclass(frozen=True)
class Policy:
    """A breaker opens when of at least `least_calls` in 30 s more than `failure_percent` failed, and stays open for `open_seconds`. Then up
    to `probes` calls at once are let through; when as many went well, it closes."""

    least_calls: int = 10
    failure_percent: int = 50
    open_seconds: float = 30.0
    probes: int = 2

    @property
    def open_ms(self) -> int:
        return int(self.open_seconds * 1000)


class Cell:
    """What this process knows of one breaker. `probe_at`: monotonic seconds from when on an open one may be probed; `changed_at`: when
    what is known last changed."""

    __slots__ = (
        "badly", "changed_at", "counts", "generation", "key", "latency_key", "latency_told_at", "p95", "probe_at", "state",
        "untold_since", "used_at", "well",
    )  # fmt: skip

    def __init__(self, key: str, latency_key: str) -> None:
        self.key = key
        self.latency_key = latency_key
        self.state = CLOSED
        self.generation = 0
        self.probe_at = 0.0
        self.changed_at = 0.0
        self.well = self.badly = 0
        self.untold_since = 0.0
        self.counts: Counter[tuple[str, int]] = Counter()
        self.p95: dict[str, float | None] = {}
        self.latency_told_at = 0.0
        self.used_at = 0.0


class Permit:
    """Leave for one call of a model. Exactly one of `went_well`, `went_badly` and `is_unknown` ends it; a second one is ignored."""

    __slots__ = ("_breakers", "_cell", "_generation", "_has_ended", "_probe_id")

    def __init__(self, breakers: Breakers, cell: Cell, generation: int, probe_id: str = "") -> None:
        self._breakers = breakers
        self._cell = cell
        self._generation = generation
        self._probe_id = probe_id
        self._has_ended = False

    def took(self, kind: str, milliseconds: float) -> None:
        """Note how long it took to the first byte of a stream (`FIRST_BYTE`), or to a whole answer (`WHOLE`)."""
        self._cell.counts[kind, latencies.bucket(milliseconds)] += 1

    def went_well(self) -> None:
        self._end("well")

    def went_badly(self) -> None:
        self._end("badly")

    def is_unknown(self) -> None:
        """It says nothing about the model: the request was at fault, or its client left."""
        self._end("unknown")

    def _end(self, how: str) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._breakers.note(self._cell, self._generation, how, self._probe_id)


class Breakers:
    """The breakers as one process sees them. To be used from its event loop only."""

    def __init__(self, redis: RedisStore, policy: Policy) -> None:
        self._redis = redis
        self._policy = policy
        self._cells: dict[str, Cell] = {}
        self._beating: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[None]] = set()

    def _cell(self, model: Model) -> Cell:
        key = redis_keys.breaker(model.provider.id, model.upstream_id)
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = Cell(key, redis_keys.latency(model.provider.id, model.upstream_id))
        return cell

    async def permit(self, model: Model) -> Permit | None:
        """Leave to call the model; None while its breaker is open."""
        if self._beating is None:
            await self._begin()
        cell = self._cell(model)
        now = cell.used_at = time.monotonic()
        if model.breaker == OPEN:
            return None
        if cell.state == CLOSED or model.breaker == CLOSED:
            return Permit(self, cell, cell.generation)
        if now < cell.probe_at:
            return None
        probe_id = uuid4().hex
        try:
            reply = await self._run(cell, cell.generation, "probe", probe_id, PROBE_LEASE_MS, self._policy.probes)
        except StoreUnavailable:
            cell.probe_at = now + self._policy.open_seconds  # one at a time, as nobody can be asked
            return Permit(self, cell, cell.generation)
        state = reply[0].decode()
        if state == "granted":
            cell.generation, cell.changed_at = int(reply[1]), time.monotonic()
            return Permit(self, cell, cell.generation, probe_id)
        self._learn(cell, state, int(reply[1]), int(reply[2]), asked_at=now)
        if cell.state == CLOSED:
            return Permit(self, cell, cell.generation)
        cell.probe_at = max(cell.probe_at, now + BUSY_SECONDS)
        return None

    def health(self, model: Model) -> Health:
        """As this process knows it; costs no round trip."""
        cell = self._cells.get(redis_keys.breaker(model.provider.id, model.upstream_id))
        if cell is None:
            return Health(is_open=model.breaker == OPEN)
        is_open = model.breaker == OPEN or (
            model.breaker != CLOSED and cell.state != CLOSED and time.monotonic() < cell.probe_at
        )
        return Health(is_open, cell.p95.get(FIRST_BYTE), cell.p95.get(WHOLE))

    def wait_seconds(self, model: Model) -> float:
        """Until the model may be tried again."""
        return max(0.0, self._cell(model).probe_at - time.monotonic())

    def note(self, cell: Cell, generation: int, how: str, probe_id: str) -> None:
        """How a call ended, for `Permit` only."""
        if probe_id:
            self._tell_soon(self._end_probe(cell, generation, probe_id, how))
            return
        if how == "unknown" or generation != cell.generation:
            return  # late: the breaker has opened or closed since the call began
        if not cell.well and not cell.badly:
            cell.untold_since = time.monotonic()
        if how == "well":
            cell.well += 1
        else:
            cell.badly += 1
            self._tell_soon(self._report(cell))

    def _tell_soon(self, telling: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(telling)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _run(self, cell: Cell, generation: int, what: str, *more: object) -> list[bytes]:
        keys = [cell.key, redis_keys.open_breakers(), redis_keys.breaker_changes()]
        reply: list[bytes] = await self._redis.run(_BREAKER, keys, [what, generation, *more])
        return reply

    async def _end_probe(self, cell: Cell, generation: int, probe_id: str, how: str) -> None:
        asked_at = time.monotonic()
        with contextlib.suppress(StoreUnavailable):  # its lease ends
            reply = await self._run(cell, generation, "ended", probe_id, how, self._policy.probes, self._policy.open_ms)
            self._learn(cell, reply[0].decode(), int(reply[1]), int(reply[2]), asked_at=asked_at)

    async def _report(self, cell: Cell) -> None:
        """Tell Redis how calls ended; without it, decide alone."""
        well, badly = cell.well, cell.badly
        if not well and not badly:
            return  # another one has told it
        cell.well = cell.badly = 0
        asked_at = time.monotonic()
        try:
            policy = self._policy
            reply = await self._run(
                cell, cell.generation, "report", well, badly, policy.least_calls, policy.failure_percent, policy.open_ms
            )
        except StoreUnavailable:
            cell.well += well
            cell.badly += badly
            self._decide_alone(cell)
            return
        self._learn(cell, reply[0].decode(), int(reply[1]), int(reply[2]), asked_at=asked_at)

    def _decide_alone(self, cell: Cell) -> None:
        calls, policy = cell.well + cell.badly, self._policy
        if cell.state == CLOSED and calls >= policy.least_calls and cell.badly * 100 > calls * policy.failure_percent:
            self._change(cell, OPEN, policy.open_ms)
            cell.well = cell.badly = 0
        elif time.monotonic() - cell.untold_since > FORGET_SECONDS:
            cell.well = cell.badly = 0

    def _learn(self, cell: Cell, state: str, generation: int, wait_ms: int, *, asked_at: float) -> None:
        """What Redis said to a question asked at that time, unless a change is known that it may not have known: replies can come
        in another order than they were made in, and the next beat puts right what is missed here."""
        if cell.changed_at > asked_at:
            return
        if generation != cell.generation:
            cell.generation, cell.changed_at = generation, time.monotonic()
            cell.well = cell.badly = 0
        if state != cell.state or state == OPEN:
            self._change(cell, state, wait_ms)

    def _change(self, cell: Cell, state: str, wait_ms: int) -> None:
        if state != cell.state:
            cell.changed_at = time.monotonic()
            logger.warning("circuit breaker %s: %s → %s", cell.key.removeprefix(redis_keys.BREAKERS), cell.state, state)
        cell.state = state
        cell.probe_at = time.monotonic() + wait_ms / 1000

    async def _begin(self) -> None:
        """Know what is open before the first call, and beat from then on."""
        self._beating = asyncio.ensure_future(self._beat())
        with contextlib.suppress(StoreUnavailable):
            await self._look()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                await self.look_after()
            except StoreUnavailable:
                for cell in self._cells.values():
                    self._decide_alone(cell)
            except Exception:
                logger.exception("looking after the circuit breakers failed")

    async def look_after(self) -> None:
        """One beat. Raises `StoreUnavailable` if Redis is away."""
        await self._look()
        now = time.monotonic()
        for cell in [cell for cell in self._cells.values() if cell.well or cell.badly]:
            await self._report(cell)
        for cell in [cell for cell in self._cells.values() if now - cell.latency_told_at > LATENCY_SECONDS]:
            if cell.counts or now - cell.used_at < 60:
                await self._tell_latency(cell, now)

    async def _look(self) -> None:
        """What is not closed, as every process sees it."""
        asked_at = time.monotonic()
        found = await self._redis.call("HGETALL", redis_keys.open_breakers())
        pairs = found.items() if isinstance(found, dict) else zip(found[::2], found[1::2], strict=True)
        states = {key.decode(): value.decode().split("|") for key, value in pairs}
        now = time.time()
        for key, (state, generation, until_ms) in states.items():
            wait = int(until_ms) / 1000 - now
            if wait < -STALE_SECONDS:
                await self._redis.call("HDEL", redis_keys.open_breakers(), key)
                continue
            provider_id, _, model = key.removeprefix(redis_keys.BREAKERS).partition("/")
            cell = self._cells.get(key)
            if cell is None:
                cell = self._cells[key] = Cell(key, redis_keys.latency(provider_id, model))
            if state != cell.state or int(generation) != cell.generation:
                self._learn(cell, state, int(generation), max(0, int(wait * 1000)), asked_at=asked_at)
        for cell in self._cells.values():
            if cell.state != CLOSED and cell.key not in states:
                self._learn(cell, CLOSED, cell.generation, 0, asked_at=asked_at)

    async def _tell_latency(self, cell: Cell, now: float) -> None:
        counts, cell.counts = cell.counts, Counter()
        cell.latency_told_at = now
        told = [item for (kind, bucket), count in counts.items() for item in (kind, bucket, count)]
        found = await self._redis.run(_LATENCY, [cell.latency_key], told)
        sums: dict[str, Counter[int]] = {FIRST_BYTE: Counter(), WHOLE: Counter()}
        for kind, bucket, count in zip(found[::3], found[1::3], found[2::3], strict=True):
            sums[kind.decode()][int(bucket)] += int(count)
        cell.p95 = {kind: latencies.percentile(counted, 95) for kind, counted in sums.items()}

    async def close(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._beating
        for task in list(self._telling):
            task.cancel()
