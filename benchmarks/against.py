"""`make bench-against`: what a request costs this tree beside what it costs another commit, two gateway processes on the same stores,
alternating in many short rounds of one run. Ends with status 1 where a case has become dearer than is allowed.

A machine that others use too is at times half as fast, so no single figure says anything. Of the rounds' ratios the median is judged, and
only believed where the least cost of any round says the same. Both trees use this one's database, so the other must be one that may
run beside it, as in a rolling restart.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import stack
from benchmarks.__main__ import CASES, Case, identity
from benchmarks.load import Load, Result, Watched, run

USUAL = (
    "whole, 16 clients, every limit",
    "exact hit, 16 clients",
    "exact miss and kept, 16 clients",
    "stream, 16 clients",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-against", description=__doc__)
    parser.add_argument("--base", default="HEAD~1", help="the commit to compare with (default: %(default)s)")
    parser.add_argument("--base-python", default=sys.executable, help="what runs it (default: what runs this tree)")
    parser.add_argument("--rounds", type=int, default=12, help="(default: %(default)s)")
    parser.add_argument(
        "--scale", type=float, default=0.25, help="share of each case's requests (default: %(default)s)"
    )
    parser.add_argument("--only", default="", help="only cases whose name contains this; default: four usual ones")
    parser.add_argument("--most", type=float, default=1.1, help="the ratio that is allowed (default: %(default)s)")
    options = parser.parse_args()
    cases = [case for case in CASES if (options.only in case.name if options.only else case.name in USUAL)]
    with tempfile.TemporaryDirectory(prefix="tollgate-base-") as folder:
        tree = Path(folder) / "tree"
        _git("worktree", "add", "--quiet", "--detach", str(tree), options.base)
        try:
            with stack.running(other={}, other_tree=tree, other_python=options.base_python) as running:
                ratios = asyncio.run(_measure(running, cases, rounds=options.rounds, scale=options.scale))
        finally:
            _git("worktree", "remove", "--force", str(tree))
    dearer = [name for name, ratio in ratios.items() if ratio > options.most]
    if dearer:
        sys.exit(f"dearer than {options.most:.2f} times what it was: {'; '.join(dearer)}")


def _git(*arguments: str) -> None:
    subprocess.run(["git", "-C", str(stack.ROOT), *arguments], check=True)


async def _measure(running: stack.Stack, cases: list[Case], *, rounds: int, scale: float) -> dict[str, float]:
    """By case, the lower of two ratios of CPU per request: the rounds' median, and of each side's least."""
    print(f"CPU µs per request: median of {rounds} rounds (least of any)\n")
    print(f"{'':45}{'other commit':>16}{'this tree':>16}{'ratio':>8}{'quartiles':>14}{'of least':>10}")
    found = {}
    for case in cases:
        pairs = []
        for number in range(rounds + 1):
            sides = [_side(running, case, scale, is_other=is_other) for is_other in (False, True)]
            order = (0, 1) if number % 2 else (1, 0)
            done: dict[int, Result] = {side: await run(*sides[side]) for side in order}
            if number:  # the first round warms up
                pairs.append((done[1].cpu_us, done[0].cpu_us))
        before, after = ([pair[side] for pair in pairs] for side in (0, 1))
        ratios = [new / old for old, new in pairs]
        low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
        least = min(after) / min(before)
        found[case.name] = min(middle, least)
        print(
            f"{case.name:45}{statistics.median(before):8.0f} ({min(before):5.0f}){statistics.median(after):8.0f} ({min(after):5.0f})"
            f"{middle:8.2f}{f'{low:.2f}-{high:.2f}':>14}{least:10.2f}",
            flush=True,
        )
    return found


def _side(running: stack.Stack, case: Case, scale: float, *, is_other: bool) -> tuple[Load, Watched]:
    count = max(case.clients, int(case.count * scale) // case.clients * case.clients)
    headers = {"content-type": "application/json", **identity(running, case)}
    url = running.other_url if is_other else running.gateway_url
    load = Load(url, case.path, case.body(), headers, case.clients, count, changing=case.has_changing_prompt)
    pid = running.other_pid if is_other else running.gateway_pid
    return load, Watched(gateway_pid=pid, redis_pid=running.redis_pid, redis_url=running.redis_url)


if __name__ == "__main__":
    main()
