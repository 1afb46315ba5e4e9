"""`make bench-peers`: what a call costs directly, behind nginx, Tollgate, Portkey and LiteLLM, without and with its database, alternating
in one run on this machine; and, of those that enforce and log, what it costs until the log is written and how far a budget holds.

Shares of two cores go to the clients and the simulator, so requests per second are those of the whole machine; CPU per request is each
target's own. Trust the ratios of one run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import platform
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks import stack
from benchmarks.load import Load, Result, run
from benchmarks.peers import installing, promises, targets
from benchmarks.peers.promises import Logged, Spent
from benchmarks.peers.target import Target
from benchmarks.peers.targets import Started
from benchmarks.stack import Stack
from benchmarks.trees import Tree, TreeMeter


@dataclass(frozen=True)
class Case:
    """One row. `slow`: the share of the requests that is enough for a peer of some tens of milliseconds."""

    name: str
    kind: str
    clients: int
    count: int
    prompt_bytes: int = 2000
    is_stream: bool = False

    def body(self, target: Target) -> bytes:
        return json.dumps(
            {
                "model": target.model(self.kind),
                "max_tokens": 1000,
                "stream": self.is_stream,
                "messages": [{"role": "user", "content": "word " * (self.prompt_bytes // 5)}],
            }
        ).encode()


CASES = [
    Case("whole, 2 kB, 1 client", "whole", 1, 400),
    Case("whole, 2 kB, 8 clients", "whole", 8, 1600),
    Case("whole, 2 kB, 32 clients", "whole", 32, 3200),
    Case("whole, 2 kB, 64 clients", "whole", 64, 3200),
    Case("whole, 20 kB, 8 clients", "whole", 8, 1600, prompt_bytes=20_000),
    Case("stream of 20 at once, 8 cl.", "20 at once", 8, 800, is_stream=True),
    Case("stream of 50, 8 clients", "50 chunks", 8, 400, is_stream=True),
    Case("stream of 500, 8 clients", "500 chunks", 8, 80, is_stream=True),
]
SLOW_SHARE = 0.2  # of the requests, for LiteLLM


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds over all cases (default: %(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="share of each case's requests (default: %(default)s)")
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    parser.add_argument("--peers", required=True, type=Path, help="the folder where peers are installed")
    options = parser.parse_args()
    programs = installing.install(options.peers.absolute())
    cases = [case for case in CASES if options.only in case.name]
    with stack.running() as running, tempfile.TemporaryDirectory(prefix="tollgate-peers-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with targets.all_of(running, programs, folder) as started:
            found = started.targets
            logged, spent = asyncio.run(_prove(running, started, scale=options.scale))
            results = asyncio.run(_measure(found, cases, rounds=options.rounds, scale=options.scale))
            memory = {target.name: (Tree(target.own).megabytes(), Tree(target.rest).megabytes()) for target in found}
    _tell(found, cases, results, memory)
    _tell_promises(logged, spent)
    told = ", ".join(f"{name} {version}" for name, version in targets.versions(programs).items())
    print(f"\nPython {platform.python_version()}; {told}; medians of {options.rounds} rounds")
    for name, why in programs.missing.items():
        print(f"not measured: {name}, which could not be installed here: {why}")
    for name, why in started.failed.items():
        print(f"not measured: {name}, which did not start as it is to be measured: {why}")


@dataclass(frozen=True)
class Measured:
    """`engine_us`: of the CPU, what the processes took that pass queries on to the target's database."""

    result: Result
    engine_us: float


Results = dict[tuple[str, str], list[Measured]]


