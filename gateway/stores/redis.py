"""The event loop's Redis: commands and scripts, on one server or a cluster.

Commands that requests issue within the same turn of the event loop leave together: under load a round trip and its system calls are
shared by all of them. An error reply to one command reaches only who sent it; Redis being unreachable raises `StoreUnavailable` for
all of them.
"""

from __future__ import annotations

import hashlib
import logging
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

    async def call(self, *command: Any) -> Any:
        """The reply to one command, in the types of RESP 3. An error reply raises redis-py's `ResponseError`."""
        try:
            return await self._link.send(command)
        except LinkDown as error:
            raise _unavailable() from error

    async def run(self, script: Script, keys: list[str], args: list[Any]) -> Any:
        """Run a script: atomic, one round trip (two the first time after Redis lost its script cache).

        A Redis that answers with an error (out of memory, read-only, loading) is as good as one that does not answer.
        """
        try:
            try:
                return await self._link.send(("EVALSHA", script.sha1, len(keys), *keys, *args))
            except NoScriptError:
                return await self._link.send(("EVAL", script.text, len(keys), *keys, *args))
        except LinkDown as error:
            raise _unavailable() from error
        except ResponseError as error:
            logger.error("Redis refuses a script: %s", error)
            raise _unavailable() from error

    async def quiet(self) -> None:
        """Wait until everything sent so far has been answered or has failed, whether anybody waits for it or not."""
        await self._link.quiet()

    async def close(self) -> None:
        await self._link.close()


def _unavailable() -> StoreUnavailable:
    return StoreUnavailable("Limits cannot be checked just now. Try again in a few seconds.", retry_after_seconds=1)
