"""`make bench-workers`: the same load on one gateway process and on two, alternating in one run.

Linear means that a request costs no more CPU where two processes share the work, neither in them nor in Redis. Clients and simulator take
part of the same cores, so requests per second say little on a machine that has only two.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from dataclasses import replace

import psutil

from benchmarks import stack
from benchmarks.__main__ import CASES, Case, identity
from benchmarks.against import USUAL
from benchmarks.load import Load, Watched, run
from benchmarks.trees import cpu_seconds


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-workers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=8, help="(default: %(default)s)")
    parser.add_argument("--scale", type=float, default=0.5, help="share of each case's requests (default: %(default)s)")
    options = parser.parse_args()
    cases = [replace(case, clients=case.clients * 2) for case in CASES if case.name in USUAL]
    with stack.running(other={}) as running:
        asyncio.run(_measure(running, cases, rounds=options.rounds, scale=options.scale))


async def _measure(running: stack.Stack, cases: list[Case], *, rounds: int, scale: float) -> None:
    print(
        f"CPU µs per request, of the gateway's processes and of Redis, and requests a second; medians of {rounds} rounds, 32 clients\n"
    )
    titles = ("one process", "two", "ratio", "Redis, one", "two", "req/s, one", "two")
    print(f"{'':36}" + "".join(f"{title:>13}" for title in titles))
    for case in cases:
        found = []
        for number in range(rounds + 1):
            order = (1, 2) if number % 2 else (2, 1)
            done = {workers: await _round(running, case, scale, workers) for workers in order}
            if number:  # the first round warms up
                found.append((done[1], done[2]))
        one, two = ([[pair[side][what] for pair in found] for what in range(3)] for side in (0, 1))
        ratio = statistics.median(pair[1][0] / pair[0][0] for pair in found)
        middle = statistics.median
        figures = [
            middle(one[0]),
            middle(two[0]),
            ratio,
            middle(one[1]),
            middle(two[1]),
            middle(one[2]),
            middle(two[2]),
        ]
        cells = [f"{figure:13.2f}" if place == 2 else f"{figure:13.0f}" for place, figure in enumerate(figures)]
        print(f"{case.name.partition(',')[0] + case.name.partition('clients')[2]:36}" + "".join(cells), flush=True)


async def _round(running: stack.Stack, case: Case, scale: float, workers: int) -> tuple[float, float, float]:
    """CPU µs per request of the gateway's processes and of Redis, and requests a second, with the load spread over so many processes."""
    urls = [running.gateway_url, running.other_url][:workers]
    clients = case.clients // workers
    count = int(case.count * scale) // workers // clients * clients
    pids = (running.gateway_pid, running.other_pid, running.redis_pid)
    watched = Watched(gateway_pid=running.gateway_pid, redis_pid=running.redis_pid, redis_url=running.redis_url)
    headers = {"content-type": "application/json", **identity(running, case)}
    loads = [
        Load(url, case.path, case.body(), headers, clients, count, changing=case.has_changing_prompt) for url in urls
    ]
    before, began = [cpu_seconds(psutil.Process(pid)) for pid in pids], time.perf_counter()
    await asyncio.gather(*[run(load, watched) for load in loads])
    seconds = time.perf_counter() - began
    first, second, redis = (cpu_seconds(psutil.Process(pid)) - then for pid, then in zip(pids, before, strict=True))
    total = count * workers
    return (first + second) / total * 1e6, redis / total * 1e6, total / seconds


if __name__ == "__main__":
    main()
