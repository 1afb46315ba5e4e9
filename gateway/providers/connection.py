"""One connection to a provider, parsed by httptools, and the answer that comes over it (`gateway.providers.response`).

What is too slow is found by one timer for each connection, not for each answer.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import httptools

from gateway.providers.response import BrokenOff, HttpFailure, Response, Unreadable

HIGH_WATER = 256 * 1024  # bytes of an answer that wait to be read before the other side is held up
MAX_HEAD_BYTES = 64 * 1024
END_OF_HEAD = b"\r\n\r\n"


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
        self._head = b""  # what had come when the head was whole, of the body too
        self._watch: asyncio.TimerHandle | None = None
        self._watch_at = 0.0
        self._due: float | None = None
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
        self._head = b""
        self._due = None
        response = self._response = Response(self)
        self._transport.write(request)
        if rest:
            self._transport.write(rest)
        return response

    def fail_at(self, moment: float | None) -> None:
        self._due = moment
        if moment is None or (self._watch is not None and self._watch_at <= moment):
            return
        if self._watch is not None:
            self._watch.cancel()
        self._watch, self._watch_at = self.loop.call_at(moment, self._look), moment

    def _look(self) -> None:
        self._watch = None
        if self._response is None or self._due is None:
            return
        if self._due <= self.loop.time():
            self._response.fail(TimeoutError())
        else:
            self.fail_at(self._due)

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
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        response = self._response
        if response is None:  # nobody has asked
            self.abort()
            return
        self.last_data_at = self.loop.time()
        if not response.status:
            self._head = self._head + data if self._head else data
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            response.fail(error.__context__ if isinstance(error.__context__, HttpFailure) else Unreadable(str(error)))
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            response.fail(Unreadable(str(error)))
        else:
            if not response.status and len(self._head) > MAX_HEAD_BYTES:
                response.fail(Unreadable("its head is too large"))
            elif self._is_babbling:
                self.abort()
            elif self._response is response and self._holds_up and response.waiting_bytes > HIGH_WATER:
                self._is_paused = True
                self._transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = self._parser = None  # the parser and this would keep each other
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
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

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._response is None:
            return
        head, self._head = self._head.lstrip(b"\r\n"), b""  # the parser takes empty lines before it
        end = head.find(END_OF_HEAD) + len(END_OF_HEAD)
        if end > MAX_HEAD_BYTES:
            raise Unreadable("its head is too large")
        if status < 200:  # 100 Continue, 103 Early Hints: the answer is still to come
            self._head = head[end:]
        else:
            self._response.take_head(status, head[:end])

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
