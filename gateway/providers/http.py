"""HTTP/1.1 to providers: connections that are kept and used again, one request at a time on each, parsed by httptools.

A library's client is a fifth of a request's CPU here. What this one leaves out, providers' APIs don't need: redirects (never followed),
cookies, proxies, HTTP/2, and compression, which it does not ask for and does not take: a small answer could fill the memory.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httptools
from aiohappyeyeballs import start_connection

HIGH_WATER = 256 * 1024  # bytes of an answer that wait to be read before the other side is held up
MAX_HEADER_BYTES = 64 * 1024
MAX_ANSWER_BYTES = 128 * 1024 * 1024  # of an answer that is read whole
EYEBALLS_DELAY_SECONDS = 0.25  # RFC 8305's: before the next address is tried beside the first
MAX_IDLE = 512  # connections kept for an origin
ENCODING = b"content-encoding"
ENCODING_LENGTH = len(ENCODING)


class HttpFailure(Exception):
    """No answer, or no whole one.

    HttpFailure
    ├── Unreachable   there is no connection to the other side
    │   └── Forbidden   and there may be none
    ├── BrokenOff     it closed the connection before its answer was whole
    └── Unreadable    what it sent is no HTTP
    """


class Unreachable(HttpFailure):
    pass


class Forbidden(Unreachable):
    pass


class BrokenOff(HttpFailure):
    pass


class Unreadable(HttpFailure):
    pass


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


class Response:
    """An answer on its way. To be read by one task; `close` gives the rest of it up."""

    __slots__ = (
        "_chunks", "_connection", "_failure", "_waiter", "_waits_for", "fields", "is_whole", "received", "status",
    )  # fmt: skip

    HEAD, SOME, ALL = 1, 2, 3

    def __init__(self, connection: Connection) -> None:
        self.status = 0
        self.fields: list[tuple[bytes, bytes]] = []  # of its head, as they came
        self.is_whole = False
        self.received = 0  # bytes of the body
        self._connection = connection
        self._chunks: list[bytes] = []
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._waits_for = 0

    @property
    def headers(self) -> dict[str, str]:
        """Names in lower case to values. Made when asked for: of an answer that is as it should be, nobody asks."""
        return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self.fields}

    @property
    def declared_length(self) -> int | None:
        text = self.headers.get("content-length", "")
        return int(text) if text.isdigit() else None

    @property
    def last_data_at(self) -> float:
        """By the event loop's clock."""
        return self._connection.last_data_at

    @property
    def is_held_up(self) -> bool:
        """Whether the other side waits until what it has sent is read."""
        return self._connection.is_paused

    async def begin(self) -> None:
        """Wait for status and headers. Raises an `HttpFailure`, or what `fail` was given."""
        while not self.status:
            await self._wait(self.HEAD)

    async def read(self) -> bytes:
        """What has come of the body since the last read; empty at its end. Raises an `HttpFailure`. Cancelled, it loses nothing."""
        while not self._chunks:
            if self.is_whole:
                return b""
            await self._wait(self.SOME)
        chunks, self._chunks = self._chunks, []
        self._connection.go_on(self)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def read_all(self) -> bytes:
        """The rest of the body. Raises as `read`."""
        self._connection.go_on(self, to_the_end=True)
        while not self.is_whole:
            await self._wait(self.ALL)
        chunks, self._chunks = self._chunks, []
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def fail(self, error: Exception) -> None:
        """End it here; who reads it gets the error once what came before has been read."""
        if not self.is_whole and self._failure is None:
            self._failure = error
            self._wake()
            self._connection.abort()

    def close(self) -> None:
        """The connection is used again only after a whole answer."""
        if not self.is_whole:
            self.fail(BrokenOff("closed here"))

    async def _wait(self, what: int) -> None:
        if self._failure is not None:
            raise self._failure
        self._waits_for = what
        self._waiter = self._connection.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def take_head(self, status: int) -> None:
        self.status = status
        if self._waits_for == self.HEAD:
            self._wake()

    def take(self, chunk: bytes) -> None:
        self.received += len(chunk)
        self._chunks.append(chunk)
        if self._waits_for == self.SOME:
            self._wake()
        elif self._waits_for == self.ALL and self.received > MAX_ANSWER_BYTES:
            raise Unreadable(f"it is larger than {MAX_ANSWER_BYTES} bytes")

    def end(self) -> None:
        self.is_whole = True
        self._wake()

    @property
    def waiting_bytes(self) -> int:
        return sum(map(len, self._chunks))


