"""Looking at processes from outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import psutil


def is_alive(pid: int) -> bool:
    """Whether it runs; a zombie does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def wait_until(condition: Callable[[], bool], *, seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def survivors(pids: Iterable[int], *, seconds: float = 15) -> list[int]:
    """Those that still run after that time; returns as soon as there are none."""
    watched = list(pids)
    wait_until(lambda: not any(is_alive(pid) for pid in watched), seconds=seconds)
    return [pid for pid in watched if is_alive(pid)]


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    parent = psutil.Process(pid)
    return [pid, *(child.pid for child in parent.children(recursive=True))]
