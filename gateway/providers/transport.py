"""HTTP to providers: one pool of connections per provider, bounded waits, and whatever goes wrong as an `UpstreamError`."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from gateway.errors import UpstreamFailed, UpstreamTimedOut
from gateway.providers import failures, http
from gateway.providers.http import Connect, Origin, Pool
from gateway.providers.response import BrokenOff, Forbidden, HttpFailure, Response, Unreachable
from gateway.types import Provider, WireRequest

CONNECT_SECONDS = 5.0
# Idle connections are dropped before the other side does it, so that no request is sent into one that is just closing. Providers keep
# theirs for a minute and more; a compatible server of one's own often for only 5 s (uvicorn, Node).
TLS_KEEP_ALIVE_SECONDS, PLAIN_KEEP_ALIVE_SECONDS = 30.0, 4.0
MAX_ERROR_BYTES = 256 * 1024
OWN_HEADERS = "User-Agent: tollgate\r\nAccept-Encoding: identity\r\n"


class Timeouts(NamedTuple):
    """Seconds: to the first byte of a stream, between its chunks, and for a whole answer or stream."""

    first_byte: float
    idle: float
    total: float


class _Way(NamedTuple):
    """To a provider: its connections, and where the path begins in its URLs."""

    base_url: str
    pool: Pool
    path_at: int


class Transport:
    """The pools of one process. Every method raises an `UpstreamError` for whatever goes wrong on the way."""

    def __init__(self, timeouts: Timeouts, *, connect_guarded: Connect = http.connect) -> None:
        """`connect_guarded` makes the connections to providers that tenants name themselves."""
        self._timeouts = timeouts
        self._connect_guarded = connect_guarded
        self._ways: dict[UUID, _Way] = {}

    def _way(self, provider: Provider) -> _Way:
        way = self._ways.get(provider.id)
        if way is None or way.base_url != provider.base_url:
            if way is not None:
                way.pool.close()
            origin = Origin.of(provider.base_url)
            pool = Pool(
                origin,
                connect_seconds=CONNECT_SECONDS,
                keep_alive_seconds=TLS_KEEP_ALIVE_SECONDS if origin.is_tls else PLAIN_KEEP_ALIVE_SECONDS,
                connect_with=self._connect_guarded if provider.is_guarded else http.connect,
            )
            path_at = provider.base_url.find("/", provider.base_url.index("//") + 2)
            way = self._ways[provider.id] = _Way(
                provider.base_url, pool, len(provider.base_url) if path_at < 0 else path_at
            )
        return way

    async def _post(self, provider: Provider, wire: WireRequest) -> Response:
        way = self._way(provider)
        head = _head(tuple(wire.headers.items()))
        return await way.pool.post(wire.url[way.path_at :].encode("ascii"), head, wire.body)

    async def whole(self, provider: Provider, wire: WireRequest, *, within_seconds: float | None = None) -> bytes:
        """The body of a 2xx answer, begun within that time (None: within the time for a whole answer)."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        response: Response | None = None
        try:
            response = await self._post(provider, wire)
            total = self._timeouts.total
            if within_seconds is not None and within_seconds < total:
                response.fail_at(began + within_seconds)
                await response.begin()
            response.fail_at(began + total)
            body = await response.read_all()
            if response.status >= 300:
                raise failures.from_response(provider, response.status, response.headers, body[:MAX_ERROR_BYTES])
            return body
        except (HttpFailure, TimeoutError, ValueError) as error:
            failure = _failure(provider, error)
            if response is not None and 0 < response.status < 300:
                failure.answer_bytes = response.declared_length or response.received
            raise failure from error
        finally:
            if response is not None:
                response.close()

    async def stream(self, provider: Provider, wire: WireRequest, *, within_seconds: float | None = None) -> ByteStream:
        """A 2xx answer whose first bytes have come, within that time (None: as the process is set)."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        response: Response | None = None
        try:
            response = await self._post(provider, wire)
            response.fail_at(began + min(self._timeouts.total, within_seconds or self._timeouts.first_byte))
            await response.begin()
            if response.status >= 300:
                body = (await response.read_all())[:MAX_ERROR_BYTES]
                raise failures.from_response(provider, response.status, response.headers, body)
            first = await response.read()
            response.fail_at(None)  # the stream has its own eye on it
            return ByteStream(provider, response, first, self._timeouts, began)
        except BaseException as error:
            if response is not None:
                response.close()
            if isinstance(error, HttpFailure | TimeoutError | ValueError):
                raise _failure(provider, error) from error
            raise

    async def close(self) -> None:
        for way in self._ways.values():
            way.pool.close()
        self._ways.clear()


class ByteStream:
    """A provider's streamed answer. `close` drops the connection unless the answer was read to its end."""

    __slots__ = ("_ends_at", "_first", "_idle_seconds", "_provider", "_response", "_timer")

    def __init__(self, provider: Provider, response: Response, first: bytes, timeouts: Timeouts, began: float) -> None:
        self._provider = provider
        self._response = response
        self._first = first
        self._idle_seconds = timeouts.idle
        self._ends_at = began + timeouts.total
        self._timer: asyncio.TimerHandle | None = None
        if not response.is_whole:
            self._look()

    async def read(self) -> bytes:
        """The next bytes, empty at the end. Raises `UpstreamTimedOut` or `UpstreamFailed` if the stream breaks.

        Cancelled, it loses nothing.
        """
        if self._first:
            first, self._first = self._first, b""
            return first
        try:
            return await self._response.read()
        except (HttpFailure, TimeoutError) as error:
            raise _failure(self._provider, error) from error

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._response.close()

    def _look(self) -> None:
        """Has it been silent for too long? One timer for the stream, not one for each chunk; it does not run while we hold it up."""
        self._timer = None
        if self._response.is_whole:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        due = min(self._response.last_data_at + self._idle_seconds, self._ends_at)
        if self._response.is_held_up:
            due = min(now + self._idle_seconds, self._ends_at)
        if due <= now:
            self._response.fail(TimeoutError())
        else:
            self._timer = loop.call_at(due, self._look)


@lru_cache(maxsize=512)
def _head(headers: tuple[tuple[str, str], ...]) -> bytes:
    """Header lines, which are mostly the same for all of a provider's requests. Raises `ValueError` for what would be other lines."""
    head = OWN_HEADERS + "".join([f"{name}: {value}\r\n" for name, value in headers])
    if head.count("\n") != len(headers) + 2 or "\0" in head:
        raise ValueError("a header with a line break")
    return head.encode("latin-1")


def _failure(provider: Provider, error: Exception) -> UpstreamFailed | UpstreamTimedOut:
    if isinstance(error, TimeoutError):
        return UpstreamTimedOut(f"{provider.name} did not answer in time.", retry_after_seconds=1)
    if isinstance(error, Forbidden):
        return UpstreamFailed(
            f"The base URL of {provider.name} does not lead to the public internet.", code="upstream_not_allowed"
        )
    if isinstance(error, Unreachable):
        return UpstreamFailed(f"{provider.name} cannot be reached.", code="upstream_unreachable")
    if isinstance(error, BrokenOff):
        return UpstreamFailed(f"{provider.name} broke off its answer.", code="upstream_broke_off")
    return UpstreamFailed(f"{provider.name} sent an answer that cannot be read.")