class Connection(asyncio.Protocol):
    """One connection to an origin. httptools calls the methods that begin with `on_`."""

    def __init__(self, pool: Pool) -> None:
        self.loop = asyncio.get_running_loop()
        self.idle_since = 0.0
        self.last_data_at = 0.0
        self._pool = pool
        self._transport: Any = None
        self._parser: Any = None
        self._response: Response | None = None
        self._header_bytes = 0
        self._encoding = b""  # of the answer's body
        self._is_paused = False
        self._holds_up = True
        self._is_babbling = False

    @property
    def is_paused(self) -> bool:
        """Whether the other side is held up, as what it has sent has not been read yet."""
        return self._is_paused

    @property
    def is_usable(self) -> bool:
        return self._response is None and self._transport is not None and not self._transport.is_closing()

    def send(self, request: bytes, rest: bytes) -> Response:
        self.idle_since = 0.0
        self._holds_up = True
        self._header_bytes = 0
        self._encoding = b""
        response = self._response = Response(self)
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(request)
        if rest:
            self._transport.write(rest)
        return response

    def go_on(self, response: Response, *, to_the_end: bool = False) -> None:
        """What had come of the answer has been read."""
        if self._response is response:
            self._holds_up = self._holds_up and not to_the_end
            self._resume()

    def _resume(self) -> None:
        if self._is_paused and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()

    def abort(self) -> None:
        self._response = None
        if self._transport is not None:
            self._transport.abort()

    # asyncio's

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        response = self._response
        if response is None:  # nobody has asked
            self.abort()
            return
        self.last_data_at = self.loop.time()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            response.fail(error.__context__ if isinstance(error.__context__, HttpFailure) else Unreadable(str(error)))
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            response.fail(Unreadable(str(error)))
        else:
            if self._is_babbling:
                self.abort()
            elif self._response is response and self._holds_up and response.waiting_bytes > HIGH_WATER:
                self._is_paused = True
                self._transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._pool.forget(self)
        response, self._response = self._response, None
        if response is None or response.is_whole:
            return
        headers = response.headers
        ends_with_connection = (
            error is None and response.status and "content-length" not in headers and "transfer-encoding" not in headers
        )
        if ends_with_connection:
            response.end()
        else:
            response.fail(BrokenOff(f"{type(error).__name__}: {error}" if error else "the connection was closed"))

    # httptools'

    def on_message_begin(self) -> None:
        self._is_babbling = self._response is None  # more than the answer

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEADER_BYTES:
            raise Unreadable("headers too large")
        if self._response is not None:
            self._response.fields.append((name, value))
            if len(name) == ENCODING_LENGTH and name.lower() == ENCODING:
                self._encoding = value.strip().lower()

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._response is None:
            return
        if status < 200:  # 100 Continue, 103 Early Hints: the answer is still to come
            self._response.fields.clear()
            self._encoding = b""
        elif self._encoding not in (b"identity", b""):
            self._response.status = status
            raise Unreadable("it is compressed, which was not asked for")
        else:
            self._response.take_head(status)

    def on_body(self, body: bytes) -> None:
        if self._response is not None:
            self._response.take(body)

    def on_message_complete(self) -> None:
        response = self._response
        if response is None or not response.status:
            return
        self._response = None
        if self._parser.should_keep_alive() and not self._transport.is_closing():
            self._resume()
            self._pool.give_back(self)
        else:
            self._transport.close()
        response.end()


def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
