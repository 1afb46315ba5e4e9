"""One live instance per folder: a lock that ends with the process that holds it, however that process ends."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from config.embedded.errors import EmbeddedServiceError


@dataclass
class FolderLock:
    """A held lock. `release` is idempotent; the kernel releases it too when the process dies."""

    path: Path
    descriptor: int | None

    def release(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


def holder(path: Path) -> int | None:
    """The pid of the process that holds it; None where nobody does."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(descriptor, 32).strip()
        return int(text) if text.isdigit() else None
    finally:
        os.close(descriptor)
    return None


def acquire(path: Path) -> FolderLock:
    """Take the lock at once or raise EmbeddedServiceError that names the pid of its holder. Never waits.

    The descriptor is not inherited by children, so that one of them surviving for a moment doesn't keep the folder
    locked.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EmbeddedServiceError(f"cannot write to {path.parent}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 32).decode(errors="replace").strip() or "?"
        os.close(descriptor)
        raise EmbeddedServiceError(f"already running as pid {holder} (in {path.parent}); stop that one first") from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return FolderLock(path, descriptor)
