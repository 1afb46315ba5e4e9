"""The semantic cache for requests: the nearest earlier questions, asked of PostgreSQL without a thread; and the streams that fill it.

A search (`stores.nearest`) is one message to PostgreSQL and one back. It never raises and never holds a request up for longer than its
budget: too late, too many at once, or PostgreSQL away are all the same as finding nothing, and after a few failures in a row nobody tries
for a while (`stores.pauses`). What was measured is in docs/semantic-cache.md.
"""

from __future__ import annotations

import asyncio
import logging
import time
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from prometheus_client import Counter, Histogram

from gateway.caching import semantic
from gateway.caching.semantic import Asked, Given, Hit
from gateway.errors import StoreUnavailable
from gateway.stores import nearest
from gateway.stores.nearest import AWAY, BUSY, FAILED, FOUND, LATE, NONE, Search
from gateway.stores.pauses import Pauses
from gateway.stores.redis import RedisStore
from tenants import encryption, redis_keys

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

logger = logging.getLogger(__name__)

CANDIDATES = 3
MOST_WAITING = 32  # for a connection; more are told that nothing was found

SEARCHES = Counter("tollgate_semantic_searches_total", "Searches of the semantic cache.", ["outcome"])
SECONDS = Histogram(
    "tollgate_semantic_search_seconds",
    "Time of a search, apart from embedding the question.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 3),
)
LOST = Counter("tollgate_semantic_lost_total", "Answers and hits that Redis did not take.", ["what"])
AWAY_STATES = ("08", "53", "57P")  # SQLSTATEs of a server that goes away, or takes no more connections


