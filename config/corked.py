"""A connection that writes what an answer consists of in as few system calls as there are turns of the event loop.

uvicorn writes an answer's head, each of its chunks and its end by themselves, and uvloop sends each at once: two or more system calls and
TCP segments where one would do, which is a good part of what a short answer costs. Here what is written within one turn of the loop goes
out together at its end. Nothing waits for anything else than that.
"""

from __future__ import annotations

import asyncio
from typing import Any

SEND_AT_ONCE_BYTES = 64 * 1024  # more than this is not kept back, so that whoever writes much hears that it is too much


class Corked:
    """A transport's face that keeps back what is written until the loop's turn ends."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._call_soon = loop.call_soon
        self._waiting: list[bytes] = []
        self._size = 0
        for name in ("get_extra_info", "pause_reading", "resume_reading", "is_closing"):
            setattr(self, name, getattr(transport, name))

    def write(self, data: bytes) -> None:
        waiting = self._waiting
        if not waiting:
            self._call_soon(self.flush)
        waiting.append(data)
        self._size += len(data)
        if self._size > SEND_AT_ONCE_BYTES:
            self.flush()

    def flush(self) -> None:
        waiting = self._waiting
        if waiting:
            self._waiting = []
            self._size = 0
            self._transport.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        self._waiting.clear()
        self._transport.abort()

    def __getattr__(self, name: str) -> Any:
        """Whatever else is asked of a transport is asked of the real one, after what came before it."""
        self.flush()
        return getattr(self._transport, name)
