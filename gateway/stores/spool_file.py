"""A file of the spool: how records stand in it, and what a crash, a full disk or damage may have left of them.

    file:    magic, marker, where the first record not yet replayed is, whether damage was seen, CRC-32 of these; then the records
    record:  marker, length of the payload, its CRC-32, CRC-32 of these; the payload

The marker is what to look for behind damage. It is random, so that nothing a client sends can pass for a record.
"""

from __future__ import annotations

import bisect
import contextlib
import fcntl
import itertools
import logging
import os
import re
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

logger = logging.getLogger(__name__)
Fsync = Callable[[int], None]

SUFFIX = ".spool"
MAX_READ, MAX_READ_BYTES = 64, 4_000_000  # in one reading, after which progress is saved
_MAGIC = b"TGSPOOL1"
_HEAD = struct.Struct(">8s8sQ?")
_RECORD = struct.Struct(">8sII")
_CRC = struct.Struct(">I")
_FIRST = _HEAD.size + _CRC.size


class SpoolError(Exception):
    """The disk did not do it. `error` says why: an OSError, or what Python raised because no memory or thread was to be had."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"The spool failed: {error}")
        self.error = error


class Record(NamedTuple):
    payload: bytes
    end: int
    is_damaged: bool = False  # then the payload is nothing to hand on


@dataclass
class SpoolFile:
    """A spool file. `start`: where the first record not yet replayed is. `end`: where the next one will be. Methods raise OSError."""

    path: Path
    fd: int
    fsync: Fsync = os.fsync
    marker: bytes = b""
    start: int = 0
    end: int = 0
    is_damaged: bool = False
    saved: tuple[int, bool] = (0, False)

    @classmethod
    def create(cls, folder: Path, fsync: Fsync) -> SpoolFile:
        """A new one, in a folder that is on disk. What fails leaves none."""
        host, file = re.sub(r"[^A-Za-z0-9]+", "_", socket.gethostname())[:64], None
        while file is None:  # another process may take it, still empty, for a dead one's, and remove it
            _make(folder, fsync)
            path = folder / f"{host}-{os.getpid()}-{time.time_ns()}{SUFFIX}"
            file = cls.lock(path, fsync, os.O_CREAT | os.O_EXCL)
        file.marker, file.start, file.end = os.urandom(8), _FIRST, _FIRST
        try:
            file._write_head()
            _sync(folder, fsync)
        except OSError:
            path.unlink(missing_ok=True)
            file.close()
            raise
        return file

    @classmethod
    def lock(cls, path: Path, fsync: Fsync, flags: int = 0) -> SpoolFile | None:
        """None if another process has it, or had it and removed it."""
        with contextlib.ExitStack() as undo, contextlib.suppress(BlockingIOError, FileNotFoundError):
            file = cls(path, os.open(path, os.O_RDWR | flags, 0o600), fsync)
            undo.callback(file.close)
            fcntl.flock(file.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file.fd), path.stat()):
                file.read_head()
                undo.pop_all()
                return file
        return None

    def read_head(self) -> None:
        self.start = self.end = os.fstat(self.fd).st_size
        head = os.pread(self.fd, _FIRST, 0)
        if len(head) == _FIRST:  # else its process died while making it: there is no record
            magic, self.marker, start, self.is_damaged = _HEAD.unpack_from(head)
            if magic != _MAGIC:
                self.is_damaged = True
            elif head == _with_crc(head[: _HEAD.size]):
                self.start = min(start, self.end)
            else:
                self.start, self.is_damaged = _FIRST, False
        self.saved = (self.start, self.is_damaged)

    def append(self, payloads: Sequence[bytes]) -> list[Exception | None]:
        """Write as many as there is room for, with one fsync; the others leave no trace. Returns for each what went wrong."""
        records = [_with_crc(_RECORD.pack(self.marker, len(p), zlib.crc32(p))) + p for p in payloads]
        ends = list(itertools.accumulate(map(len, records), initial=0))
        data, written, failure = memoryview(b"".join(records)), 0, None
        try:
            while written < len(data):
                written += os.pwrite(self.fd, data[written:], self.end + written)
        except OSError as error:
            failure = error
        kept = bisect.bisect_right(ends, written) - 1
        try:
            if failure is not None:
                os.ftruncate(self.fd, self.end + ends[kept])
            if kept:
                self.fsync(self.fd)
        except OSError as error:
            failure, kept = error, 0  # what of it is on disk, nobody knows
            with contextlib.suppress(OSError):  # where it stays, the next append overwrites it
                os.ftruncate(self.fd, self.end)
        self.end += ends[kept]
        return [None if index < kept else failure for index in range(len(payloads))]

    def read(self) -> list[Record]:
        """The next records; none at the end. What was replayed up to here is saved first."""
        self._save()
        records: list[Record] = []
        seen = self.start
        for record in self.records():
            seen = record.end
            if record.is_damaged:
                self.is_damaged = True
                continue
            records.append(record)
            if len(records) == MAX_READ or seen - self.start >= MAX_READ_BYTES:
                break
        if not records:
            if seen < self.end:
                logger.warning("Spool: %s ends in %d bytes of a record never whole", self.path, self.end - seen)
            self.start = self.end
        return records

    def records(self) -> Iterator[Record]:
        """From `start` to the last that is whole, and where between them there is damage."""
        at = self.start
        size = _RECORD.size + _CRC.size
        while at < self.end and len(head := os.pread(self.fd, size, at)) == size:
            marker, length, crc = _RECORD.unpack_from(head)
            if marker == self.marker and head == _with_crc(head[: _RECORD.size]):
                end = at + size + length
                if end > self.end:
                    return
                payload = os.pread(self.fd, length, at + size)
                is_damaged = zlib.crc32(payload) != crc
            else:
                payload, is_damaged, end = b"", True, self._find_marker(at + 1)
            yield Record(payload, end, is_damaged)
            at = end

    def finish(self) -> bool:
        """Save how far the replay came. At the end, remove the file, or set it aside if damaged; returns whether it is gone."""
        self._save()
        if self.start < self.end:
            return False
        try:
            if self.is_damaged:
                aside = self.path.rename(f"{self.path}.damaged")
                logger.error("Spool: damaged, replayed but for the damage, and kept whole: %s", aside)
            else:  # its removal is not synced: if it comes back, its head says that all was replayed
                self.path.unlink(missing_ok=True)
        except OSError:
            logger.exception("Spool: %s was replayed but cannot be removed", self.path)
            return False
        return True

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def _find_marker(self, at: int) -> int:
        """Where the next one begins, or the end."""
        while chunk := os.pread(self.fd, 1 << 16, at):
            if (found := chunk.find(self.marker)) >= 0:
                return min(at + found, self.end)
            at += max(1, len(chunk) - len(self.marker) + 1)  # it may lie across two chunks
        return self.end

    def _save(self) -> None:
        if self.saved == (self.start, self.is_damaged):
            return
        try:
            self._write_head()
            self.fsync(self.fd)
            self.saved = (self.start, self.is_damaged)
        except OSError:
            logger.exception("Spool: %s: progress not saved, so what was replayed may be replayed again", self.path)

    def _write_head(self) -> None:
        head = _with_crc(_HEAD.pack(_MAGIC, self.marker, self.start, self.is_damaged))
        if os.pwrite(self.fd, head, 0) < len(head):
            raise OSError("no room for the head of a spool file")


def files(folder: Path) -> list[Path]:
    """The files of all processes, oldest first; none if there is no folder. Fast, so it may be called in the event loop."""
    try:
        names = [name for name in os.listdir(folder) if name.endswith(SUFFIX)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SpoolError(error) from error
    return [folder / name for name in sorted(names, key=lambda name: name.rpartition("-")[2])]


def _with_crc(head: bytes) -> bytes:
    return head + _CRC.pack(zlib.crc32(head))


def _make(folder: Path, fsync: Fsync) -> None:
    if not folder.is_dir():
        _make(folder.parent, fsync)
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync(folder.parent, fsync)


def _sync(folder: Path, fsync: Fsync) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        fsync(fd)
    finally:
        os.close(fd)
