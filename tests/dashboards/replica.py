"""A streaming replica of the tests' PostgreSQL, for tests: made with pg_basebackup, which comes with the embedded one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection

from config.embedded import layout as layouts
from config.embedded import postgres, process, users
from config.embedded.layout import Layout
from config.embedded.process import Child

BACKUP_SECONDS = 60


@dataclass
class Replica:
    layout: Layout
    child: Child

    @property
    def settings(self) -> dict[str, Any]:
        """As Django's DATABASES has it."""
        return {**connection.settings_dict, "HOST": str(self.layout.postgres_socket_folder)}

    def run(self, statement: str) -> None:
        with psycopg.connect(
            host=str(self.layout.postgres_socket_folder), user=layouts.DATABASE_USER, dbname="postgres", autocommit=True
        ) as database:
            database.execute(statement)


@contextmanager
def running(folder: Path) -> Iterator[Replica]:
    layout = layouts.of(folder)
    layout.prepare()
    install, data = postgres.install_folder(), layout.postgres_data
    run_as = users.not_root(data)
    if run_as is not None:
        users.grant_access(run_as, traverse=[data, layout.postgres_socket_folder], read=[])
    users.make_private_folder(layout.postgres_socket_folder, run_as)
    users.make_private_folder(data, run_as)
    primary = connection.settings_dict
    command: list[str | Path] = [install / "bin" / "pg_basebackup", "--pgdata", data, "--write-recovery-conf"]
    command += ["--host", primary["HOST"], "--username", primary["USER"], "--checkpoint=fast", "--no-sync"]
    backup = process.start("pg_basebackup", command, log=folder / "backup.log", env={**os.environ}, run_as=run_as)
    backup.wait(BACKUP_SECONDS)
    backup.stop(seconds=1)
    if backup.exit_status != 0:
        raise backup.failure("no base backup")
    child = postgres._spawn(install, layout, run_as, durable=False)
    try:
        assert postgres._accepts_connections(child, layout)
        yield Replica(layout, child)
    finally:
        child.stop(seconds=5)