class SemanticStore:
    """To be used from one event loop. Connects on the first search."""

    def __init__(self, redis: RedisStore, *, conninfo: str, most_connections: int, budget_seconds: float) -> None:
        self._redis = redis
        self._conninfo = conninfo
        self._most_connections = most_connections
        self.budget_seconds = budget_seconds
        self._pool: AsyncConnectionPool[AsyncConnection[Any]] | None = None
        self._pauses = Pauses()
        self._searching: set[asyncio.Task[Search]] = set()
        self._in_use = 0  # connections

    async def nearest(
        self,
        tenant_id: UUID,
        scope: bytes,
        vector: Sequence[float],
        *,
        least: float,
        max_age_seconds: float | None = None,
        limit: int = CANDIDATES,
        budget_seconds: float | None = None,
        is_stale: bool = False,
    ) -> Search:
        """The nearest fresh entries of the scope, or with `is_stale` those past their time, too. `least`: from which similarity on their
        answers are wanted."""
        where = f"scope = '{nearest.literal(scope)}' AND {'stale_until' if is_stale else 'expires_at'} > now()"
        if max_age_seconds is not None:
            where += f" AND answered_at > now() - {float(max_age_seconds)} * interval '1 second'"
        return await self._search(tenant_id, where, vector, least, limit, budget_seconds or self.budget_seconds)

    async def stand_ins(
        self, tenant_id: UUID, kin: bytes, vector: Sequence[float], *, least: float, budget_seconds: float
    ) -> Search:
        """The nearest entry of the wider scope, past its time or not, for where no model can answer."""
        where = f"kin = '{nearest.literal(kin)}' AND stale_until > now()"
        return await self._search(tenant_id, where, vector, least, 1, budget_seconds)

    async def give(self, tenant_id: UUID, given: Given) -> bool:
        """Hand an answer over to be kept; whether it was. Never raises: an answer that is not kept is no failure."""
        if len(given.body) > semantic.MOST_BODY_BYTES or len(given.question) > semantic.MOST_QUESTION_CHARACTERS:
            return False
        return await self._add(
            redis_keys.given_answers(tenant_id), semantic.MOST_WAITING_ANSWERS, msgspec.msgpack.encode(given), "answer"
        )

    async def note_hit(self, tenant_id: UUID, hit: Hit) -> bool:
        """Have a hit counted, and checked if it brings its request along; whether Redis took it. Never raises."""
        return await self._add(
            redis_keys.semantic_hits(tenant_id), semantic.MOST_WAITING_HITS, msgspec.msgpack.encode(hit), "hit"
        )

    async def close(self) -> None:
        for task in self._searching:
            task.cancel()
        await asyncio.gather(*self._searching, return_exceptions=True)
        if self._pool is not None:
            await self._pool.close(timeout=1.0)

    async def _add(self, stream: str, most: int, record: bytes, what: str) -> bool:
        try:
            await self._redis.call("XADD", stream, "MAXLEN", "~", most, "*", "r", record)
        except StoreUnavailable:
            LOST.labels(what).inc()
            logger.warning("an %s for the semantic cache is lost, Redis is away", what)
            return False
        return True

    async def _search(
        self, tenant_id: UUID, where: str, vector: Sequence[float], least: float, limit: int, budget_seconds: float
    ) -> Search:
        began = time.perf_counter()
        search = await self._within(
            budget_seconds, nearest.statement(tenant_id, where, vector, least, limit, budget_seconds)
        )
        SEARCHES.labels(search.outcome).inc()
        SECONDS.observe(time.perf_counter() - began)
        return search

    async def _within(self, budget_seconds: float, statement: bytes) -> Search:
        permit = self._pauses.permit()
        if permit is None:
            return Search(AWAY)
        task = asyncio.ensure_future(self._run(statement, budget_seconds))
        self._searching.add(task)
        task.add_done_callback(self._searching.discard)
        try:
            # Not `asyncio.timeout`: cancelling a query waits for PostgreSQL to confirm, and PostgreSQL may be what hangs.
            await asyncio.wait({task}, timeout=budget_seconds)
        except asyncio.CancelledError:
            task.cancel()
            permit.is_unknown()
            raise
        if not task.done():
            task.cancel()
            permit.went_badly()
            return Search(LATE)
        search = task.result()
        if search.outcome == AWAY:
            permit.went_badly()
        elif search.outcome == BUSY:
            permit.is_unknown()
        else:
            permit.went_well()
        return search

    async def _run(self, statement: bytes, budget_seconds: float) -> Search:
        """The search itself. Raises nothing but `CancelledError`."""
        import psycopg
        from psycopg import errors
        from psycopg_pool import PoolTimeout, TooManyRequests

        try:
            pool = self._pool or await self._open()
            async with pool.connection(timeout=budget_seconds) as connection:
                self._in_use += 1
                try:
                    cursor = await connection.execute(statement)
                    cursor.nextset()
                    rows = await cursor.fetchall()
                finally:
                    self._in_use -= 1
        except TooManyRequests:
            return Search(BUSY)
        except PoolTimeout:
            return Search(BUSY if self._in_use else AWAY)
        except errors.QueryCanceled:
            return Search(LATE)
        except (psycopg.Error, OSError) as error:
            state = getattr(error, "sqlstate", None) or "08"
            if state.startswith(AWAY_STATES):
                logger.warning("the semantic cache cannot reach PostgreSQL: %s", error)
                return Search(AWAY)
            logger.error("the semantic cache cannot be searched: %s", error)
            return Search(FAILED)
        candidates = tuple(nearest.candidate(row) for row in rows)
        return Search(FOUND if any(one.packed is not None for one in candidates) else NONE, candidates)

    async def _open(self) -> AsyncConnectionPool[AsyncConnection[Any]]:
        from psycopg import AsyncConnection
        from psycopg_pool import AsyncConnectionPool

        self._pool = AsyncConnectionPool(
            self._conninfo,
            connection_class=AsyncConnection,
            kwargs={"autocommit": True, "prepare_threshold": None, "connect_timeout": 2},
            min_size=1,
            max_size=self._most_connections,
            max_waiting=MOST_WAITING,
            max_idle=60.0,
            reconnect_timeout=5.0,
            name="semantic",
            open=False,
        )
        await self._pool.open()
        return self._pool


def sealed(asked: Asked) -> str:
    """A request as a `Hit` brings it along to be checked: under the newest encryption key; empty if it is too large."""
    if len(asked.content) > semantic.MOST_CHECKED_BYTES:
        return ""
    return encryption.encrypt(msgspec.json.encode(asked).decode())


def as_bytes(vector: Sequence[float]) -> bytes:
    """A vector as `Given` takes it."""
    return array("f", vector).tobytes()
