"""A request and its answer on a connection: uvicorn's cycle, and a shorter way for what is here whole.

ASGI hands a body over, and takes an answer, in messages, each with its checks; that is a good part of what a short answer costs. An
application that finds a cycle among its scope's extensions (`EXTENSION`) can take a body that has come already, and give a whole answer
in one piece. It does both as ASGI's messages would; where it cannot, it says so, and the messages are there as before.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

EXTENSION = "tollgate.cycle"
LARGE_BYTES = 64 * 1024  # a body of that size is not copied behind its head

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class Awaited:
    """An `asyncio.Event`, which is made only where somebody waits: mostly everything is here before anybody asks."""

    __slots__ = ("_event", "_is_set")

    def __init__(self) -> None:
        self._is_set = False
        self._event: asyncio.Event | None = None

    def set(self) -> None:
        self._is_set = True
        if self._event is not None:
            self._event.set()

    def clear(self) -> None:
        self._is_set = False
        if self._event is not None:
            self._event.clear()

    async def wait(self) -> None:
        if self._is_set:
            return
        if self._event is None:
            self._event = asyncio.Event()
        await self._event.wait()


class Cycle(RequestResponseCycle):
    def body_here(self) -> bytes | None:
        """The request's body, if all of it has come; None: `receive` is to be asked for it. To be called before `receive`, once."""
        if self.more_body or self.disconnected:
            return None
        body = bytes(self.body)
        self.body = bytearray()
        self.message_event.clear()
        self.flow.resume_reading()
        return body

    def answer(self, status: int, head: bytes, body: bytes) -> bool:
        """Send a whole answer with these header lines, and its length. False: `send` is to be used, nothing has been sent."""
        if self.flow.write_paused or self.response_started or self.disconnected or self.scope["method"] == "HEAD":
            return False
        self.waiting_for_100_continue = False
        always, is_last = _always(self.default_headers)
        ending = b"\r\n" if self.keep_alive or is_last else b"connection: close\r\n\r\n"
        self.keep_alive = self.keep_alive and not is_last
        line = _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
        start = b"%b%b%bcontent-length: %d\r\n%b" % (line, always, head, len(body), ending)
        if len(body) < LARGE_BYTES:
            self.transport.write(start + body)
        else:
            self.transport.write(start)
            self.transport.write(body)
        self.response_started = self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
        return True


_made_of: list[Any] = []
_made: tuple[bytes, bool] = (b"", False)


def _always(headers: list[tuple[bytes, bytes]]) -> tuple[bytes, bool]:
    """The server's own header lines, and whether they end the connection. A new list comes when they change: each second, for the date."""
    global _made_of, _made
    if headers is not _made_of:
        lines = b"".join([b"%b: %b\r\n" % line for line in headers])
        _made = lines, any(name.lower() == b"connection" and b"close" in value.lower() for name, value in headers)
        _made_of = headers
    return _made
