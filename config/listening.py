"""Where a gateway process listens: a socket of its own, or one that it shares with others and that outlives it."""

from __future__ import annotations

import os
import socket

FIRST_PASSED_FD = 3  # sd_listen_fds(3)


def bound(host: str, port: int) -> socket.socket:
    """A socket on that address that does not listen yet. Raises `OSError`."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def passed() -> socket.socket | None:
    """The socket that systemd's socket unit has passed, if it did."""
    count = os.environ.get("LISTEN_FDS", "")
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or not count.isdecimal() or int(count) < 1:
        return None
    return socket.socket(fileno=FIRST_PASSED_FD)
