"""What a gateway process holds while it runs: its Redis, its snapshots, its connections to providers. One per event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from ssl import SSLContext
from uuid import UUID
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import connection
from psycopg.conninfo import make_conninfo

from gateway import embedders, ledger
from gateway.caching.fingerprints import Known
from gateway.caching.lately import Lately
from gateway.context.background import Background
from gateway.context.vectors import Embed, Vectors
from gateway.prefix.memory import PrefixMemory
from gateway.providers import http
from gateway.providers.connection import Connection
from gateway.providers.http import Origin
from gateway.providers.response import Forbidden
from gateway.providers.transport import Timeouts, Transport
from gateway.resilience.breakers import Breakers, Policy
from gateway.resilience.retries import RetryBudget
from gateway.routing.conversations import Conversations
from gateway.seedings import Seedings
from gateway.stores.accounts import Accounts
from gateway.stores.calibration import Calibration
from gateway.stores.flights import Flights
from gateway.stores.guesses import Guesses
from gateway.stores.redis import RedisStore
from gateway.stores.semantic import SemanticStore
from gateway.stores.snapshots import Snapshots
from gateway.stores.spool import Spool
from gateway.stores.summaries import Summaries
from gateway.stores.threads import Threads
from tenants import outbound


class Runtime:
    """Made on first use, closed at shutdown."""

    def __init__(self) -> None:
        self.redis = RedisStore(
            settings.REDIS_NODE_URL,
            timeout_seconds=settings.REDIS_TIMEOUT_SECONDS,
            is_cluster=settings.REDIS_IS_CLUSTER,
        )
        self.threads = Threads()
        self.seedings = Seedings(self.threads)
        self.votes = Threads(workers=2, most_waiting=200)  # of their own: whoever reads an answer may send one
        self.snapshots = Snapshots(
            self.redis,
            self.threads,
            settings.GATEWAY_SNAPSHOT_CAPACITY,
            look_ups=Threads(workers=2, most_waiting=1000),
            guesses=Guesses(settings.GATEWAY_UNKNOWN_KEYS_PER_MINUTE),
        )
        self.accounts = Accounts(
            self.redis,
            Spool(settings.GATEWAY_SPOOL_DIR),
            lease_seconds=settings.GATEWAY_LEASE_SECONDS,
            reopen=self._reopen_counters,
        )
        self.transport = Transport(
            Timeouts(
                first_byte=settings.GATEWAY_FIRST_BYTE_SECONDS,
                idle=settings.GATEWAY_IDLE_SECONDS,
                total=settings.GATEWAY_TOTAL_SECONDS,
            ),
            connect_guarded=_connect_guarded,
        )
        self.breakers = Breakers(
            self.redis,
            Policy(
                least_calls=settings.GATEWAY_BREAKER_CALLS,
                failure_percent=settings.GATEWAY_BREAKER_PERCENT,
                open_seconds=settings.GATEWAY_BREAKER_SECONDS,
            ),
        )
        self.retry_budget = RetryBudget()
        self.calibration = Calibration(self.redis)
        self.conversations = Conversations()
        self.prefixes = PrefixMemory()
        self.embedder = embedders.make()
        self.embed: Embed = self.embedder.embed
        self.vectors = Vectors()
        self.semantic = SemanticStore(
            self.redis,
            conninfo=_conninfo(),
            most_connections=settings.GATEWAY_SEMANTIC_CONNECTIONS,
            budget_seconds=settings.GATEWAY_SEMANTIC_SECONDS,
        )
        self.semantic_wait_seconds: float = settings.GATEWAY_SEMANTIC_WAIT_SECONDS
        self.summaries = Summaries(self.redis)
        self.background = Background(settings.GATEWAY_BACKGROUND_REQUESTS)
        self.handing_over = Background(256)  # answers to their judges: a round trip to Redis each
        self.flights = Flights(self.redis, longest_seconds=settings.GATEWAY_TOTAL_SECONDS)
        self.flight_wait_seconds: float = settings.GATEWAY_FLIGHT_WAIT_SECONDS
        self.fingerprints = Known(most_bytes=16_777_216)
        self.hits = Lately(seconds=30.0, most=20_000)  # fingerprints whose cached answers were given here
        self.hold_wait_seconds: float = settings.GATEWAY_HOLD_WAIT_SECONDS
        self.left_stream_seconds: float = settings.GATEWAY_LEFT_STREAM_SECONDS
        self.refuses_unpriced = settings.GATEWAY_UNPRICED_OPTIONS == "refuse"
        self.default_output_tokens: int = settings.GATEWAY_DEFAULT_OUTPUT_TOKENS
        self.least_output_tokens: int = settings.GATEWAY_LEAST_OUTPUT_TOKENS

    async def _reopen_counters(self, tenant_id: UUID) -> None:
        await self.threads.once(("reopen", tenant_id), partial(ledger.open_counters, tenant_id, were_lost=True))

    async def close(self) -> None:
        await self.background.close()
        await self.handing_over.close()
        self.vectors.close()
        await self.semantic.close()
        await self.transport.close()
        await self.breakers.close()
        await self.calibration.close()
        await self.flights.close()
        await self.accounts.close()
        await self.redis.close()


def _conninfo() -> str:
    """Where Django's own connections go."""
    given = connection.settings_dict
    names = {"dbname": "NAME", "host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    values = {name: given[key] for name, key in names.items() if given.get(key)}
    return make_conninfo(**{**given.get("OPTIONS", {}), **values})


async def _connect_guarded(origin: Origin, make: Callable[[], Connection], context: SSLContext | None) -> Connection:
    """To where tenants may lead us."""
    try:
        connected = await outbound.connected(origin.host, origin.port)
    except outbound.NotPublic as error:
        raise Forbidden(str(error)) from error
    return await http.over(connected, origin, make, context)


_runtimes: WeakKeyDictionary[asyncio.AbstractEventLoop, Runtime] = WeakKeyDictionary()
_last: tuple[asyncio.AbstractEventLoop, Runtime] | None = None


def current() -> Runtime:
    """The running event loop's."""
    global _last
    loop = asyncio.get_running_loop()
    if _last is not None and _last[0] is loop:  # a server has one loop
        return _last[1]
    runtime = _runtimes.get(loop)
    if runtime is None:
        runtime = _runtimes[loop] = Runtime()
    _last = loop, runtime
    return runtime


async def close() -> None:
    """Close the running event loop's, if there is one."""
    global _last
    _last = None
    runtime = _runtimes.pop(asyncio.get_running_loop(), None)
    if runtime is not None:
        await runtime.close()
