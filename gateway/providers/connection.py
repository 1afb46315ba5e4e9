"""One connection to a provider, and the answer that comes over it, parsed by httptools. What waits to be read is bounded."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import httptools

HIGH_WATER = 256 * 1024  # bytes of an answer that wait to be read before the other side is held up
MAX_HEAD_BYTES = 64 * 1024
MAX_ANSWER_BYTES = 128 * 1024 * 1024  # of an answer that is read whole
ENCODING = b"content-encoding"


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
        for value in [value for name, value in self.fields if len(name) == len(ENCODING) and name.lower() == ENCODING]:
            if value.strip().lower() not in (b"identity", b""):
                raise Unreadable("it is compressed, which was not asked for")
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


class Keeper(Protocol):
    """Whose connection it is: takes it back after an answer, and hears of its end."""

    def give_back(self, connection: Connection) -> None: ...

    def forget(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    """One connection to an origin. httptools calls the methods that begin with `on_`."""

    def __init__(self, pool: Keeper) -> None:
        self.loop = asyncio.get_running_loop()
        self.idle_since = 0.0
        self.last_data_at = 0.0
        self._pool = pool
        self._transport: Any = None
        self._parser: Any = None
        self._response: Response | None = None
        self._head_bytes = 0  # what had come when the head was whole, of the body too
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
        self._head_bytes = 0
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
        if not response.status:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            response.fail(error.__context__ if isinstance(error.__context__, HttpFailure) else Unreadable(str(error)))
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            response.fail(Unreadable(str(error)))
        else:
            if not response.status and self._head_bytes > MAX_HEAD_BYTES:
                response.fail(Unreadable("its head is too large"))
            elif self._is_babbling:
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
        if self._response is not None:
            self._response.fields.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._response is None:
            return
        if self._head_bytes > MAX_HEAD_BYTES:  # with what came of the body at once
            fields = self._response.fields
            if sum([len(name) + len(value) for name, value in fields]) > MAX_HEAD_BYTES:
                raise Unreadable("its head is too large")
        if status < 200:  # 100 Continue, 103 Early Hints: the answer is still to come
            self._response.fields.clear()
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
