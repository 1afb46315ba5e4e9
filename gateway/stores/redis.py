"""The event loop's Redis: commands and scripts, on one server or a cluster.

Under load, commands that requests issue within the same turn of the event loop leave together: a round trip and its system calls are
shared by all of them. An error reply to one command reaches only who sent it; Redis being unreachable raises `StoreUnavailable` for
all of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from redis.exceptions import NoScriptError, ResponseError

from gateway.errors import StoreUnavailable
from gateway.stores.redis_cluster import ClusterLink
from gateway.stores.redis_link import Link, LinkDown

logger = logging.getLogger(__name__)


class Script:
    """A Lua script from this folder, after the others it builds on; called by its SHA-1, sent whole only where Redis does not know it."""

    def __init__(self, *names: str) -> None:
        folder = Path(__file__).parent / "scripts"
        self.text = "\n".join((folder / f"{name}.lua").read_text() for name in names)
        self.sha1 = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class RedisStore:
    """The event loop's Redis. Every method raises `StoreUnavailable` when Redis cannot be reached or does not answer in time."""

    def __init__(self, url: str, *, timeout_seconds: float, is_cluster: bool = False) -> None:
        self._link: Link | ClusterLink = (ClusterLink if is_cluster else Link)(url, timeout_seconds=timeout_seconds)
        self._known: dict[str, int] = {}  # scripts that a server has run, and the number of the connection to it

    async def call(self, *command: Any) -> Any:
        """The reply to one command, in the types of RESP 3. An error reply raises redis-py's `ResponseError`."""
        try:
            return await self._link.send(command)
        except LinkDown as error:
            raise _unavailable() from error

    def is_sure(self, script: Script) -> bool:
        """Whether that script, started now, will be done before anybody can look who hears of it by what this process writes in the
        next turn of the event loop. Redis has to know it, and is asked by a connection that is there."""
        connection = self._link.connection
        return connection != 0 and self._known.get(script.sha1) == connection

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way: what is started now leaves at once, and until its reply comes there is time for something else."""
        return self._link.is_idle

    def start(self, script: Script, keys: list[str], args: list[Any]) -> Coroutine[Any, Any, Any]:
        """Send a script off; await what this returns, once, for its reply. Atomic, one round trip (two the first time after Redis lost its
        script cache).

        A Redis that answers with an error (out of memory, read-only, loading) is as good as one that does not answer.
        """
        return self._reply(self._link.send(("EVALSHA", script.sha1, len(keys), *keys, *args)), script, keys, args)

    async def run(self, script: Script, keys: list[str], args: list[Any]) -> Any:
        """The reply to a script, sent as by `start`."""
        return await self.start(script, keys, args)

    async def _reply(self, reply: asyncio.Future[Any], script: Script, keys: list[str], args: list[Any]) -> Any:
        try:
            try:
                told = await reply
            except NoScriptError:
                told = await self._link.send(("EVAL", script.text, len(keys), *keys, *args))
        except LinkDown as error:
            raise _unavailable() from error
        except ResponseError as error:
            logger.error("Redis refuses a script: %s", error)
            raise _unavailable() from error
        self._known[script.sha1] = self._link.connection
        return told

    async def quiet(self) -> None:
        """Wait until everything sent so far has been answered or has failed, whether anybody waits for it or not."""
        await self._link.quiet()

    async def close(self) -> None:
        await self._link.close()


def _unavailable() -> StoreUnavailable:
    return StoreUnavailable("Limits cannot be checked just now. Try again in a few seconds.", retry_after_seconds=1)
