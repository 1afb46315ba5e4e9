"""What a gateway process holds while it runs: its Redis, its snapshots, its connections to providers. One per event loop."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from django.conf import settings

from gateway.providers.transport import Timeouts, Transport
from gateway.stores.redis import RedisStore
from gateway.stores.snapshots import Snapshots

LEASE_MARGIN_SECONDS = 30


class Runtime:
    """Made on first use, closed at shutdown."""

    def __init__(self) -> None:
        self.redis = RedisStore(settings.REDIS_URL, timeout_seconds=settings.REDIS_TIMEOUT_SECONDS)
        self.snapshots = Snapshots(self.redis, settings.GATEWAY_SNAPSHOT_CAPACITY)
        self.transport = Transport(
            Timeouts(
                first_byte=settings.GATEWAY_FIRST_BYTE_SECONDS,
                idle=settings.GATEWAY_IDLE_SECONDS,
                total=settings.GATEWAY_TOTAL_SECONDS,
            )
        )
        # A request lasts no longer than its total timeout, so a lease that ends later belongs to a process that died.
        self.lease_ms = int((settings.GATEWAY_TOTAL_SECONDS + LEASE_MARGIN_SECONDS) * 1000)

    async def close(self) -> None:
        await self.transport.close()
        await self.redis.close()


_runtimes: WeakKeyDictionary[asyncio.AbstractEventLoop, Runtime] = WeakKeyDictionary()


def current() -> Runtime:
    """The running event loop's."""
    loop = asyncio.get_running_loop()
    runtime = _runtimes.get(loop)
    if runtime is None:
        runtime = _runtimes[loop] = Runtime()
    return runtime


async def close() -> None:
    """Close the running event loop's, if there is one."""
    runtime = _runtimes.pop(asyncio.get_running_loop(), None)
    if runtime is not None:
        await runtime.close()
