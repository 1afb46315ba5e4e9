"""Both services together: `start` brings up PostgreSQL and Redis below one folder and says where they answer."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from config.embedded import layout as layouts
from config.embedded import lock, postgres, redis
from config.embedded.layout import Layout
from config.embedded.lock import FolderLock
from config.embedded.process import Child

STOP_SECONDS = 8.0


@dataclass
class Services:
    """Running services.

    They end with the process that started them, also when it is killed; `stop` ends them in order.
    """

    layout: Layout
    durable: bool
    lock: FolderLock
    children: list[Child] = field(default_factory=list)  # in the order of their start

    @property
    def database_url(self) -> str:
        return self.layout.database_url

    @property
    def redis_url(self) -> str:
        return self.layout.redis_url

    def stop(self) -> None:
        """Stop both and let go of the folder; throw-away data is removed. Idempotent."""
        for child in reversed(self.children):
            child.stop(seconds=STOP_SECONDS)
        if self.lock.descriptor is not None and not self.durable:
            _remove_data(self.layout)
        self.lock.release()


def start(root: Path, *, durable: bool, begin_with: Path | None = None) -> Services:
    """Start both below `root` and wait until they answer. Call from the main thread.

    `durable` keeps the data from one start to the next, safely. Otherwise it is thrown away at the start and at the
    stop, and nothing waits for the disk; `begin_with` is then a stopped PostgreSQL's data to begin with a copy of.
    Raises EmbeddedServiceError, with nothing left running, when one cannot be started or `root` is in use.
    """
    layout = layouts.of(root)
    layout.prepare()
    services = Services(layout, durable, lock.acquire(layout.lock_file))
    try:
        if not durable:
            _remove_data(layout)
            if begin_with is not None:  # with its owner, who may be another user than we are
                subprocess.run(["cp", "--archive", begin_with, layout.postgres_data], check=True)  # noqa: S603, S607
        services.children.append(postgres.start(layout, durable=durable))
        services.children.append(redis.start(layout, durable=durable))
    except BaseException:
        services.stop()
        raise
    return services


def _remove_data(layout: Layout) -> None:
    folders = [layout.postgres_data, layout.redis_data, layout.postgres_socket_folder, layout.redis_socket_folder]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
