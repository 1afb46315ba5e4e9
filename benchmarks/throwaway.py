"""A database and a Redis for one measurement, in a folder that is gone afterwards; this process's environment names them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.embedded import session


@contextmanager
def running(**environment: str) -> Iterator[None]:
    """`environment` is put into this process's as well."""
    with tempfile.TemporaryDirectory(prefix="tollgate-bench-") as name, running_in(Path(name), **environment):
        yield


@contextmanager
def running_in(folder: Path, *, durable: bool = False, **environment: str) -> Iterator[None]:
    """In a folder of one's own, whose data stays."""
    folder.chmod(0o711)  # the database's own user must get to its files
    services = session.start(folder / "services", durable=durable)
    try:
        os.environ |= {
            "DATABASE_URL": services.database_url,
            "REDIS_URL": services.redis_url,
            "TOLLGATE_VAR": str(folder / "var"),
            "TOLLGATE_LOG_LEVEL": "WARNING",
            **environment,
        }
        yield
    finally:
        services.stop()