async def _prove(running: Stack, started: Started, *, scale: float) -> tuple[list[Logged], list[Spent]]:
    """Before the cases, while nothing that they left waits to be written."""
    tollgate = next(target for target in started.targets if target.name == "Tollgate")
    case = next(case for case in CASES if case.clients == promises.CLIENTS)
    count = max(case.clients, int(case.count * scale))
    tables = [(tollgate, lambda: promises.rows_of_tollgate(running), count)]
    if started.litellm is not None:
        tables.append((started.litellm.target, started.litellm.logged, max(case.clients, int(count * SLOW_SHARE))))
    logged = [
        await promises.logged(target, rows, count=share // case.clients * case.clients, body=case.body(target))
        for target, rows, share in tables
    ]
    spent = [await promises.spent_by_tollgate(running, tollgate)]
    if started.litellm is not None:
        spent.append(await promises.spent_by_litellm(started.litellm))
    return logged, spent


async def _measure(found: list[Target], cases: list[Case], *, rounds: int, scale: float) -> Results:
    results: Results = {(target.name, case.name): [] for target in found for case in cases}
    for number in range(rounds + 1):
        for case in cases:
            for target in found:
                share = scale * (SLOW_SHARE if target.is_slow else 1.0) * (1 if number else 0.25)
                engine = Tree(target.engine)
                before = engine.cpu_seconds()
                result = await run(_load(target, case, share), TreeMeter(Tree(target.own), Tree(target.rest)))
                engine_us = (engine.cpu_seconds() - before) / len(result.latencies) * 1e6
                if number:  # the first round warms up
                    results[target.name, case.name].append(Measured(result, engine_us))
    return results


def _load(target: Target, case: Case, share: float) -> Load:
    count = max(case.clients, int(case.count * share) // case.clients * case.clients)
    headers = {"content-type": "application/json", **target.headers}
    return Load(target.url, target.path, case.body(target), headers, case.clients, count, may_fail=True, changing=True)


def _tell(found: list[Target], cases: list[Case], results: Results, memory: dict[str, tuple[float, float]]) -> None:
    titles = [
        "CPU µs",
        "of it eng.",
        "+ stores",
        "ratio",
        "req/s",
        "p50 ms",
        "p99 ms",
        "added p50",
        "added p99",
        "first byte",
        "failed",
    ]
    for case in cases:
        print(f"\n{case.name:26}" + "".join(f"{title:>11}" for title in titles))
        direct = [one.result for one in results["direct", case.name]]
        own = _mid([one.result.cpu_us for one in results["Tollgate", case.name]])
        for target in found:
            each = [one.result for one in results[target.name, case.name]]
            engine = _mid([one.engine_us for one in results[target.name, case.name]])
            failed = sum(result.failed for result in each)
            if failed == sum(len(result.latencies) for result in each):
                print(f"  {target.name:24}  answered nothing but errors")
                continue
            cpu = _mid([result.cpu_us for result in each])
            p50, p99 = (_mid([result.percentile(share) * 1000 for result in each]) for share in (0.5, 0.99))
            less50, less99 = (_mid([result.percentile(share) * 1000 for result in direct]) for share in (0.5, 0.99))
            first = _mid([result.first_byte(0.5) * 1000 for result in each]) if case.is_stream else math.nan
            cells = [
                f"{cpu:.0f}" if target.own else "",
                f"{engine:.0f}" if target.engine else "",
                f"{_mid([result.redis_us for result in each]):.0f}" if target.rest else "",
                f"{cpu / own:.2f}" if target.own else "",
                f"{_mid([result.per_second for result in each]):.0f}",
                f"{p50:.2f}",
                f"{p99:.2f}",
                f"{p50 - less50:.2f}" if target.own else "",
                f"{p99 - less99:.2f}" if target.own else "",
                "" if math.isnan(first) else f"{first:.2f}",
                str(failed or ""),
            ]
            print(f"  {target.name:24}" + "".join(f"{cell:>11}" for cell in cells))
    print(f"\n{'':26}{'start s':>11}{'MB':>11}{'MB stores':>11}   what it does")
    for target in found:
        if target.own:
            here, stores = memory[target.name]
            rest = f"{stores:.0f}" if target.rest else ""
            print(f"  {target.name:24}{target.started_seconds:>11.1f}{here:>11.0f}{rest:>11}   {target.does}")
    print(
        "\nCPU µs: user and system time per request of the target's own processes, with its database's engine if it runs one\n"
        "(of it eng.); + stores: of its PostgreSQL, Redis and worker besides; ratio: of the CPU to Tollgate's; req/s: with the\n"
        "clients and the simulator on the same cores; added: less directly; failed: answers but 200, in all; MB: resident, shared memory\n"
        "by its share."
    )


def _tell_promises(logged: list[Logged], spent: list[Spent]) -> None:
    titles = ["CPU µs", "of it eng.", "+ stores", "ratio", "waited s"]
    print(f"\n{'until the log is written':26}" + "".join(f"{title:>11}" for title in titles) + f"{'rows':>16}")
    for one in logged:
        engine = f"{one.engine_us:.0f}" if one.engine_us else ""
        rows = f"{one.rows} of {one.requests}"
        cells = f"{one.own_us:>11.0f}{engine:>11}{one.rest_us:>11.0f}{one.own_us / logged[0].own_us:>11.2f}"
        print(f"  {one.name:24}{cells}{one.wait_seconds:>11.0f}{rows:>16}")
    print(f"\n{f'a budget for {promises.FIFTY}':26}{'asked':>11}{'served':>11}{'spent':>11}")
    for each in spent:
        print(f"  {each.name:24}{each.asked:>11}{each.served:>11}{each.usd / each.budget_usd:>11.1%}")


def _mid(values: list[float]) -> float:
    return statistics.median(values)


if __name__ == "__main__":
    main()
