"""`make bench-tenants`: a thousand tenants with skewed traffic on one gateway process, and what a hot one does to the others.

Tenants are called as often as Zipf's law says (the second one half as often as the first, and so on). The same traffic goes, alternating,
to a process that keeps all their configurations in memory and to one that has room for a fifth of them. Machines are shared and noisy:
CPU and the ratios of one run are what to trust.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import psutil
from redis import Redis

from benchmarks import stack
from benchmarks.load import _answer
from benchmarks.stack import Stack

BODY = {"model": "gpt-4o", "max_tokens": 100, "messages": [{"role": "user", "content": "word " * 200}]}
GROUPS = (("1 to 10", 0, 10), ("11 to 100", 10, 100), ("101 to 1000", 100, 1000))
QUIET, QUIET_PAUSE = 20, 0.1
REFUSED_PAUSE = 0.5  # as SDKs wait after a 429
PARTS = ("first", "skewed", "hot")


@dataclass
class Caller:
    """One connection to a gateway process."""

    url: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def to(cls, url: str) -> Caller:
        address = urlsplit(url)
        return cls(url, *await asyncio.open_connection(address.hostname, address.port))

    async def ask(self, key: str) -> tuple[float, str]:
        """Seconds, and what the answer says if it is not a 200."""
        body = json.dumps(BODY).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: {len(body)}\r\n\r\n"
        begun = time.perf_counter()
        self.writer.write(head.encode() + body)
        problem = await _answer(self.reader)
        return time.perf_counter() - begun, problem


@dataclass
class Times:
    """Seconds of answers, and how many were refused."""

    seconds: list[float] = field(default_factory=list)
    refused: int = 0

    def ms(self, share: float) -> str:
        ordered = sorted(self.seconds)
        return f"{ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000:.1f}" if ordered else "-"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-tenants", description=__doc__)
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=6000, help="of each process (default: %(default)s)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="(default: all)")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--exponent", type=float, default=1.1, help="of Zipf's law (default: %(default)s)")
    parser.add_argument("--hot-seconds", type=float, default=8, help="of each case with a hot tenant")
    options = parser.parse_args()
    os.environ["BENCH_TENANTS"] = str(options.tenants)
    few = {"TOLLGATE_SNAPSHOT_CAPACITY": str(options.tenants // 5)}
    with stack.running("benchmarks.seed_tenants", other=few) as running:
        asyncio.run(_measure(running, options))


async def _measure(running: Stack, options: argparse.Namespace) -> None:
    print(f"{options.tenants} tenants; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    for name, measure in zip(PARTS, (_first_requests, _skewed, _hot), strict=True):
        if name in options.parts:
            await measure(running, options)


async def _first_requests(running: Stack, options: argparse.Namespace) -> None:
    """Each tenant's first request, which reads its configuration, beside its second one."""
    gateway, redis = psutil.Process(running.gateway_pid), Redis.from_url(running.redis_url)
    warm = await Caller.to(running.gateway_url)
    await warm.ask(running.keys["0"])
    memory, stored, cpu = gateway.memory_info().rss, redis.info("memory")["used_memory"], _cpu(gateway)
    first, second = Times(), Times()
    left = iter(range(1, options.tenants))

    async def meet() -> None:
        caller = await Caller.to(running.gateway_url)
        for number in left:
            for times in (first, second):
                seconds, problem = await caller.ask(running.keys[str(number)])
                assert not problem, problem
                times.seconds.append(seconds)
        caller.writer.close()

    await asyncio.gather(meet(), meet())
    others = options.tenants - 1
    spent = (_cpu(gateway) - cpu) / others * 1000
    print(f"{'':28}{'p50 ms':>9}{'p95 ms':>9}{'most ms':>9}")
    for name, times in (("a tenant's first request", first), ("its second one", second)):
        print(f"{name:28}{times.ms(0.5):>9}{times.ms(0.95):>9}{times.ms(1):>9}")
    print(f"\nCPU of both requests: {spent:.1f} ms of the gateway process")
    print(f"a configuration in memory: {(gateway.memory_info().rss - memory) / others / 1024:.0f} kB of the process")
    waiting = (redis.info("memory")["used_memory"] - stored) / others / 1024
    print(f"Redis: {waiting:.1f} kB for a tenant's counters and two records that wait\n")


