"""An answer of a provider on its way, and how it may fail to come. What waits to be read is bounded by its connection.

Of an answer that is as it should be, nobody asks for the headers, so they are kept as they came until somebody does.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

import httptools

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


class Carrier(Protocol):
    """The connection that an answer comes over, as far as the answer needs it."""

    loop: asyncio.AbstractEventLoop
    last_data_at: float

    @property
    def is_paused(self) -> bool: ...

    def go_on(self, response: Response, *, to_the_end: bool = False) -> None: ...

    def fail_at(self, moment: float | None) -> None: ...

    def abort(self) -> None: ...


class Response:
    """An answer on its way. To be read by one task; `close` gives the rest of it up."""

    __slots__ = (
        "_chunks", "_connection", "_failure", "_head", "_waiter", "_waits_for", "is_whole", "received", "status",
    )  # fmt: skip

    HEAD, SOME, ALL = 1, 2, 3

    def __init__(self, connection: Carrier) -> None:
        self.status = 0
        self.is_whole = False
        self.received = 0  # bytes of the body
        self._connection = connection
        self._chunks: list[bytes] = []
        self._failure: Exception | None = None
        self._head = b""
        self._waiter: asyncio.Future[None] | None = None
        self._waits_for = 0

    @property
    def headers(self) -> dict[str, str]:
        """Names in lower case to values."""
        return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in _fields(self._head)}

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

    def fail_at(self, moment: float | None) -> None:
        """Have it fail with a `TimeoutError` if it is not whole by then, by the event loop's clock; None: it has time. The last
        call counts."""
        if not self.is_whole:  # else the connection may be another's by now
            self._connection.fail_at(moment)

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

    def take_head(self, status: int, head: bytes) -> None:
        self.status = status
        self._head = head
        if ENCODING in head.lower():
            for name, value in _fields(head):
                if name.lower() == ENCODING and value.strip().lower() not in (b"identity", b""):
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


class _Fields:
    """httptools calls its method for each header line of a head."""

    def __init__(self) -> None:
        self.found: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.found.append((name, value))


def _fields(head: bytes) -> list[tuple[bytes, bytes]]:
    """The header lines of a head that has been read once already."""
    fields = _Fields()
    with contextlib.suppress(httptools.HttpParserError, httptools.HttpParserUpgrade):
        httptools.HttpResponseParser(fields).feed_data(head)
    return fields.found
