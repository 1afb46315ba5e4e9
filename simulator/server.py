"""Serves the application over HTTP with uvicorn, and says on standard output where it listens."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from typing import Any

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from simulator.app import Settings, Simulator
from simulator.connection import TRANSPORT_EXTENSION

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 75


class Protocol(HttpToolsProtocol):
    """Hands each request its transport, which is what lets a fault break the connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        extensions: dict[str, Any] = {TRANSPORT_EXTENSION: self.transport}
        self.scope["extensions"] = extensions


class Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write(f"simulator listening on {self._address}\n")
        sys.stdout.flush()


def run(settings: Settings, *, host: str, port: int) -> None:
    """Serves until it is told to stop by SIGINT or SIGTERM. Port 0 picks a free one. Raises OSError when the port is taken."""
    listener = socket.create_server((host, port), backlog=BACKLOG)
    shown_host = f"[{host}]" if ":" in host else host
    application: Any = Simulator(settings)
    config = uvicorn.Config(
        application,
        http=Protocol,
        lifespan="off",
        access_log=False,
        log_level="warning",
        backlog=BACKLOG,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=1,
        ws="none",
    )
    server = Server(config, f"http://{shown_host}:{listener.getsockname()[1]}")
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve(sockets=[listener]))
