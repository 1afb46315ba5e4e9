"""A Redis Cluster, spoken to by redis-py, which knows what node has which keys. Commands of the same turn leave as one pipeline."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from redis.asyncio import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from gateway.stores.redis_link import LinkDown

logger = logging.getLogger(__name__)
MAX_BATCH = 512


class ClusterLink:
    """As `redis_link.Link`, for a cluster."""

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        client: Any = RedisCluster
        self._client = client.from_url(
            url,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 1),  # once, on a fresh connection: an idle one may have been closed
            health_check_interval=0,
            decode_responses=False,
        )
        self._waiting: list[tuple[tuple[Any, ...], asyncio.Future[Any]]] = []
        self._sending: set[asyncio.Task[None]] = set()

    connection, is_idle = 0, False  # what is sent leaves whenever its task gets to it

    def send(self, command: tuple[Any, ...]) -> asyncio.Future[Any]:
        """The reply to come: a value, or as an exception `LinkDown` or redis-py's `ResponseError`."""
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Any] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._flush)
        self._waiting.append((command, reply))
        return reply

    async def quiet(self) -> None:
        """Wait until everything sent so far has been answered or has failed."""
        await asyncio.sleep(0)  # what has been asked for in this turn is sent at its end
        if self._sending:
            await asyncio.wait(set(self._sending))

    async def close(self) -> None:
        await self._client.aclose()

    def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            task = asyncio.ensure_future(self._send(batch))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

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
            replies = [error] * len(batch)
        for (_, reply), value in zip(batch, replies, strict=True):
            if reply.done():
                continue  # its request is gone
            if isinstance(value, ResponseError):
                reply.set_exception(value)
            elif isinstance(value, Exception):  # of one node, or of all
                reply.set_exception(LinkDown(f"{type(value).__name__}: {value}"))
            else:
                reply.set_result(value)
