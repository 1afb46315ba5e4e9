"""A PostgreSQL whose database has all migrations, made once a day and for each state of them; runs and their workers begin with a copy.

Migrating takes longer than most single tests. Made anew each day, since migrations make the request log's partitions for the present.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.embedded import layout as layouts
from config.embedded import session

PROJECT = Path(__file__).resolve().parent.parent
KEPT = PROJECT / ".pytest_cache" / "postgres"
MADE_OF = ("*/migrations/*.py", "*/apps.py", "tenants/rls.py", "gateway/partitions.py", "requirements.txt")


@contextmanager
def cluster() -> Iterator[Path]:
    """The data folder of a stopped server, whose database is migrated, to be copied within the block: afterwards another process may
    remove it, for whom it is another day or who has other migrations. Made by whoever comes first; others wait.
    """
    KEPT.mkdir(parents=True, exist_ok=True)
    wanted = KEPT / _name()
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        while not wanted.exists():
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not wanted.exists():
                for old in KEPT.iterdir():
                    if old.is_dir():
                        shutil.rmtree(old, ignore_errors=True)
                _make(wanted)
            fcntl.flock(lock, fcntl.LOCK_SH)  # not in one step: somebody else may have been in between
        yield wanted


def _name() -> str:
    digest = hashlib.sha256(f"{dt.datetime.now(dt.UTC).date()} {os.geteuid()}".encode())
    for path in sorted(path for pattern in MADE_OF for path in PROJECT.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _make(wanted: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="tollgate-migrated-"))
    folder.chmod(0o711)  # as root, PostgreSQL runs as another user, who must get through
    services = session.start(folder, durable=False)
    try:
        environment = os.environ | {
            "DATABASE_URL": services.database_url,
            "REDIS_URL": services.redis_url,
            "TOLLGATE_VAR": str(folder),
        }
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(command, cwd=PROJECT, env=environment, check=True)
        data = layouts.of(folder).postgres_data
        for child in services.children:
            child.stop(seconds=20)
        draft = wanted.with_name("draft")
        shutil.rmtree(draft, ignore_errors=True)
        subprocess.run(["cp", "--archive", data, draft], check=True)
        draft.rename(wanted)  # in one step: a copy that was cut off is never taken for a whole one
    finally:
        services.stop()
        shutil.rmtree(folder, ignore_errors=True)
