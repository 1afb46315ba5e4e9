"""`make bench`: what Tollgate adds to a call, beside calling the simulator directly, alternating in one run.

Machines are shared and noisy, so the figures to trust are the ratios of one run; each cell is the median of the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
from dataclasses import dataclass

from benchmarks import stack
from benchmarks.load import Load, Result, Watched, run

ANTHROPIC = {"anthropic-version": "2023-06-01"}


@dataclass(frozen=True)
class Case:
    """One row: what is asked, how, by how many clients at once."""

    name: str
    path: str
    model: str
    clients: int
    count: int
    is_stream: bool = False
    prompt_bytes: int = 2000
    is_enforced: bool = False
    is_cached: bool = False
    has_changing_prompt: bool = False

    def body(self) -> bytes:
        content = "word " * (self.prompt_bytes // 5)
        body = {
            "model": self.model,
            "max_tokens": 100,
            "stream": self.is_stream,
            "messages": [{"role": "user", "content": content}],
        }
        return json.dumps(body).encode()


CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
CASES = [
    Case("whole, 1 client", CHAT, "gpt-4o", 1, 600),
    Case("whole, 16 clients", CHAT, "gpt-4o", 16, 4800),
    Case("whole, 16 clients, every limit", CHAT, "gpt-4o", 16, 4800, is_enforced=True),
    Case("exact hit, 1 client", CHAT, "gpt-4o", 1, 600, is_cached=True),
    Case("exact hit, 16 clients", CHAT, "gpt-4o", 16, 4800, is_cached=True),
    Case("exact hit, streamed, 16 clients", CHAT, "gpt-4o", 16, 4800, is_stream=True, is_cached=True),
    Case("exact miss and kept, 16 clients", CHAT, "gpt-4o", 16, 4800, is_cached=True, has_changing_prompt=True),
    Case(
        "everything, 32 clients", CHAT, "gpt-4o", 32, 4800, is_enforced=True, is_cached=True, has_changing_prompt=True
    ),
    Case("everything, 1 client", CHAT, "gpt-4o", 1, 600, is_enforced=True, is_cached=True, has_changing_prompt=True),
    Case("whole, 64 clients", CHAT, "gpt-4o", 64, 6400),
    Case("whole, 20 kB, 16 clients", CHAT, "gpt-4o", 16, 2400, prompt_bytes=20_000),
    Case("whole, translated to Anthropic, 16 clients", CHAT, "claude-sonnet-4-5", 16, 2400),
    Case("stream, 1 client", CHAT, "gpt-4o", 1, 200, is_stream=True),
    Case("stream, 16 clients", CHAT, "gpt-4o", 16, 1600, is_stream=True),
    Case("stream, Anthropic, 16 clients", MESSAGES, "claude-sonnet-4-5", 16, 1600, is_stream=True),
    Case("stream, translated to Anthropic, 16 clients", CHAT, "claude-sonnet-4-5", 16, 1600, is_stream=True),
]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds over all cases (default: %(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="share of each case's requests (default: %(default)s)")
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    options = parser.parse_args()
    cases = [case for case in CASES if options.only in case.name]
    with stack.running() as running:
        asyncio.run(_measure(running, cases, rounds=options.rounds, scale=options.scale))


async def _measure(running: stack.Stack, cases: list[Case], *, rounds: int, scale: float) -> None:
    results: dict[str, list[tuple[Result, Result]]] = {case.name: [] for case in cases}
    for number in range(rounds + 1):
        for case in cases:
            pair = await _pair(running, case, scale if number else scale / 4)
            if number:  # the first round warms up
                results[case.name].append(pair)
    print(
        f"\nPython {platform.python_version()}, one gateway process, the simulator at 0 ms; medians of {rounds} rounds\n"
    )
    titles = ["CPU µs", "Redis µs", "scripts", "req/s", "p50 ms", "p99 ms", "direct p50", "added p50", "added p99"]
    print(f"{'':45}" + "".join(f"{title:>11}" for title in titles))
    for name, pairs in results.items():
        through, direct = [pair[0] for pair in pairs], [pair[1] for pair in pairs]

        def mid(values: list[float]) -> float:
            return statistics.median(values)

        def ms(side: list[Result], share: float) -> float:
            return mid([result.percentile(share) * 1000 for result in side])

        cells = [
            f"{mid([result.cpu_us for result in through]):.0f}",
            f"{mid([result.redis_us for result in through]):.0f}",
            f"{mid([result.scripts for result in through]):.2f}",
            f"{mid([result.per_second for result in through]):.0f}",
            f"{ms(through, 0.5):.2f}",
            f"{ms(through, 0.99):.2f}",
            f"{ms(direct, 0.5):.2f}",
            f"{ms(through, 0.5) - ms(direct, 0.5):.2f}",
            f"{ms(through, 0.99) - ms(direct, 0.99):.2f}",
        ]
        print(f"{name:45}" + "".join(f"{cell:>11}" for cell in cells))
    print(
        "\nCPU µs: user and system time of the gateway process per request; Redis µs: of Redis; scripts: round trips to Redis.\n"
        "added: through Tollgate less directly. every limit: a plan, an end-user tier, a key with limits of its own and five\n"
        "budgets; everything: these and the exact cache, missed and filled; otherwise a key with a pace only.\n"
        "exact hit: the answer comes from the exact cache, and no call is made."
    )


async def _pair(running: stack.Stack, case: Case, scale: float) -> tuple[Result, Result]:
    count = max(case.clients, int(case.count * scale) // case.clients * case.clients)
    common = {"content-type": "application/json"}
    through = Load(
        running.gateway_url,
        case.path,
        case.body(),
        {**common, **identity(running, case)},
        case.clients,
        count,
        changing=case.has_changing_prompt,
    )
    # Directly: the provider's own path and header, and the same model.
    is_anthropic = case.model.startswith("claude")
    headers = (
        {**common, "x-api-key": "sk-bench", **ANTHROPIC}
        if is_anthropic
        else {**common, "authorization": "Bearer sk-bench"}
    )
    direct = Load(running.simulator_url, MESSAGES if is_anthropic else CHAT, case.body(), headers, case.clients, count)
    watched = Watched(gateway_pid=running.gateway_pid, redis_pid=running.redis_pid, redis_url=running.redis_url)
    return await run(through, watched), await run(direct, watched)


def identity(running: stack.Stack, case: Case) -> dict[str, str]:
    if case.is_cached and case.is_enforced:
        return {"authorization": f"Bearer {running.everything_key}", "x-tollgate-user": "ann"}
    if case.is_cached:
        return {"authorization": f"Bearer {running.cached_key}"}
    if case.is_enforced:
        return {"authorization": f"Bearer {running.enforced_key}", "x-tollgate-user": "ada"}
    return {"authorization": f"Bearer {running.api_key}"}


if __name__ == "__main__":
    main()
