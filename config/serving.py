"""One gateway process: uvicorn, with a way of its own to stop, so that a restart fails no request.

A process that is told to stop (SIGTERM) does so in this order:

1. For `delay_seconds` it goes on as before, but `/readyz` says 503: for load balancers that have to hear of it first.
2. It accepts no more connections. Where the listening socket is shared (`manage.py up`, systemd's socket units), others accept them, and
   none is refused. On connections that are there, requests are still answered, each answer with `connection: close`; a connection without a
   request for a while is closed. To close idle ones at once would break the request that is on its way.
3. Requests under way, streams too, have until `drain_seconds` after the signal. Those that take longer are ended: the caller is told, and
   what they used is settled.
4. What the process holds is closed (`gateway.runtime.close`).

SIGINT, from somebody at a keyboard, shortens all this to a few seconds; another one, to none.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass
from email.utils import formatdate
from types import FrameType
from typing import Any

import uvicorn
from prometheus_client import multiprocess

from gateway.api import health

logger = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 75  # longer than clients and proxies keep an idle connection, so that it is they who close it
LINGER_SECONDS = 2.0  # a connection without a request for that long is closed
HURRIED_SECONDS = 5.0
SETTLE_SECONDS = 8.0  # for requests that were ended: last words, and a round trip to Redis or an fsync
BACKLOG = 2048
READY = "tollgate: serving as pid {}"


@dataclass(frozen=True)
class Drain:
    """How long a process that is told to stop goes on accepting, and when (after the signal) it ends what is still under way."""

    delay_seconds: float
    drain_seconds: float


class Server(uvicorn.Server):
    """Uvicorn's server, draining as the module says."""

    def __init__(self, config: uvicorn.Config, drain: Drain) -> None:
        super().__init__(config)
        self._drain = drain
        self._hurried_at: float | None = None  # on the monotonic clock, as every time here

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGINT:
            self.force_exit = self._hurried_at is not None
            self._hurried_at = self._hurried_at or time.monotonic()
        self._captured_signals.append(sig)
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stderr.write(f"{READY.format(os.getpid())}\n")
        _notify("READY=1")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        _notify("STOPPING=1")
        health.drain()
        told_at = time.monotonic()
        while time.monotonic() < told_at + self._drain.delay_seconds and self._hurried_at is None:
            await self._tick()
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        idle: dict[Any, float] = {}  # connections, since when they have no request
        while (self.server_state.connections or self.server_state.tasks) and not self._is_over(told_at):
            self._close_idle(idle, time.monotonic())
            await self._tick()
        await self._end_requests()
        await self.lifespan.shutdown()
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            multiprocess.mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]

    def _is_over(self, told_at: float) -> bool:
        """Whether requests have had the time that they are given."""
        end = told_at + self._drain.drain_seconds
        if self._hurried_at is not None:
            end = min(end, self._hurried_at + HURRIED_SECONDS)
        return self.force_exit or time.monotonic() >= end

    async def _tick(self) -> None:
        """A moment passes. Answers that begin from now on say that the connection ends with them."""
        date = [(b"date", formatdate(usegmt=True).encode())] if self.config.date_header else []
        self.server_state.default_headers = [*date, *self.config.encoded_headers, (b"connection", b"close")]
        await asyncio.sleep(0.05)

    def _close_idle(self, idle: dict[Any, float], now: float) -> None:
        connections: set[Any] = set(self.server_state.connections)
        for connection in connections:
            if connection.cycle is not None and not connection.cycle.response_complete:
                idle.pop(connection, None)
            elif self._hurried_at is not None or now - idle.setdefault(connection, now) >= LINGER_SECONDS:
                connection.shutdown()
        for gone in idle.keys() - connections:
            del idle[gone]

    async def _end_requests(self) -> None:
        """Those that are still under way end as stopped, and are settled."""
        tasks = set(self.server_state.tasks)
        if tasks:
            logger.warning("%s requests are ended before they were through", len(tasks))
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=SETTLE_SECONDS)
        for connection in list(self.server_state.connections):
            connection.shutdown()


def run(listener: socket.socket, drain: Drain, *, with_pages: bool) -> None:
    """Serve on a socket until told to stop. What answers calls is loaded before it listens: what cannot be loaded takes none. Pages are
    loaded then, too, or when somebody first opens one."""
    from config.asgi import application, pages

    if with_pages:
        pages.load()
    config = uvicorn.Config(
        application,
        loop="uvloop",
        http="config.wire:Protocol",
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        backlog=BACKLOG,
    )
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises the signals again that it has obeyed
        Server(config, drain).run(sockets=[listener])


def _notify(state: str) -> None:
    """Tell whoever supervises this process, in systemd's way (sd_notify(3)); nobody is a no-op."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
            notifier.sendto(state.encode(), f"\0{address[1:]}" if address.startswith("@") else address)
