"""The spool's folder, as tests fill it, replay it and look at it; other processes on it, and a disk that does what a test says."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from gateway.stores.spool import Spool

HEAD_BYTES = 29  # of a file
RECORD_BYTES = 20  # of a record, before its payload
PRELUDE = "import asyncio, sys, uvloop\nfrom pathlib import Path\nfrom gateway.stores.spool import *\nspool = Spool(Path(sys.argv[1]))\n"


def numbered(count: int, start: int = 0) -> list[bytes]:
    return [b"%d" % number for number in range(start, start + count)]


async def fill(folder: Path, payloads: Iterable[bytes]) -> Path:
    """A file such as a dead process leaves."""
    spool = Spool(folder)
    before = set(folder.glob("*.spool"))
    await asyncio.gather(*(spool.append(payload) for payload in payloads))
    await spool.close()
    (path,) = set(folder.glob("*.spool")) - before
    return path


async def replay(spool: Spool) -> list[bytes]:
    taken: list[bytes] = []

    async def take(payload: bytes) -> None:
        taken.append(payload)

    assert await spool.replay(take) == len(taken)
    return taken


async def replay_as_newcomer(folder: Path) -> list[bytes]:
    """As a process does that has just started."""
    spool = Spool(folder, fsync=lambda fd: None)
    try:
        return await replay(spool)
    finally:
        await spool.close()


def refuse_at(bad: bytes, taken: list[bytes]) -> Callable[[bytes], Awaitable[None]]:
    async def take(payload: bytes) -> None:
        if payload == bad:
            raise ConnectionError("no Redis yet")
        taken.append(payload)

    return take


@contextmanager
def child(code: str, folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Another process with a `spool` on that folder."""
    command = [sys.executable, "-c", PRELUDE + code, str(folder), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read_lines(stream: IO[str] | None, count: int) -> list[str]:
    assert stream is not None
    return [stream.readline().strip() for _ in range(count)]


def spool_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("spool")]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class Disk:
    """An fsync that notes what it was called for, waits while `is_free` is not set, and fails on demand."""

    def __init__(self) -> None:
        self.synced: list[str] = []
        self.fails = False
        self.is_busy, self.is_free = threading.Event(), threading.Event()
        self.is_free.set()

    def fsync(self, fd: int) -> None:
        self.synced.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file")
        self.is_busy.set()
        self.is_free.wait()
        if self.fails:
            raise OSError(errno.EIO, "the disk is broken")
        os.fsync(fd)
