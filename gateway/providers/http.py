"""HTTP/1.1 to providers: connections that are kept and used again, one request at a time on each (`gateway.providers.connection`).

A library's client is a fifth of a request's CPU here. What this one leaves out, providers' APIs don't need: redirects (never followed),
cookies, proxies, HTTP/2, and compression, which it does not ask for and does not take: a small answer could fill the memory.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from aiohappyeyeballs import start_connection

from gateway.providers.connection import Connection
from gateway.providers.response import Response, Unreachable

EYEBALLS_DELAY_SECONDS = 0.25  # RFC 8305's: before the next address is tried beside the first
MAX_IDLE = 512  # connections kept for an origin


class Origin(NamedTuple):
    """Where requests go: scheme, host and port of a URL."""

    host: str
    port: int
    is_tls: bool
    header: bytes  # as in `Host`

    @classmethod
    def of(cls, url: str) -> Origin:
        """Raises `Unreachable` for a URL that leads nowhere."""
        try:
            parts = urlsplit(url)
            host, is_tls = parts.hostname, parts.scheme == "https"
            port = parts.port or (443 if is_tls else 80)
            if not host or parts.scheme not in ("http", "https"):
                raise ValueError(url)
            name = host.encode("ascii") if ":" not in host else f"[{host}]".encode()
        except (ValueError, UnicodeError) as error:
            raise Unreachable("the base URL is none that can be called") from error
        return cls(host, port, is_tls, name if parts.port is None else b"%s:%d" % (name, port))


# Makes a connection. Raises `Forbidden`, or `OSError` and its like.


Connect = Callable[[Origin, Callable[[], "Connection"], ssl.SSLContext | None], Awaitable["Connection"]]


async def connect(origin: Origin, make: Callable[[], Connection], context: ssl.SSLContext | None) -> Connection:
    """A connection to any address that the name has, the quickest of those that are tried."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    connected = await start_connection(found, happy_eyeballs_delay=EYEBALLS_DELAY_SECONDS)
    return await over(connected, origin, make, context)


async def over(
    connected: socket.socket, origin: Origin, make: Callable[[], Connection], context: ssl.SSLContext | None
) -> Connection:
    """A connection over that socket, with TLS where the origin has it."""
    try:
        _, connection = await asyncio.get_running_loop().create_connection(
            make, sock=connected, ssl=context, server_hostname=origin.host if context is not None else None
        )
    except BaseException:
        connected.close()
        raise
    return connection


class Pool:
    """The connections to one origin. `connect_with` makes them: by it, some addresses may be left out."""

    def __init__(
        self, origin: Origin, *, connect_seconds: float, keep_alive_seconds: float, connect_with: Connect = connect
    ) -> None:
        self.origin = origin
        self._connect_seconds = connect_seconds
        self._keep_alive_seconds = keep_alive_seconds
        self._connect_with = connect_with
        self._context = _tls_context() if origin.is_tls else None
        self._idle: deque[Connection] = deque()
        self._loop = asyncio.get_running_loop()

    async def post(self, target: bytes, head: bytes, body: bytes) -> Response:
        """Send a request whose header lines are `head`; the answer is still to come. Raises `Unreachable`."""
        connection = self._take() or await self._made()
        request = b"POST %b HTTP/1.1\r\nHost: %b\r\n%bContent-Length: %d\r\n\r\n" % (
            target, self.origin.header, head, len(body),
        )  # fmt: skip
        return connection.send(request + body if len(body) < 65_536 else request, b"" if len(body) < 65_536 else body)

    def _take(self) -> Connection | None:
        """The connection used last, so that those that are not needed grow old."""
        oldest = self._loop.time() - self._keep_alive_seconds
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_since >= oldest and connection.is_usable:
                return connection
            connection.abort()
        return None

    async def _made(self) -> Connection:
        try:
            async with asyncio.timeout(self._connect_seconds):
                return await self._connect_with(self.origin, lambda: Connection(self), self._context)
        except (OSError, TimeoutError, ssl.SSLError, UnicodeError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error

    def give_back(self, connection: Connection) -> None:
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        while self._idle[0].idle_since < connection.idle_since - self._keep_alive_seconds or len(self._idle) > MAX_IDLE:
            self._idle.popleft().abort()

    def forget(self, connection: Connection) -> None:
        if connection.idle_since and connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().abort()


def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
