"""`make bench-faults`: what a failing primary costs the calls that its chain's secondary answers, beside calling a healthy secondary alone.

All through Tollgate, alternating in one run; each cell is the median of the rounds. Machines are shared and noisy, so the figures to
trust are the differences within one run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
from dataclasses import dataclass

from benchmarks import seed_faults, stack
from benchmarks.load import Load, Result, Watched, run
from simulator.client import SimulatorClient

CHAT = "/v1/chat/completions"
SHORT_OPEN_SECONDS = 1


@dataclass(frozen=True)
class Case:
    """Who calls, and how."""

    name: str
    clients: int
    count: int
    is_stream: bool = False


@dataclass(frozen=True)
class Way:
    """What is called. `primary`: the task whose primary's calls are counted; `is_short`: at the process whose breakers open for a
    second."""

    name: str
    model: str
    primary: str = ""
    is_short: bool = False


CASES = [
    Case("whole, 1 client", 1, 1600),
    Case("whole, 16 clients", 16, 4800),
    Case("stream, 16 clients", 16, 1600, is_stream=True),
]
BASE = Way("secondary alone", seed_faults.SECONDARY)
WAYS = [
    BASE,
    Way("chain, primary well", "task/well", "well"),
    Way("chain, breaker open", "task/open", "open"),
    Way("chain, half-open again and again", "task/half-open", "half-open", is_short=True),
    Way("chain, closed and failing", "task/closed", "closed"),
]
Cell = tuple[Result, int]  # with the calls that the primary got


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds over all cases (default: %(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="share of each case's requests (default: %(default)s)")
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    options = parser.parse_args()
    cases = [case for case in CASES if options.only in case.name]
    # Breakers of the measured process stay open for 30 s, as by default; those of the other one are half-open every second.
    opens = {"TOLLGATE_BREAKER_OPEN": str(SHORT_OPEN_SECONDS)}
    with stack.running("benchmarks.seed_faults", other=opens) as running:
        asyncio.run(_measure(running, cases, rounds=options.rounds, scale=options.scale))


async def _measure(running: stack.Stack, cases: list[Case], *, rounds: int, scale: float) -> None:
    results: dict[tuple[str, str], list[Cell]] = {}
    for number in range(rounds + 1):
        for case in cases:
            for way in WAYS[:: -1 if number % 2 else 1]:  # so that none has the better place
                cell = await _run(running, case, way, scale if number else scale / 8)
                if number:  # the first round warms up and opens the breakers
                    results.setdefault((case.name, way.name), []).append(cell)
    print(f"\nPython {platform.python_version()}, the simulator at 0 ms; medians of {rounds} rounds\n")
    titles = ["answered", "req/s", "p50 ms", "p99 ms", "added p50", "added p99", "to primary"]
    print(f"{'':54}" + "".join(f"{title:>11}" for title in titles))
    for case in cases:
        base = results[case.name, BASE.name]
        for way in WAYS:
            _print_row(f"{case.name}: {way.name}", results[case.name, way.name], base)
    print(
        "\nadded: less what the secondary alone takes. to primary: calls of the primary in a round. half-open: its breaker opens\n"
        f"for {SHORT_OPEN_SECONDS} s, and a probe takes 0.5 s to fail. closed and failing: its breaker is held closed, so that every\n"
        "request calls it first, some of them twice."
    )


def _print_row(name: str, cells: list[Cell], base: list[Cell]) -> None:
    def ms(side: list[Cell], share: float) -> float:
        return statistics.median(result.percentile(share) * 1000 for result, _ in side)

    sent = sum(len(result.latencies) for result, _ in cells)
    failed = sum(result.failed for result, _ in cells)
    texts = [
        f"{100 * (sent - failed) / sent:.2f} %",
        f"{statistics.median(result.per_second for result, _ in cells):.0f}",
        f"{ms(cells, 0.5):.2f}",
        f"{ms(cells, 0.99):.2f}",
        f"{ms(cells, 0.5) - ms(base, 0.5):.2f}",
        f"{ms(cells, 0.99) - ms(base, 0.99):.2f}",
        f"{statistics.median(calls for _, calls in cells):.0f}",
    ]
    print(f"{name:54}" + "".join(f"{text:>11}" for text in texts))


async def _run(running: stack.Stack, case: Case, way: Way, scale: float) -> Cell:
    count = max(case.clients, 32, int(case.count * scale)) // case.clients * case.clients
    body = {
        "model": way.model,
        "max_tokens": 100,
        "stream": case.is_stream,
        "messages": [{"role": "user", "content": "word " * 400}],
    }
    load = Load(
        running.other_url if way.is_short else running.gateway_url,
        CHAT,
        json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": f"Bearer {running.api_key}"},
        case.clients,
        count,
        may_fail=True,
    )
    watched = Watched(gateway_pid=running.gateway_pid, redis_pid=running.redis_pid, redis_url=running.redis_url)
    before = _calls(running, way)
    result = await run(load, watched)
    return result, _calls(running, way) - before


def _calls(running: stack.Stack, way: Way) -> int:
    """How often the way's primary was called so far."""
    if not way.primary:
        return 0
    upstream_id, _ = seed_faults.PRIMARIES[way.primary]
    by_model = SimulatorClient(running.simulator_url).totals()["by_model"]
    return int(by_model.get(upstream_id, {"requests": 0})["requests"])


if __name__ == "__main__":
    main()
