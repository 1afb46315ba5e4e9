"""Where the embedded services keep their data, sockets and logs below one folder, and the URLs that follow from it.

Deciding only: nothing is started, and nothing is written before `prepare` is called. The URLs depend on the folder and
the user alone, so that another process of the same user (`manage.py shell` beside `make run`) arrives at the same ones.
"""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from config.embedded.errors import EmbeddedServiceError

DATABASE_NAME = "tollgate"
DATABASE_USER = "postgres"
POSTGRES_SOCKET_NAME = ".s.PGSQL.5432"
REDIS_SOCKET_NAME = "redis.sock"

# sockaddr_un.sun_path, less the NUL that ends it
SOCKET_PATH_LIMIT_BYTES = 107 if sys.platform == "linux" else 103


@dataclass(frozen=True)
class Layout:
    """The folders below `root`, which is absolute and free of symbolic links."""

    root: Path

    @property
    def lock_file(self) -> Path:
        return self.root / "lock"

    @property
    def log_folder(self) -> Path:
        return self.root / "log"

    @property
    def postgres_data(self) -> Path:
        return self.root / "postgres"

    @property
    def redis_data(self) -> Path:
        return self.root / "redis"

    @property
    def run_folder(self) -> Path:
        return self.root / "run"

    @property
    def postgres_socket_folder(self) -> Path:
        return self._socket_folder("postgres", POSTGRES_SOCKET_NAME)

    @property
    def redis_socket_folder(self) -> Path:
        return self._socket_folder("redis", REDIS_SOCKET_NAME)

    @property
    def redis_socket(self) -> Path:
        return self.redis_socket_folder / REDIS_SOCKET_NAME

    @property
    def database_url(self) -> str:
        """A libpq URL; the host is the socket's folder, percent-encoded."""
        host = quote(str(self.postgres_socket_folder), safe="/")
        return f"postgresql://{DATABASE_USER}@/{DATABASE_NAME}?host={host}"

    @property
    def redis_url(self) -> str:
        """What redis-py's `from_url` takes; `redis.broker_url` turns it into Celery's spelling."""
        return f"unix://{quote(str(self.redis_socket), safe='/')}?db=0"

    def prepare(self) -> None:
        """Make the folders that are ours. Idempotent. Raises EmbeddedServiceError when the root cannot be written."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.run_folder.mkdir(exist_ok=True)
            self.log_folder.mkdir(mode=0o700, exist_ok=True)
            probe = self.root / f".writable-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise EmbeddedServiceError(f"cannot write to {self.root}: {error.strerror}") from error

    def _socket_folder(self, service: str, socket_name: str) -> Path:
        """A folder below `root`, or a short one in /tmp when a socket's path would be too long for the kernel."""
        folder = self.run_folder / service
        if len(os.fsencode(folder / socket_name)) <= SOCKET_PATH_LIMIT_BYTES:
            return folder
        # Not $TMPDIR or $XDG_RUNTIME_DIR: they differ between two shells of one user, and the URL must not.
        digest = hashlib.sha256(os.fsencode(self.root) + b"\0" + str(os.geteuid()).encode()).hexdigest()[:16]
        return Path("/tmp").resolve() / f"tollgate-{digest}-{service}"  # noqa: S108 (owner and mode are checked before use)


def of(root: Path) -> Layout:
    """The layout below `root`, which need not exist yet."""
    return Layout(root=root.expanduser().resolve())
