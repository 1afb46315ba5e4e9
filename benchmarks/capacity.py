"""`make capacity`: the inputs of the capacity model (docs/scaling.md), measured: CPU of gateway, worker and PostgreSQL per request, memory
of processes and of Redis, room in PostgreSQL per request; and what a million requests a day come to by them.

CPU is user and system time of processes, which other load on the machine raises somewhat; nothing here is a wall time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import psutil

from benchmarks import stack
from benchmarks.load import Load, Watched, run
from benchmarks.stack import ROOT, Stack
from config.embedded import process

MILLION = 1_000_000
PEAK = 5  # times the mean of the day
USED = 0.6  # of a core or of memory, at the peak
SECONDS = 86_400


@dataclass
class Measured:
    """CPU in microseconds, memory and room in bytes, each of one request unless its name says otherwise."""

    whole_cpu: float = 0
    whole_redis_cpu: float = 0
    stream_cpu: float = 0
    hit_cpu: float = 0
    gateway_memory: float = 0  # of a process, after the load
    worker_memory: float = 0
    record_in_redis: float = 0  # while it waits for the worker
    answer_in_redis: float = 0  # that is kept, of 400 characters
    drain_cpu: float = 0  # of the worker, and of PostgreSQL's backend
    rollup_cpu: float = 0
    row_in_log: float = 0
    indexes_of_row: float = 0
    cells: float = 0  # of the rollups, of a thousand requests in five minutes
    cell: float = 0  # bytes, with its indexes


def main() -> None:
    parser = argparse.ArgumentParser(prog="make capacity", description=__doc__)
    parser.add_argument("--requests", type=int, default=4000, help="of each kind (default: %(default)s)")
    options = parser.parse_args()
    os.environ["BENCH_TENANTS"] = "20"
    with stack.running("benchmarks.seed_tenants") as running:
        found = Measured()
        asyncio.run(_load(running, options.requests, found))
        os.environ |= running.environment
        _work(running, found)
        found.worker_memory = _worker_memory(running)
    _say(found)


async def _load(running: Stack, count: int, found: Measured) -> None:
    watched = Watched(gateway_pid=running.gateway_pid, redis_pid=running.redis_pid, redis_url=running.redis_url)
    numbers = [str(number) for number in range(20)]
    await run(_asking(running, running.keys["0"], count // 8), watched)  # warms up
    whole = [await run(_asking(running, running.keys[number], count // 20), watched) for number in numbers]
    found.whole_cpu = sum(result.cpu_us for result in whole) / len(whole)
    found.whole_redis_cpu = sum(result.redis_us for result in whole) / len(whole)
    found.stream_cpu = (await run(_asking(running, running.keys["0"], count // 4, stream=True), watched)).cpu_us
    cached = running.keys["cached"]
    await run(_asking(running, cached, 16), watched)
    found.hit_cpu = (await run(_asking(running, cached, count // 2), watched)).cpu_us
    found.gateway_memory = psutil.Process(running.gateway_pid).memory_info().rss


def _asking(running: Stack, key: str, count: int, **fields: Any) -> Load:
    prompt = "word " * 400
    body = {"model": "gpt-4o", "max_tokens": 100, "messages": [{"role": "user", "content": prompt}], **fields}
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    return Load(running.gateway_url, "/v1/chat/completions", json.dumps(body).encode(), headers, 16, max(16, count))


def _work(running: Stack, found: Measured) -> None:
    """Drain and roll up in this process, which stands for the worker, and look at what has come of it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.db import connection
    from django.utils import timezone
    from django_redis import get_redis_connection

    from dashboards import rolling
    from gateway import drain
    from tenants import redis_keys
    from tenants.models import Tenant

    redis = get_redis_connection("default")
    tenants = list(Tenant.objects.values_list("id", flat=True))
    streams = [redis_keys.usage_stream(tenant_id) for tenant_id in tenants]
    count = sum(redis.xlen(stream) for stream in streams)
    found.record_in_redis = sum(redis.memory_usage(stream, samples=0) or 0 for stream in streams) / count
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = psutil.Process(cursor.fetchone()[0])
        cpu = _cpu(backend)
        for tenant_id in tenants:
            drain.drain(redis, tenant_id)
        found.drain_cpu, cpu = (_cpu(backend) - cpu) / count * 1e6, _cpu(backend)
        while rolling.roll_up(timezone.now()):
            pass
        found.rollup_cpu = (_cpu(backend) - cpu) / count * 1e6
        cursor.execute("SELECT count(*) FROM gateway_requestlog")
        (rows,) = cursor.fetchone()
        assert rows == count, f"{count} records, {rows} rows"
        cursor.execute(
            "SELECT sum(pg_table_size(relid)), sum(pg_indexes_size(relid)) FROM pg_partition_tree('gateway_requestlog') WHERE isleaf "
            "AND relid <> 'gateway_requestlog_default'::regclass AND pg_table_size(relid) > 65536"
        )
        table, indexes = cursor.fetchone()
        found.row_in_log, found.indexes_of_row = float(table) / rows, float(indexes) / rows
        cursor.execute(
            "SELECT (SELECT count(*) FROM dashboards_cell), sum(pg_total_relation_size(relid)) FROM pg_partition_tree('dashboards_cell')"
        )
        cells, size = cursor.fetchone()
        found.cells, found.cell = cells / count * 1000, float(size) / cells
    _answers_in_redis(running, redis, found)


