"""`make bench-soak`: a million requests through one gateway process with everything on, while a worker writes the log to PostgreSQL.

Prints what memory and the drain do on the way, by how much the gateway's memory grew over the last half, and whether what the clients were
told, the request log, the ledger, the counters and the simulator agree in the end.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis

from benchmarks import soak_clients, stack
from benchmarks.stack import Stack
from benchmarks.trees import MEGABYTE, Tree

PROCESSES = 2
DRAIN_SECONDS = 300
FROM_CACHES = ("hit", "semantic", "stale")  # answers without a call
TITLES = ("requests", "req/s", "gateway MB", "worker MB", "Redis MB", "waiting", "spool B")


@dataclass(frozen=True)
class Sample:
    """How things stand after so many requests. `waiting`: records in the tenant's stream; `spool`: bytes of its files."""

    requests: int
    at: float
    gateway: float
    worker: float
    redis: float
    waiting: int
    spool: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000, help="(default: %(default)s)")
    parser.add_argument("--rate", type=float, default=600, help="requests a second, at most (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=60, help="stop then, however far it is (default: %(default)s)")
    parser.add_argument("--every", type=int, default=50_000, help="requests from line to line (default: %(default)s)")
    options = parser.parse_args()
    with stack.running() as running, stack.working(running) as worker_pid:
        _prepare(running)
        samples, told = _soak(running, worker_pid, options)
        lag = _drained(running)
        _say_slope(samples)
        print(f"the last record was in PostgreSQL {lag:.1f} s after the last answer\n")
        is_right = _compare(running, told)
    if not is_right:
        sys.exit("The books do not agree.")


def _prepare(running: Stack) -> None:
    """Django in this process, on the stack's stores."""
    os.environ |= running.environment
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()


def _soak(running: Stack, worker_pid: int, options: argparse.Namespace) -> tuple[list[Sample], Counter[str]]:
    context = multiprocessing.get_context("spawn")
    done = context.Value("q", 0)
    tallies = context.Queue()
    until = time.time() + options.minutes * 60
    parts = [
        soak_clients.Part(
            running.gateway_url,
            running.everything_key,
            running.keys["narrow"],
            number,
            options.requests // PROCESSES,
            options.rate / PROCESSES,
            until,
        )
        for number in range(PROCESSES)
    ]
    clients = [context.Process(target=soak_clients.send, args=(part, done, tallies), daemon=True) for part in parts]
    for client in clients:
        client.start()
    print("".join(f"{title:>12}" for title in TITLES), flush=True)
    look = _Looking(running, worker_pid)
    samples = [look.sample(0)]
    told: Counter[str] = Counter()
    while any(client.is_alive() for client in clients):
        time.sleep(0.2)
        if done.value >= samples[-1].requests + options.every:
            samples.append(look.sample(done.value))
            _say(samples[-2], samples[-1])
        while not tallies.empty():
            told += tallies.get()
    if done.value > samples[-1].requests + options.every // 5:
        samples.append(look.sample(done.value))
        _say(samples[-2], samples[-1])
    while not tallies.empty():
        told += tallies.get()
    assert sum(1 for client in clients if client.exitcode == 0) == PROCESSES, "clients have failed"
    return samples, told


class _Looking:
    def __init__(self, running: Stack, worker_pid: int) -> None:
        self._running = running
        self._gateway, self._worker = Tree([running.gateway_pid]), Tree([worker_pid])
        self._redis = Redis.from_url(running.redis_url)

    def sample(self, requests: int) -> Sample:
        return Sample(
            requests,
            time.monotonic(),
            self._gateway.megabytes(),
            self._worker.megabytes(),
            self._redis.info("memory")["used_memory"] / MEGABYTE,
            self._redis.xlen(_stream()),
            sum(file.stat().st_size for file in Path(self._running.environment["TOLLGATE_VAR"]).glob("spool/*")),
        )


def _tenant() -> Any:
    from tenants.models import Tenant

    return Tenant.objects.get(slug="everything")


def _stream() -> str:
    from tenants import redis_keys

    return redis_keys.usage_stream(_tenant().id)


def _say(before: Sample, now: Sample) -> None:
    per_second = (now.requests - before.requests) / (now.at - before.at)
    cells = (
        f"{now.requests:,}", f"{per_second:.0f}", f"{now.gateway:.1f}", f"{now.worker:.1f}", f"{now.redis:.1f}",
        f"{now.waiting:,}", f"{now.spool:,}",
    )  # fmt: skip
    print("".join(f"{cell:>12}" for cell in cells), flush=True)


def _drained(running: Stack) -> float:
    """Seconds until nothing waits any more."""
    redis, began = Redis.from_url(running.redis_url), time.monotonic()
    stream = _stream()
    while redis.xlen(stream):
        if time.monotonic() - began > DRAIN_SECONDS:
            sys.exit(f"{redis.xlen(stream)} records still wait after {DRAIN_SECONDS} s")
        time.sleep(0.1)
    return time.monotonic() - began


def _say_slope(samples: list[Sample]) -> None:
    last = samples[len(samples) // 2 :]
    if len(last) < 2:
        return
    print()
    for name in ("gateway", "worker", "redis"):
        slope, _ = statistics.linear_regression(
            [sample.requests / 100_000 for sample in last], [getattr(sample, name) for sample in last]
        )
        print(f"{name}: {slope:+.2f} MB for 100,000 requests, over the last half")


def _compare(running: Stack, told: Counter[str]) -> bool:
    """Whether all that counted has counted the same; says what."""
    from decimal import Decimal

    from django.db.models import Count, Q, Sum
    from django.utils import timezone

    from billing.models import DailyUsage
    from gateway import reconciliation
    from gateway.models import RequestLog
    from gateway.stores import spool

    tenant = _tenant()
    problems = {kind: number for kind, number in told.items() if kind.startswith("http")}
    for kind in sorted(told.keys() - problems.keys()):
        print(f"{kind:24}{told[kind]:>10,}")
    for text, number in problems.items():
        print(f"{number} times: {text}")
    rows = RequestLog.objects.filter(tenant_id=tenant.id).aggregate(
        answered=Count("id", filter=Q(status=200)),
        called=Count("id", filter=Q(attempt__gt=0) & ~Q(cache__in=FROM_CACHES)),
        charged=Count("id", filter=Q(attempt__gt=0) | Q(status=200)),
        input=Sum("input_tokens", filter=Q(attempt__gt=0)),
        output=Sum("output_tokens", filter=Q(attempt__gt=0)),
        usd=Sum("cost_usd"),
    )
    ledger = DailyUsage.objects.filter(tenant_id=tenant.id, dimension="tenant").aggregate(
        requests=Sum("requests"), input=Sum("input_tokens"), output=Sum("output_tokens"), usd=Sum("cost_usd")
    )
    with urllib.request.urlopen(f"{running.simulator_url}/__sim__/totals", timeout=10) as answer:
        served = json.load(answer)
    drift = reconciliation.reconcile(tenant.id)
    usage = served["usage"]
    answered = sum(number for kind, number in told.items() if kind.endswith(" 200"))
    checks = (
        ("answers: clients were told, log", answered, rows["answered"]),
        ("calls: simulator, log", served["requests"], rows["called"]),
        ("tokens in: simulator, log", usage["input_tokens"], rows["input"]),
        ("tokens out: simulator, log", usage["output_tokens"], rows["output"]),
        ("requests: log, ledger", rows["charged"], ledger["requests"]),
        ("tokens in: log, ledger", rows["input"], ledger["input"]),
        ("tokens out: log, ledger", rows["output"], ledger["output"]),
        ("US dollars: log, ledger", rows["usd"] or Decimal(0), ledger["usd"]),
        (
            "settlements that wait in files",
            spool.count_waiting(Path(running.environment["TOLLGATE_VAR"]) / "spool").records,
            0,
        ),
    )
    print()
    for name, one, other in checks:
        print(f"{name:36}{one:>18,}{other:>18,}  {'the same' if one == other else 'NOT the same'}")
    print(f"counters and ledger: {drift.compared} counters compared, {f'off: {drift}' if drift else 'none off'}")
    print(f"{timezone.now():%Y-%m-%d}, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    return not problems and not drift and all(one == other for _, one, other in checks)


if __name__ == "__main__":
    main()
