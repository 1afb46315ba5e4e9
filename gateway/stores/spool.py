"""The spool: what Redis could not take waits here, in files on the local disk, and is handed on once it can.

Decides how payloads are made durable, found again after a crash and handed on in order. What they mean, and when it is time to try
again, others decide.

A process appends to a file of its own, `<host>-<pid>-<nanoseconds>.spool`, and holds its flock. The kernel releases that when the process
dies, however it dies; then another process may lock the file and replay it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from gateway.stores.spool_file import MAX_READ, Fsync, SpoolError, SpoolFile, files

__all__ = ["MAX_READ", "Spool", "SpoolError", "Waiting", "count_waiting"]

logger = logging.getLogger(__name__)
T = TypeVar("T")

MAX_APPENDS = 512  # in one fsync


class Spool:
    """A process's end of the spool, for one event loop. No folder, file or thread is made before there is something to do.

    One thread waits for the disk. Only it touches the files, so that they need no lock within the process. `fsync` is for tests.
    """

    def __init__(self, folder: Path, *, fsync: Fsync = os.fsync) -> None:
        self._folder = folder
        self._fsync = fsync
        self._appends: list[tuple[bytes, asyncio.Future[None]]] = []
        self._committing: asyncio.Task[None] | None = None
        self._replaying = asyncio.Lock()
        self._thread: ThreadPoolExecutor | None = None
        self._own: SpoolFile | None = None  # this one and the next are set in the thread
        self._taken: SpoolFile | None = None

    @property
    def pending(self) -> bool:
        """Whether anything that was appended here still waits."""
        own = self._own
        return own is not None and own.start < own.end

    async def append(self, payload: bytes) -> None:
        """Keep `payload`. When this returns, it survives the process and the machine losing power.

        Raises `SpoolError` if the disk is full or cannot be written; then it is not kept, and what was kept before stays readable. If
        the caller is cancelled or the process dies meanwhile, it may be kept or not.
        """
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._appends.append((payload, written))
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit())
        await written

    async def replay(self, handler: Callable[[bytes], Awaitable[None]]) -> int:
        """Hand on what waits here and in the files of dead processes, oldest first; returns how many payloads the handler took.

        At least once: a payload is dropped only after the handler returned for it. Up to `MAX_READ` that it returned for come again if
        the process is killed, and one for which it was cancelled; more only if progress could not be saved. So it must be idempotent.
        What it raises is raised here, and that payload and all later ones stay. "Oldest first" holds within a file; files go by the time
        they were made. What is appended meanwhile may be left to the next replay. A second replay waits for the first.

        Raises `SpoolError` if the folder cannot be listed. A file that cannot be opened or read is passed by and stays, with an error
        log. What was not whole when its process died is dropped, with a warning. A file with damage is replayed but for that and then
        kept as `*.damaged`, with an error log.
        """
        replayed = 0
        async with self._replaying:
            for path in files(self._folder):
                try:
                    if taken := await self._run(partial(self._take, path)):
                        replayed += await self._hand_on(taken, handler)
                finally:
                    await self._run(self._put_back)
        return replayed

    async def close(self) -> None:
        """Finish the appends under way, let go of the file and stop the thread. Cancel a replay before: it is waited for.

        What waits is kept, for whoever replays next; it is no longer `pending` here. An append afterwards opens the spool anew.
        """
        async with self._replaying:
            if self._committing is not None:
                await asyncio.wait([self._committing])
            if self._thread is not None:
                await self._run(self._let_go)
                self._thread.shutdown()
                self._thread = None

    async def _commit(self) -> None:
        """Write what waits. What comes while the disk is busy shares the next fsync."""
        while self._appends:
            batch, self._appends = self._appends[:MAX_APPENDS], self._appends[MAX_APPENDS:]
            try:
                errors = await self._run(partial(self._write, [payload for payload, _ in batch]))
            except Exception as error:  # whatever it is, nobody may be left waiting
                errors = [error] * len(batch)
            for (_, written), failure in zip(batch, errors, strict=True):
                if written.done():
                    continue  # its caller is gone
                if failure is None:
                    written.set_result(None)
                else:
                    refusal = SpoolError(failure)
                    refusal.__cause__ = failure
                    written.set_exception(refusal)

    async def _hand_on(self, file: SpoolFile, handler: Callable[[bytes], Awaitable[None]]) -> int:
        replayed = 0
        while True:
            try:
                records = await self._run(file.read)
            except OSError:
                logger.exception("Spool: %s cannot be read and stays", file.path)
                return replayed
            if not records:
                return replayed
            for record in records:
                await handler(record.payload)
                file.start = record.end
                replayed += 1

    async def _run(self, job: Callable[[], T]) -> T:
        """Do it in the thread, and to its end even if the caller is cancelled: it may have locked a file."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, job))

    # In the thread:

    def _write(self, payloads: Sequence[bytes]) -> list[Exception | None]:
        if self._own is not None and os.fstat(self._own.fd).st_nlink == 0:  # somebody removed it
            self._own.close()
            self._own = None
        if self._own is None:
            self._own = SpoolFile.create(self._folder, self._fsync)
        return self._own.append(payloads)

    def _take(self, path: Path) -> SpoolFile | None:
        """None if its process lives, another has adopted it, or it cannot be opened, which is logged."""
        is_own = self._own is not None and self._own.path == path
        try:
            self._taken = self._own if is_own else SpoolFile.lock(path, self._fsync)
        except OSError:
            logger.exception("Spool: %s cannot be opened and stays", path)
        return self._taken

    def _put_back(self) -> None:
        taken, self._taken = self._taken, None
        if taken is not None and (taken.finish() or taken is not self._own):
            taken.close()
            self._own = None if taken is self._own else self._own

    def _let_go(self) -> None:
        self._taken = self._own
        self._put_back()
        if self._own is not None:
            self._own.close()
            self._own = None


@dataclass(frozen=True)
class Waiting:
    records: int
    payload_bytes: int


def count_waiting(folder: Path) -> Waiting:
    """What waits in all files, whoever they belong to, without locking any: a figure for a dashboard. Files set aside don't count.

    Reads all of it, so not for the event loop. During a replay, up to `MAX_READ` records more than wait. Raises `SpoolError`.
    """
    sizes: list[int] = []
    for path in files(folder):
        try:
            file = SpoolFile(path, os.open(path, os.O_RDONLY))
            with contextlib.closing(file):
                file.read_head()
                sizes += [len(record.payload) for record in file.records() if not record.is_damaged]
        except FileNotFoundError:
            continue  # it was just replayed
        except OSError as error:
            raise SpoolError(error) from error
    return Waiting(len(sizes), sum(sizes))
