"""`make bench-prefix`: what marks for providers' prompt caches cost and save on made traffic: none, always, and by the rule.

Each request is decided, put on the wire and cached just as on the real way, by a clock of its own and the simulator's caches; only the
input is priced, at the catalog's prices. The same traffic on every machine. docs/prefix-cache.md says what it leaves out.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from gateway.pipeline import validator  # noqa: E402
from gateway.prefix import keys, marks  # noqa: E402
from gateway.prefix.decision import Decision  # noqa: E402
from gateway.prefix.marks import NONE, Marks  # noqa: E402
from gateway.prefix.memory import PrefixMemory  # noqa: E402
from gateway.providers import anthropic  # noqa: E402
from gateway.types import Endpoint, Model, PrefixPolicy  # noqa: E402
from tests.gateway.prefix.traffic import SECRET, TENANT, Traffic, assistant, model, user, words  # noqa: E402

HOUR = 3600.0
FIVE, LONG = Marks(tools="5m", head="5m", last="5m"), Marks(tools="1h", head="1h", last="1h")


class Ask(NamedTuple):
    at: float
    body: dict[str, Any]


def chats(chance: random.Random, *, count: int, every: float, turns: float, think: float, system: int) -> Iterator[Ask]:
    """Conversations that open every so many seconds on average, go on for so many turns, with pauses of that median."""
    start = 0.0
    prompt = words(system, "You are a helpful desk.")
    for number in range(count):
        start += chance.expovariate(1 / every)
        at, said = start, []
        while True:
            said.append(user(words(chance.randint(40, 400), f"{number} asks {len(said)}")))
            yield Ask(at, {"system": prompt, "messages": list(said)})
            if chance.random() < 1 / turns:
                break
            said.append(assistant(words(chance.randint(100, 600), f"{number} hears {len(said)}")))
            at += think * chance.lognormvariate(0, 0.8)


def users(chance: random.Random, *, count: int, every: float, system: int) -> Iterator[Ask]:
    """One long system prompt, and a single question of each of many people."""
    at = 0.0
    prompt = words(system, "You answer by the handbook.")
    for number in range(count):
        at += chance.expovariate(1 / every)
        yield Ask(at, {"system": prompt, "messages": [user(words(chance.randint(20, 200), f"question {number}"))]})


def one_offs(chance: random.Random, *, count: int, every: float) -> Iterator[Ask]:
    """Documents that come once, with a short instruction."""
    at = 0.0
    for number in range(count):
        at += chance.expovariate(1 / every)
        text = words(chance.randint(1500, 6000), f"document {number}")
        yield Ask(at, {"system": "List the names.", "messages": [user(text)]})


def agents(chance: random.Random, *, count: int, every: float) -> Iterator[Ask]:
    """Tool loops: long tools, a step every few seconds, results of some hundred tokens."""
    tools = [{"name": f"t{at}", "description": words(250), "input_schema": {"type": "object"}} for at in range(8)]
    start = 0.0
    for number in range(count):
        start += chance.expovariate(1 / every)
        at, said = start, [user(words(300, f"task {number}"))]
        for step in range(chance.randint(2, 15)):
            yield Ask(at, {"tools": tools, "system": words(600, "You work."), "messages": list(said)})
            call = f"c{number}_{step}"
            said.append(assistant([{"type": "tool_use", "id": call, "name": "t0", "input": {"step": step}}]))
            result = words(chance.randint(50, 900), f"{number} result {step}")
            said.append(user([{"type": "tool_result", "tool_use_id": call, "content": result}]))
            at += 4 * chance.lognormvariate(0, 0.7)


Made = Callable[[random.Random], list[Iterator[Ask]]]
KINDS: dict[str, Made] = {
    "chat, a turn a minute": lambda c: [chats(c, count=90, every=60, turns=6, think=45, system=1500)],
    "chat, a turn in twelve minutes": lambda c: [chats(c, count=60, every=400, turns=6, think=720, system=1500)],
    "chat, mostly one turn": lambda c: [chats(c, count=300, every=60, turns=1.1, think=45, system=300)],
    "one system prompt, every 30 s": lambda c: [users(c, count=400, every=30, system=3000)],
    "one system prompt, every 20 min": lambda c: [users(c, count=400, every=1200, system=3000)],
    "one system prompt, every 3 h": lambda c: [users(c, count=300, every=3 * HOUR, system=3000)],
    "one-off documents": lambda c: [one_offs(c, count=300, every=20)],
    "agents with tools": lambda c: [agents(c, count=50, every=120)],
    "all of it in one tenant": lambda c: [
        chats(c, count=40, every=120, turns=6, think=45, system=1500),
        users(c, count=200, every=30, system=3000),
        one_offs(c, count=200, every=25),
        agents(c, count=20, every=300),
    ],
}


def made(kind: Made) -> list[Ask]:
    """The traffic of a kind, in the order of time."""
    return sorted((ask for source in kind(random.Random(5)) for ask in source), key=lambda ask: ask.at)


def cost(
    asks: list[Ask], to: Model, *, given: Marks | None = None, policy: PrefixPolicy | None = None, processes: int = 1
) -> int:
    """The input of all of it in nano-dollars. `processes`: so many take turns, each with a memory of its own."""
    traffic = Traffic(policy)
    memories = [PrefixMemory() for _ in range(processes)]
    chance = random.Random(6)
    total = 0
    for ask in asks:
        traffic.memory = chance.choice(memories)
        traffic.now = 1000.0 + ask.at
        is_tooled = given is not None and given.tools and "tools" not in ask.body
        chosen = Marks(head=given.head, last=given.last) if given is not None and is_tooled else given
        total += traffic.send(ask.body, to, given=chosen).input_nanousd
    return total


def compare(name: str, to: Model, ways: dict[str, Callable[[list[Ask]], int]]) -> None:
    print(f"\n{name}: cost of the input, the first column = 1\n")
    print(f"{'':35}{'requests':>9}" + "".join(f"{way:>14}" for way in ways))
    for kind, source in KINDS.items():
        asks = made(source)
        found = [way(asks) for way in ways.values()]
        print(f"{kind:35}{len(asks):>9}" + "".join(f"{one / found[0]:>14.3f}" for one in found), flush=True)


def time_steps() -> None:
    """The decision by itself."""
    print("\nThe decision by itself (what has been seen before it is known), microseconds, the least of 300\n")
    target = model("claude-sonnet-4-5")
    bodies = {
        "short: 500 bytes": {"messages": [user(words(100))]},
        "2 messages, 8 kB": {"system": words(2000), "messages": [user(words(250))]},
        "20 messages, 30 kB": {"system": words(2000), "messages": [user(words(330, str(at))) for at in range(20)]},
        "100 messages, 60 kB": {"system": words(2000), "messages": [user(words(150, str(at))) for at in range(100)]},
    }
    memory = PrefixMemory()
    tenant = memory.tenant(TENANT)
    for name, body in bodies.items():
        content = json.dumps({"model": "m", "max_tokens": 9, **body}).encode()
        request = validator.validate(Endpoint.MESSAGES, content, {})
        decided, prepared, plain = [], [], []
        for turn in range(300):
            began = time.perf_counter_ns()
            chosen = NONE
            if len(content) >= 512 * 3.5:
                decision = Decision(
                    request, [target], PrefixPolicy(), memory=memory, tenant=tenant, now=1000.0 + turn,
                    has_own=marks.has_own(content), key=partial(keys.of, tenant_id=TENANT, tenant=tenant, secret=SECRET),
                )  # fmt: skip
                chosen = decision.sent(target)
            decided.append(time.perf_counter_ns() - began)
            began = time.perf_counter_ns()
            anthropic.prepare(request, target, 100, chosen)
            prepared.append(time.perf_counter_ns() - began)
            began = time.perf_counter_ns()
            anthropic.prepare(request, target, 100)
            plain.append(time.perf_counter_ns() - began)
        marking = (min(prepared) - min(plain)) / 1000
        print(f"{name:35}{len(content):>9} bytes{min(decided) / 1000:>9.1f} to decide{marking:>9.1f} to mark")


def main() -> None:
    sonnet, luna = model("claude-sonnet-4-5"), model("gpt-6-luna", "openai")
    compare(
        "claude-sonnet-4-5",
        sonnet,
        {
            "no marks": lambda asks: cost(asks, sonnet, given=NONE),
            "always 5 min": lambda asks: cost(asks, sonnet, given=FIVE),
            "always 1 h": lambda asks: cost(asks, sonnet, given=LONG),
            "the rule": lambda asks: cost(asks, sonnet),
            "5 min only": lambda asks: cost(asks, sonnet, policy=PrefixPolicy(lifetime="5m")),
            "4 processes": lambda asks: cost(asks, sonnet, processes=4),
        },
    )
    compare(
        "gpt-6-luna",
        luna,
        {
            "by itself": lambda asks: cost(asks, luna, given=Marks(cache_key="k")),
            "no cache": lambda asks: cost(asks, luna, given=Marks(is_explicit=True)),
            "the rule": lambda asks: cost(asks, luna),
            "4 processes": lambda asks: cost(asks, luna, processes=4),
        },
    )
    time_steps()


if __name__ == "__main__":
    main()