def _answers_in_redis(running: Stack, redis: Any, found: Measured) -> None:
    """What 400 different answers take that are kept, without the records, which are drained first."""
    from gateway import drain
    from tenants.models import Tenant

    tenant_id = Tenant.objects.get(slug="cached").id
    watched = Watched(gateway_pid=running.gateway_pid, redis_pid=running.redis_pid, redis_url=running.redis_url)
    load = _asking(running, running.keys["cached"], 400)
    before = redis.info("memory")["used_memory"]
    asyncio.run(
        run(Load(**{**{item.name: getattr(load, item.name) for item in fields(load)}, "changing": True}), watched)
    )
    drain.drain(redis, tenant_id)
    found.answer_in_redis = (redis.info("memory")["used_memory"] - before) / 400


def _worker_memory(running: Stack) -> float:
    """Of a Celery worker that has nothing to do yet."""
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "--pool", "threads", "--concurrency", "4"]
    log = Path(running.environment["TOLLGATE_VAR"]) / "worker.log"
    worker = process.start("worker", command, log=log, env={**os.environ, **running.environment}, cwd=ROOT)
    try:
        stack.wait_for_worker(worker)
        return float(psutil.Process(worker.pid).memory_info().rss)
    finally:
        worker.stop(seconds=10)


def _cpu(backend: psutil.Process) -> float:
    used = backend.cpu_times()
    return float(used.user + used.system + time.process_time())


def _say(found: Measured) -> None:
    load = os.getloadavg()[0]
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load average {load:.1f}; prompts of 2 kB\n")
    rows = (
        ("gateway, CPU of a whole answer", f"{found.whole_cpu:.0f} µs"),
        ("gateway, CPU of a stream", f"{found.stream_cpu:.0f} µs"),
        ("gateway, CPU of an exact hit", f"{found.hit_cpu:.0f} µs"),
        ("gateway, memory of a process", f"{found.gateway_memory / 2**20:.0f} MB"),
        ("Redis, CPU of a request", f"{found.whole_redis_cpu:.0f} µs"),
        ("Redis, a record that waits", f"{found.record_in_redis:.0f} B"),
        ("Redis, an answer that is kept", f"{found.answer_in_redis:.0f} B"),
        ("worker and PostgreSQL, CPU to drain a record", f"{found.drain_cpu:.0f} µs"),
        ("worker and PostgreSQL, CPU to roll it up", f"{found.rollup_cpu:.0f} µs"),
        ("worker, memory of a process", f"{found.worker_memory / 2**20:.0f} MB"),
        ("PostgreSQL, a row of the request log", f"{found.row_in_log:.0f} B, its indexes {found.indexes_of_row:.0f} B"),
        ("PostgreSQL, rows of the rollups", f"{found.cells:.0f} of 1,000 requests, {found.cell:.0f} B each"),
    )
    for name, value in rows:
        print(f"{name:48}{value:>30}")
    peak = MILLION / SECONDS * PEAK
    gateway, worker = peak * found.whole_cpu / 1e6 / USED, peak * (found.drain_cpu + found.rollup_cpu) / 1e6 / USED
    print(f"\na million requests a day, {PEAK} times the mean at the peak ({peak:.0f} a second), {USED:.0%} used:")
    for name, value in (
        ("cores for gateway processes", f"{gateway:.2f}"),
        ("cores for workers and PostgreSQL's writing", f"{worker:.2f}"),
        ("of one core, Redis at the peak", f"{peak * found.whole_redis_cpu / 1e6:.1%}"),
        ("requests/s of a gateway core", f"{1e6 / found.whole_cpu * USED:.0f}"),
        ("streams/s of a gateway core", f"{1e6 / found.stream_cpu * USED:.0f}"),
        ("request log, a day", f"{(found.row_in_log + found.indexes_of_row) * MILLION / 2**30:.2f} GB"),
        (
            "records in a GB of Redis, while no worker runs",
            f"{2**30 * USED / found.record_in_redis / MILLION:.1f} million",
        ),
        ("answers kept in a GB of Redis", f"{2**30 * USED / found.answer_in_redis / 1000:.0f} thousand"),
    ):
        print(f"{name:48}{value:>30}")


if __name__ == "__main__":
    main()
