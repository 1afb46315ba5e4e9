"""One HTTP exchange on the wire: reading the body, writing the answer in pieces, breaking it off, and noticing that the client left."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from simulator.provider_headers import Headers

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

TRANSPORT_EXTENSION = "simulator.transport"
"""The key in the scope's extensions under which `server` hands over the socket's transport."""
_SHORT_SECONDS = 0.02


class BodyTooLarge(Exception):
    """The body exceeds the limit; what is left of it has been read and dropped."""


class Connection:
    """`is_gone` turns true when the client leaves, from the moment that something watches: a pause or `watch()`."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.is_gone = False
        self.byte_ms = 0.0
        """Time that each byte of the body takes, if it is to come slowly."""
        self._receive = receive
        self._send = send
        self._watcher: asyncio.Task[None] | None = None

    async def body(self, limit_bytes: int) -> bytes:
        """Raises BodyTooLarge. A client that leaves meanwhile gives what it had sent."""
        message = await self._receive()
        if not message.get("more_body"):
            found: bytes = message.get("body", b"")
            if len(found) > limit_bytes:
                raise BodyTooLarge
            return found
        parts = [message.get("body", b"")]
        size = len(parts[0])
        while message.get("more_body"):
            message = await self._receive()
            part = message.get("body", b"")
            size += len(part)
            if size <= limit_bytes:
                parts.append(part)
        if message["type"] == "http.disconnect":
            self.is_gone = True
        if size > limit_bytes:
            raise BodyTooLarge
        return b"".join(parts)

    def watch(self) -> asyncio.Task[None]:
        """Begins to notice the client leaving. Call it once the body has been read."""
        if self._watcher is None:
            self._watcher = asyncio.get_running_loop().create_task(self._watch())
        return self._watcher

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.is_gone = True

    async def pause(self, milliseconds: float, *, until: asyncio.Future[None] | None = None) -> bool:
        """Waits; returns early when `until` is done, and early and False when the client leaves."""
        if milliseconds > 0:
            watcher = self.watch()
            seconds = milliseconds / 1000
            if seconds <= _SHORT_SECONDS:
                await asyncio.sleep(seconds)
            else:
                awaited: list[asyncio.Future[None]] = [watcher] if until is None else [watcher, until]
                await asyncio.wait(awaited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return not self.is_gone

    async def wait_until_gone(self) -> None:
        await self.watch()

    async def start(self, status: int, headers: Headers) -> None:
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, data: bytes) -> bool:
        """False if the client left while the bytes came one by one."""
        if self.byte_ms:
            return await self._trickle(data)
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        return True

    async def end(self, data: bytes = b"") -> None:
        if self.byte_ms:
            await self._trickle(data)
            data = b""
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def _trickle(self, data: bytes) -> bool:
        for at in range(len(data)):
            await self._send({"type": "http.response.body", "body": data[at : at + 1], "more_body": True})
            if not await self.pause(self.byte_ms):
                return False
        return True

    async def half_close(self) -> None:
        """Says that nothing more comes, without ending the answer, and leaves the connection open."""
        self._transport().write_eof()
        await self.wait_until_gone()

    async def cut(self) -> None:
        """Closes after what was written, without ending the answer."""
        self._transport().close()
        await self.wait_until_gone()

    async def reset(self) -> None:
        """Breaks the connection off with a TCP reset."""
        transport = self._transport()
        endpoint = transport.get_extra_info("socket")
        if endpoint is not None:
            endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        await self.wait_until_gone()

    def _transport(self) -> asyncio.Transport:
        transport: asyncio.Transport = self.scope["extensions"][TRANSPORT_EXTENSION]
        return transport
