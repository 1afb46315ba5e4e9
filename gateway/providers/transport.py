"""HTTP to providers: one pool of connections per provider, no redirects, no proxies from the environment, bounded waits."""

from __future__ import annotations

import asyncio
from uuid import UUID

import aiohttp

from gateway.errors import UpstreamFailed, UpstreamTimedOut
from gateway.providers import failures
from gateway.types import Provider, WireRequest

CONNECT_SECONDS = 5.0
# Idle connections are dropped before the other side does it, so that no request is sent into one that is just closing. Providers keep
# theirs for a minute and more; a compatible server of one's own often for only 5 s (uvicorn, Node).
TLS_KEEP_ALIVE_SECONDS, PLAIN_KEEP_ALIVE_SECONDS = 30.0, 4.0
MAX_ERROR_BYTES = 256 * 1024


class Timeouts:
    """Seconds: to the first byte of a stream, between its chunks, and for a whole answer."""

    __slots__ = ("first_byte", "idle", "stream", "total", "whole")

    def __init__(self, *, first_byte: float, idle: float, total: float) -> None:
        self.first_byte = first_byte
        self.idle = idle
        self.total = total
        self.whole = aiohttp.ClientTimeout(total=total, sock_connect=CONNECT_SECONDS)
        self.stream = aiohttp.ClientTimeout(total=total, sock_connect=CONNECT_SECONDS, sock_read=idle)


class Transport:
    """The pools of one process. Every method raises an `UpstreamError` for whatever goes wrong on the way."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._sessions: dict[UUID, aiohttp.ClientSession] = {}

    def _session(self, provider: Provider) -> aiohttp.ClientSession:
        session = self._sessions.get(provider.id)
        if session is None:
            is_tls = provider.base_url.lower().startswith("https:")
            keep_alive = TLS_KEEP_ALIVE_SECONDS if is_tls else PLAIN_KEEP_ALIVE_SECONDS
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=keep_alive, ttl_dns_cache=60),
                auto_decompress=True,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent",),
                headers={"User-Agent": "tollgate"},
            )
            self._sessions[provider.id] = session
        return session

    async def whole(self, provider: Provider, wire: WireRequest, *, within_seconds: float | None = None) -> bytes:
        """The body of a 2xx answer, begun within that time (None: within the time for a whole answer)."""
        begun: aiohttp.ClientResponse | None = None
        try:
            async with (
                asyncio.timeout(within_seconds) as deadline,
                self._session(provider).post(
                    wire.url, data=wire.body, headers=wire.headers, timeout=self._timeouts.whole, allow_redirects=False
                ) as response,
            ):
                deadline.reschedule(None)
                begun = response
                if response.status >= 300:
                    body = await response.content.read(MAX_ERROR_BYTES)
                    raise failures.from_response(provider, response.status, _lower(response), body)
                return await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            failure = _failure(provider, error)
            if begun is not None and begun.status < 300:
                failure.answer_bytes = begun.content_length or begun.content.total_bytes
            raise failure from error

    async def stream(self, provider: Provider, wire: WireRequest, *, within_seconds: float | None = None) -> ByteStream:
        """A 2xx answer whose first bytes have come, within that time (None: as the process is set)."""
        try:
            async with asyncio.timeout(self._timeouts.first_byte if within_seconds is None else within_seconds):
                response = await self._session(provider).post(
                    wire.url, data=wire.body, headers=wire.headers, timeout=self._timeouts.stream, allow_redirects=False
                )
                try:
                    if response.status >= 300:
                        body = await response.content.read(MAX_ERROR_BYTES)
                        raise failures.from_response(provider, response.status, _lower(response), body)
                    return ByteStream(provider, response, await response.content.readany())
                except BaseException:
                    response.close()
                    raise
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _failure(provider, error) from error

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()


class ByteStream:
    """A provider's streamed answer. `close` drops the connection unless the answer was read to its end."""

    __slots__ = ("_first", "_provider", "_response")

    def __init__(self, provider: Provider, response: aiohttp.ClientResponse, first: bytes) -> None:
        self._provider = provider
        self._response = response
        self._first = first

    async def read(self) -> bytes:
        """The next bytes, empty at the end. Raises `UpstreamTimedOut` or `UpstreamFailed` if the stream breaks.

        Cancelled, it loses nothing.
        """
        if self._first:
            first, self._first = self._first, b""
            return first
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _failure(self._provider, error) from error

    def close(self) -> None:
        self._response.close()


def _lower(response: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _failure(provider: Provider, error: Exception) -> UpstreamFailed | UpstreamTimedOut:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return UpstreamFailed(f"{provider.name} cannot be reached.", code="upstream_unreachable")
    if isinstance(error, TimeoutError):
        return UpstreamTimedOut(f"{provider.name} did not answer in time.", retry_after_seconds=1)
    if isinstance(error, aiohttp.ClientConnectorError):
        return UpstreamFailed(f"{provider.name} cannot be reached.", code="upstream_unreachable")
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError | OSError):
        return UpstreamFailed(f"{provider.name} broke off its answer.", code="upstream_broke_off")
    return UpstreamFailed(f"{provider.name} sent an answer that cannot be read.")
