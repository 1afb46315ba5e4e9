"""One connection pool to Redis for the event loop, and commands sent together.

Commands that requests issue within the same turn of the event loop leave as one pipeline: under load a round trip, its system
calls and redis-py's own work are shared by all of them. A failure of one command reaches only who sent it; Redis being
unreachable raises `StoreUnavailable` for all of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from pathlib import Path
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError

from gateway.errors import StoreUnavailable
from gateway.stores.packing import with_packing

logger = logging.getLogger(__name__)

MAX_BATCH = 512


class Script:
    """A Lua script from this folder, after the others it builds on; called by its SHA-1, sent whole only where Redis does not know it."""

    def __init__(self, *names: str) -> None:
        folder = Path(__file__).parent / "scripts"
        self.text = "\n".join((folder / f"{name}.lua").read_text() for name in names)
        self.sha1 = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class RedisStore:
    """The event loop's Redis. Every method raises `StoreUnavailable` when Redis cannot be reached or does not answer in time."""

    def __init__(self, url: str, *, timeout_seconds: float, is_cluster: bool = False) -> None:
        client: Any = RedisCluster if is_cluster else Redis
        self._client = client.from_url(
            url,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 1),  # once, on a fresh connection: an idle one may have been closed
            health_check_interval=0,
            decode_responses=False,
        )
        if not is_cluster:
            pool = self._client.connection_pool
            pool.connection_class = with_packing(pool.connection_class)
        self._waiting: list[tuple[tuple[Any, ...], asyncio.Future[Any]]] = []
        self._flushes: set[asyncio.Task[None]] = set()

    async def call(self, *command: Any) -> Any:
        """The reply to one command. An error reply raises redis-py's `ResponseError`."""
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Any] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._flush)
        self._waiting.append((command, reply))
        return await reply

    async def run(self, script: Script, keys: list[str], args: list[Any]) -> Any:
        """Run a script: atomic, one round trip (two the first time after Redis lost its script cache).

        A Redis that answers with an error (out of memory, read-only, loading) is as good as one that does not answer.
        """
        try:
            try:
                return await self.call("EVALSHA", script.sha1, len(keys), *keys, *args)
            except NoScriptError:
                return await self.call("EVAL", script.text, len(keys), *keys, *args)
        except ResponseError as error:
            logger.error("Redis refuses a script: %s", error)
            raise _unavailable() from error

    async def quiet(self) -> None:
        """Wait until everything sent so far has been answered or has failed, whether anybody waits for it or not."""
        await asyncio.sleep(0)  # what has been asked for in this turn is sent at its end
        if self._flushes:
            await asyncio.wait(set(self._flushes))

    async def close(self) -> None:
        await self._client.aclose()

    def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            task = asyncio.ensure_future(self._send(batch))
            self._flushes.add(task)
            task.add_done_callback(self._flushes.discard)

    async def _send(self, batch: list[tuple[tuple[Any, ...], asyncio.Future[Any]]]) -> None:
        pipeline = self._client.pipeline(transaction=False)
        for command, _ in batch:
            pipeline.execute_command(*command)
        try:
            replies = await pipeline.execute(raise_on_error=False)
        except Exception as error:  # uvloop, for one, raises RuntimeError for a connection that is just being closed
            if not isinstance(error, RedisError | OSError | TimeoutError):
                logger.exception("a batch for Redis failed")
            logger.warning("Redis: %s: %s", type(error).__name__, error)
            for _, reply in batch:
                if not reply.done():
                    failure = _unavailable()
                    failure.__cause__ = error
                    reply.set_exception(failure)
            return
        for (_, reply), value in zip(batch, replies, strict=True):
            if reply.done():
                continue  # its request is gone
            if isinstance(value, ResponseError):
                reply.set_exception(value)
            elif isinstance(value, Exception):  # of one node of a cluster
                reply.set_exception(_unavailable())
            else:
                reply.set_result(value)


def _unavailable() -> StoreUnavailable:
    return StoreUnavailable("Limits cannot be checked just now. Try again in a few seconds.", retry_after_seconds=1)
