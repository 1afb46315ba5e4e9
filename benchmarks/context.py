"""`python -m benchmarks.context`: what context policies save on the made conversations of tests/gateway/context, and what they keep.

Tokens are counted twice, by Tollgate's estimate and by the simulator's tokenizer. Needs no services: relevance is judged by a bag of words.
docs/context.md says how the set is made and what the figures do not show.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time
from typing import Any, NamedTuple

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from gateway.pipeline import context_optimizer  # noqa: E402
from gateway.types import ContextPolicy, Endpoint  # noqa: E402
from simulator import chat_requests, messages_requests  # noqa: E402
from tests.gateway.context import conversations, optimising, words  # noqa: E402

POLICIES: dict[str, dict[str, Any]] = {
    "gentle: 30 messages, 8 turns": {"keep_messages": 30, "relevant_turns": 8, "least_similarity": 0.25},
    "careful: 20 messages, 6 turns": {"keep_messages": 20, "relevant_turns": 6, "least_similarity": 0.25},
    "default: 10 messages, 4 turns": {"keep_messages": 10, "relevant_turns": 4, "least_similarity": 0.25},
    "window alone: 10 messages": {"keep_messages": 10},
    "budget alone: 4000 tokens, 4 turns": {"max_input_tokens": 4000, "fits_budget": True, "relevant_turns": 4},
    "nothing left out: space, repetition": {"collapses_whitespace": True, "drops_repetition": True},
}
SHARED = {"collapses_whitespace": True, "drops_repetition": True}


class Result(NamedTuple):
    case: conversations.Case
    before: int
    after: int
    counted_before: int
    counted_after: int
    has_fact: bool
    milliseconds: float
    kept: int


async def measure(policy: ContextPolicy) -> list[Result]:
    results = []
    async with optimising.running(words.embed) as runtime:
        for case in conversations.cases():
            given = optimising.snapshot(policy, kind="openai" if case.endpoint is Endpoint.CHAT else "anthropic")
            times = []
            for _ in range(3):  # the first one embeds
                started = time.perf_counter()
                exchange, before, after = await optimising.optimised(case.endpoint, case.content, given, runtime)
                times.append((time.perf_counter() - started) * 1000)
            assert exchange.context is not None
            results.append(
                Result(
                    case=case,
                    before=exchange.context.tokens_before,
                    after=exchange.context.tokens_after,
                    counted_before=counted(case.endpoint, before.content),
                    counted_after=counted(case.endpoint, after.content),
                    has_fact=case.fact in after.content.decode(),
                    milliseconds=min(times),
                    kept=exchange.context.kept,
                )
            )
    return results


def counted(endpoint: Endpoint, content: bytes) -> int:
    """Input tokens by the simulator, which raises for what the provider would refuse."""
    parse = chat_requests.parse if endpoint is Endpoint.CHAT else messages_requests.parse
    return sum(section.tokens for section in parse(json.loads(content)).sections)


def saved(before: int, after: int) -> float:
    return 100 * (before - after) / before


TIMED: dict[str, dict[str, Any]] = {
    "no policy": {},
    "a window that cuts nothing": {"keep_messages": 100},
    "window, 10 messages": {"keep_messages": 10},
    "default, and a token budget": {
        **SHARED,
        "keep_messages": 10,
        "relevant_turns": 4,
        "fits_budget": True,
        "max_input_tokens": 20_000,
    },
}
TIMES = 200


def hundred(endpoint: Endpoint) -> bytes:
    """A request of about a hundred messages: two made conversations, and the question of the second."""
    first, second, *_ = sorted(
        (case for case in conversations.cases() if case.endpoint is endpoint),
        key=lambda case: abs(50 - len(case.body["messages"])),
    )
    messages = [*first.body["messages"][:-1], *second.body["messages"][endpoint is Endpoint.CHAT :]]
    return json.dumps({**first.body, "messages": messages}).encode()


async def time_steps() -> None:
    bodies = {endpoint: hundred(endpoint) for endpoint in (Endpoint.CHAT, Endpoint.MESSAGES)}
    sizes = [f"{len(json.loads(body)['messages'])} messages, {len(body):,} bytes" for body in bodies.values()]
    print(f"\nThe step by itself, microseconds, the least of {TIMES}: OpenAI's {sizes[0]}; Anthropic's {sizes[1]}\n")
    async with optimising.running(words.embed) as runtime:
        for name, fields in TIMED.items():
            cells = []
            for endpoint, body in bodies.items():
                chosen = optimising.policy(**fields) if fields else None
                exchange, request = optimising.exchange_for(endpoint, body, optimising.snapshot(chosen))
                times = []
                for _ in range(TIMES):
                    started = time.perf_counter_ns()
                    policy = context_optimizer.policy_of(exchange, request)
                    if policy is not None:
                        await context_optimizer.optimise(exchange, request, policy, runtime)
                    times.append((time.perf_counter_ns() - started) / 1000)
                cells.append(min(times))
            print(f"{name:37}{cells[0]:>14.1f}{cells[1]:>14.1f}")


def main() -> None:
    cases = conversations.cases()
    sizes = [len(case.body["messages"]) for case in cases]
    print(f"{len(cases)} conversations of {min(sizes)} to {max(sizes)} messages, half in each format\n")
    print(f"{'':37}{'tokens before':>14}{'after':>8}{'saved':>8}{'counted':>9}{'facts kept':>12}{'ms, median':>12}")
    for name, fields in POLICIES.items():
        results = asyncio.run(measure(optimising.policy(**{**SHARED, **fields})))
        before, after = sum(one.before for one in results), sum(one.after for one in results)
        total = saved(sum(one.counted_before for one in results), sum(one.counted_after for one in results))
        facts = f"{sum(one.has_fact for one in results)}/{len(results)}"
        middle = statistics.median(one.milliseconds for one in results)
        print(f"{name:37}{before:>14,}{after:>8,}{saved(before, after):>7.1f}%{total:>8.1f}%{facts:>12}{middle:>12.2f}")
    print(
        "\nsaved: by Tollgate's estimate; counted: by the simulator's tokenizer. ms: the step with its embeddings remembered."
    )
    asyncio.run(time_steps())


if __name__ == "__main__":
    main()
