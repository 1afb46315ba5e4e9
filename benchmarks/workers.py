"""`make bench-workers`: one gateway process, two that share twice the clients, and two that have nothing in common, alternating in one run.

Linear means that a request costs no more CPU where two processes share the work, neither in them nor in Redis. On a small machine it may
all the same, as they share its caches and cores: how much of that is the machine's own is told by two whole systems beside each
other, each with a Redis of its own. Each process has as many clients in all three, for the more requests are under way, the more
leave in one system call. Clients and simulator take part of the same cores, so requests per second say little where there are only two.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from dataclasses import dataclass, replace

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
    with stack.running(other={}) as running, stack.running() as elsewhere:
        asyncio.run(_measure(running, elsewhere, cases, rounds=options.rounds, scale=options.scale))


@dataclass(frozen=True)
class Side:
    """A gateway process that is called, and the system that it belongs to."""

    system: stack.Stack
    url: str
    pid: int


async def _measure(
    running: stack.Stack, elsewhere: stack.Stack, cases: list[Case], *, rounds: int, scale: float
) -> None:
    print(
        f"CPU µs per request, of the gateway's processes and of Redis, and requests a second; medians of {rounds} rounds, 32 clients each\n"
    )
    first = Side(running, running.gateway_url, running.gateway_pid)
    ways = {
        "one process": [first],
        "two": [first, Side(running, running.other_url, running.other_pid)],
        "two apart": [first, Side(elsewhere, elsewhere.gateway_url, elsewhere.gateway_pid)],
    }
    titles = [*ways, "two/one", "two/apart", "Redis, one", "two", "apart", "req/s, one", "two", "apart"]
    print(f"{'':36}" + "".join(f"{title:>13}" for title in titles))
    for case in cases:
        found: dict[str, list[tuple[float, float, float]]] = {way: [] for way in ways}
        for number in range(rounds + 1):
            for way in sorted(ways, reverse=bool(number % 2)):
                figures = await _round(ways[way], case, scale)
                if number:  # the first round warms up
                    found[way].append(figures)
        cpu, redis, pace = ([[row[what] for row in found[way]] for way in ways] for what in range(3))
        cells = [f"{statistics.median(values):13.0f}" for values in cpu]
        for other in (0, 2):
            ratios = [two / one for two, one in zip(cpu[1], cpu[other], strict=True)]
            cells.append(f"{statistics.median(ratios):13.2f}")
        cells += [f"{statistics.median(values):13.0f}" for values in [*redis, *pace]]
        print(f"{case.name.partition(',')[0] + case.name.partition('clients')[2]:36}" + "".join(cells), flush=True)


async def _round(sides: list[Side], case: Case, scale: float) -> tuple[float, float, float]:
    """CPU µs per request of the gateway's processes and of Redis, and requests a second, with the load spread over so many processes."""
    clients = case.clients
    count = int(case.count * scale) // len(sides) // clients * clients
    runs = []
    for side in sides:
        system = side.system
        headers = {"content-type": "application/json", **identity(system, case)}
        load = Load(side.url, case.path, case.body(), headers, clients, count, changing=case.has_changing_prompt)
        watched = Watched(gateway_pid=side.pid, redis_pid=system.redis_pid, redis_url=system.redis_url)
        runs.append(run(load, watched))
    gateways = [psutil.Process(side.pid) for side in sides]
    stores = [psutil.Process(pid) for pid in {side.system.redis_pid for side in sides}]
    before = [sum(map(cpu_seconds, of)) for of in (gateways, stores)]
    began = time.perf_counter()
    await asyncio.gather(*runs)
    seconds = time.perf_counter() - began
    gateway, redis = (sum(map(cpu_seconds, of)) - then for of, then in zip((gateways, stores), before, strict=True))
    total = count * len(sides)
    return gateway / total * 1e6, redis / total * 1e6, total / seconds


if __name__ == "__main__":
    main()
