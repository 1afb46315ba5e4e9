from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from config.embedded import session
from config.embedded.errors import EmbeddedServiceError
from tests.config.embedded.processes import family, is_alive, survivors

STARTS_AND_WAITS = """
import json, sys, time
from pathlib import Path
from config.embedded import session
services = session.start(Path(sys.argv[1]), durable=True)
print(json.dumps([child.pid for child in services.children]), flush=True)
time.sleep(1000)
"""


def test_both_answer_at_their_urls(folder: Path) -> None:
    services = session.start(folder / "var", durable=False)
    with psycopg.connect(services.database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with redis.Redis.from_url(services.redis_url) as client:
        assert client.ping() is True
    services.stop()


def test_a_killed_parent_leaves_no_server_and_no_data_is_lost(folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", STARTS_AND_WAITS, str(folder)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pids = json.loads(parent.stdout.readline())
        everybody = [pid for server in pids for pid in family(server)]
        assert len(everybody) > 4  # the two servers and PostgreSQL's own processes
        parent.kill()
    services = session.start(folder, durable=True)  # at once: it waits for those that are still ending
    assert not any(is_alive(pid) for pid in pids)
    services.stop()
    assert survivors(everybody) == []


def test_a_folder_in_use_is_refused_with_the_pid_of_its_user(folder: Path) -> None:
    services = session.start(folder, durable=False)
    with pytest.raises(EmbeddedServiceError, match=f"already running as pid {os.getpid()}"):
        session.start(folder, durable=False)
    with psycopg.connect(services.database_url) as connection:  # and its data has not been thrown away
        assert connection.execute("SELECT 1").fetchone() == (1,)
    services.stop()


def test_throw_away_data_is_thrown_away(folder: Path) -> None:
    services = session.start(folder, durable=False)
    with redis.Redis.from_url(services.redis_url) as client:
        client.set("spent", 42)
    services.stop()
    assert not (folder / "postgres").exists()
    assert not (folder / "redis").exists()
    services.stop()


def test_when_one_cannot_start_the_other_is_stopped(folder: Path) -> None:
    (folder / "redis").write_text("not a folder")
    with pytest.raises(EmbeddedServiceError, match=r"redis belongs to user|cannot make"):
        session.start(folder, durable=True)
    assert not (folder / "postgres" / "postmaster.pid").exists()
    (folder / "redis").unlink()
    session.start(folder, durable=True).stop()


def test_a_folder_that_cannot_be_written_is_named(folder: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(EmbeddedServiceError, match=f"cannot write to {folder}/file/var: Not a directory"):
        session.start(folder / "file" / "var", durable=True)
