"""Ports for servers that take one by number.

Between choosing one and listening at it lie seconds, in which the kernel could give it to anybody who asks for any: to another worker's
server, say. So it is one of those that the kernel hands out to nobody, and locked against other runs and workers on this machine.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import IO

LOWEST = 10_000
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")  # what the kernel hands out
_HANDED_OUT_FROM = 32_768  # elsewhere, and by default
_locks: list[IO[str]] = []  # one, once it is open: closing it would give up all that is locked
_given: set[int] = set()


def free_port() -> int:
    """A port of loopback at which nobody listens; nobody else is given it as long as this process runs, nor is this process again."""
    if not _locks:
        _locks.append((Path(tempfile.gettempdir()) / f"tollgate-test-ports-{os.geteuid()}").open("a"))
    for port in random.sample(range(LOWEST, max(_handed_out_from(), LOWEST + 1000)), 500):
        if port in _given or not _is_locked(port):
            continue
        _given.add(port)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise RuntimeError("no port is free")


def _handed_out_from() -> int:
    try:
        return min(int(_RANGE.read_text().split()[0]), _HANDED_OUT_FROM)
    except (OSError, ValueError):
        return _HANDED_OUT_FROM


def _is_locked(port: int) -> bool:
    """Whether it is ours now, one byte of the file for each port. The lock ends with the process, however that ends."""
    try:
        fcntl.lockf(_locks[0], fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True