async def _skewed(running: Stack, options: argparse.Namespace) -> None:
    processes = _pids(running)
    weights = [1 / (rank + 1) ** options.exponent for rank in range(options.tenants)]
    print(
        f"{'configurations kept':28}{'tenants':>14}{'requests':>10}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'CPU µs':>9}"
    )
    rounds = 3
    times = {url: [Times() for _ in GROUPS] for url in processes}
    cpu = dict.fromkeys(processes, 0.0)
    for number in range(rounds):
        for url, process in processes.items():
            drawn = random.Random(number).choices(range(options.tenants), weights, k=options.requests // rounds)
            begun = _cpu(process)
            await _send(url, running, drawn, options.clients, times[url])
            cpu[url] += _cpu(process) - begun
    for url, kept in zip(processes, (options.tenants, options.tenants // 5), strict=True):
        for (name, _, _), found in zip(GROUPS, times[url], strict=True):
            assert not found.refused
            line = (
                f"{kept:<28}{name:>14}{len(found.seconds):>10}{found.ms(0.5):>9}{found.ms(0.95):>9}{found.ms(0.99):>9}"
            )
            print(line + f"{cpu[url] / options.requests * 1e6:>9.0f}")
    print()


async def _send(url: str, running: Stack, drawn: list[int], clients: int, times: list[Times]) -> None:
    left = iter(drawn)

    async def client() -> None:
        caller = await Caller.to(url)
        for number in left:
            seconds, problem = await caller.ask(running.keys[str(number)])
            group = next(place for place, (_, low, high) in enumerate(GROUPS) if low <= number < high)
            times[group].seconds.append(seconds)
            times[group].refused += bool(problem)
        caller.writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))


async def _hot(running: Stack, options: argparse.Namespace) -> None:
    """Twenty quiet tenants, each with a request now and then, beside one that sends as much as it can over 64 connections."""
    print(f"{'beside 20 quiet tenants':44}{'p50 ms':>9}{'p95 ms':>9}{'refused':>9}{'its own/s':>11}{'refused':>9}")
    for name, key in (
        ("nobody", ""),
        ("a hot tenant, 64 clients", running.keys["0"]),
        ("the same, its key 8 at once (max_concurrency)", running.keys["bounded"]),
    ):
        end = time.monotonic() + options.hot_seconds
        quiet, hot = Times(), Times()

        async def calm(number: int, end: float = end, quiet: Times = quiet) -> None:
            caller = await Caller.to(running.gateway_url)
            while time.monotonic() < end:
                _note(quiet, *await caller.ask(running.keys[str(number)]))
                await asyncio.sleep(QUIET_PAUSE)
            caller.writer.close()

        async def eager(key: str = key, end: float = end, hot: Times = hot) -> None:
            caller = await Caller.to(running.gateway_url)
            while time.monotonic() < end:
                if not _note(hot, *await caller.ask(key)):
                    await asyncio.sleep(REFUSED_PAUSE)
            caller.writer.close()

        callers = [calm(number) for number in range(100, 100 + QUIET)]
        if key:
            callers += [eager() for _ in range(64)]
        await asyncio.gather(*callers)
        own = f"{len(hot.seconds) / options.hot_seconds:>11.0f}{hot.refused:>9}" if key else ""
        print(f"{name:44}{quiet.ms(0.5):>9}{quiet.ms(0.95):>9}{quiet.refused:>9}{own}")


def _note(times: Times, seconds: float, problem: str) -> bool:
    """Whether it was answered."""
    if problem:
        times.refused += 1
    else:
        times.seconds.append(seconds)
    return not problem


def _pids(running: Stack) -> dict[str, psutil.Process]:
    """The two gateway processes, by URL."""
    found = {running.gateway_url: psutil.Process(running.gateway_pid)}
    port = running.other_url.rpartition(":")[2]
    other = next(child for child in psutil.Process().children() if port in child.cmdline())
    return {**found, running.other_url: other}


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
