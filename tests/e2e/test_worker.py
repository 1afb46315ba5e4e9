"""The Celery worker, killed while records come in: none is lost, none doubled."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from django_redis import get_redis_connection

from config.embedded import process
from gateway.models import RequestLog
from tenants import redis_keys
from tests.gateway.live import ROOT, test_environment, wait_until

REQUESTS = 600


@contextlib.contextmanager
def worker(folder: Path, name: str) -> Iterator[process.Child]:
    """A worker with its own beat, as `make run` starts them but in one process."""
    command = [
        sys.executable, "-m", "celery", "-A", "config", "worker", "--beat", "--pool", "threads", "--concurrency", "2",
        "--schedule", str(folder / f"{name}-schedule"), "--hostname", f"{name}@%h", "--loglevel", "warning",
    ]  # fmt: skip
    child = process.start(name, command, log=folder / f"{name}.log", env=test_environment(), cwd=ROOT)
    try:
        yield child
    finally:
        child.stop(seconds=10)


def test_killed_under_load_it_loses_and_doubles_nothing(world, simulator, tmp_path):
    answered: list[str] = []

    def fire() -> None:
        for _ in range(REQUESTS // 8):
            reply = world.chat(prompt="x")
            assert reply.status == 200
            answered.append(reply.headers["x-request-id"])

    def rows() -> int:
        return RequestLog.objects.filter(tenant=world.tenant).count()

    threads = [threading.Thread(target=fire) for _ in range(8)]
    for thread in threads:
        thread.start()
    with worker(tmp_path, "first") as first:
        wait_until(lambda: rows() > 0, seconds=90)
        first._popen.kill()  # SIGKILL, in the middle of it
        wait_until(first.has_ended)
    for thread in threads:
        thread.join()
    written_before = rows()
    with worker(tmp_path, "second"):
        wait_until(lambda: rows() >= REQUESTS, seconds=90)
        stream = redis_keys.usage_stream(world.tenant.id)
        wait_until(lambda: get_redis_connection("default").xlen(stream) == 0)
    assert 0 < written_before <= REQUESTS
    ids = list(RequestLog.objects.filter(tenant=world.tenant).values_list("request_id", flat=True))
    assert len(ids) == len(set(ids)) == len(answered) == REQUESTS
    assert {f"req_{request_id.hex}" for request_id in ids} == set(answered)
    upstream = simulator.totals()
    assert sum(upstream["by_outcome"].values()) == REQUESTS
