"""How long a client is waited for: one that sends its request slowly, and one that reads its stream slowly or not at all.

Without an end such a client would keep what its request holds, and a call of a provider, for as long as it likes. Timers by hand, since
`asyncio.timeout` costs every request five times as much.
"""

from __future__ import annotations

import asyncio
from typing import Any

SLOWEST_BYTES = 16_000  # a second: so much longer a large body may take


class Deadline:
    """Cancels the task that makes it when its time is over, and has passed then. Always `end` it."""

    __slots__ = ("_began", "_loop", "_seconds", "_task", "_timer", "has_passed")

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._seconds = seconds
        self._began = self._loop.time()
        self._timer = self._loop.call_later(seconds, self._pass)
        self.has_passed = False

    def extend(self, size: int) -> None:
        """So many bytes have come so far."""
        self._timer.cancel()
        self._timer = self._loop.call_at(self._began + self._seconds + size / SLOWEST_BYTES, self._pass)

    def end(self) -> None:
        self._timer.cancel()

    def _pass(self) -> None:
        self.has_passed = True
        if self._task is not None:
            self._task.cancel()


class Watch:
    """Over a stream's sending: cancels the task that makes it when one `send` has taken too long, and has given up then. Always `end` it.

    A chunk costs two assignments and a look at the clock.
    """

    __slots__ = ("_loop", "_seconds", "_since", "_task", "_timer", "has_given_up")

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._seconds = seconds
        self._since = 0.0  # when the send under way began
        self._timer = self._loop.call_later(seconds, self._look)
        self.has_given_up = False

    async def send(self, send: Any, message: dict[str, Any]) -> None:
        self._since = self._loop.time()
        await send(message)
        self._since = 0.0

    def end(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        waited = self._loop.time() - self._since if self._since else 0.0
        if waited < self._seconds:
            self._timer = self._loop.call_later(self._seconds - waited, self._look)
            return
        self.has_given_up = True
        if self._task is not None:
            self._task.cancel()


def hang_up(send: Any) -> None:
    """Break the connection off. The server would close it only once the client has read what waits for it."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)  # uvicorn's; ASGI has no word for it
    if transport is not None:
        transport.abort()
