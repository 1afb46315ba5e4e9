"""A process of clients for `benchmarks.soak`: requests of every kind, on keep-alive connections, at a bounded rate."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.sharedctypes import Synchronized
from typing import Any
from urllib.parse import urlsplit

from benchmarks.load import _answer

CONNECTIONS = 8
USERS = 5000
COMMON_PROMPTS = 200
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
# Of a hundred requests. fresh: a prompt that nobody has sent. common: one of two hundred, which the exact cache has. narrow: by a key whose
# pace is used up. wrong: a body that is none, a model that is none, a key that is none.
MIX = {"fresh": 56, "stream": 12, "common": 16, "translated": 4, "messages": 4, "narrow": 4, "wrong": 4}
WANTED = {"wrong": (400, 401, 404), "narrow": (200, 429)}


@dataclass(frozen=True)
class Part:
    """What one process sends. `number`: which of them it is."""

    url: str
    key: str
    narrow_key: str
    number: int
    count: int
    per_second: float
    until: float  # on the wall clock: then it stops wherever it is


def send(part: Part, done: Synchronized[int], tallies: Queue[Any]) -> None:
    """Send it all and hand in how many answers of which kind had which status. `done` counts on the way."""
    tallies.put(asyncio.run(_send(part, done)))


async def _send(part: Part, done: Synchronized[int]) -> Counter[str]:
    tally: Counter[str] = Counter()
    requests = _requests(part)
    begun = time.monotonic()
    sent = 0

    async def client() -> None:
        nonlocal sent
        address = urlsplit(part.url)
        connection = await asyncio.open_connection(address.hostname, address.port)
        for kind, request in requests:
            if time.time() > part.until:
                return
            sent += 1
            ahead = begun + sent / part.per_second - time.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)
            connection[1].write(request)
            problem, _ = await _answer(connection[0])
            status = int(problem.split()[1]) if problem else 200
            if status not in WANTED.get(kind, (200,)):
                tally[problem[:300]] += 1
            tally[f"{kind} {status}"] += 1
            with done.get_lock():
                done.value += 1
            if "connection: close" in problem:
                connection[1].close()
                connection = await asyncio.open_connection(address.hostname, address.port)
        connection[1].close()

    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    return tally


def _requests(part: Part) -> Iterator[tuple[str, bytes]]:
    chance = random.Random(part.number)
    kinds = chance.choices(list(MIX), list(MIX.values()), k=10_000)
    for number in range(part.count):
        kind = kinds[number % len(kinds)]
        yield kind, _request(part, kind, number, chance)


def _request(part: Part, kind: str, number: int, chance: random.Random) -> bytes:
    key = part.narrow_key if kind == "narrow" else part.key
    path = MESSAGES if kind == "messages" else CHAT
    prompt = f"{part.number}-{number} " + "word " * chance.randint(20, 600)
    if kind == "common":
        prompt = f"common {chance.randrange(COMMON_PROMPTS)} " + "word " * 300
    model = "claude-sonnet-4-5" if kind in ("translated", "messages") else "gpt-4o"
    body = {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": prompt}]}
    if kind == "stream":
        body["stream"] = True
    content = json.dumps(body).encode()
    if kind == "wrong":
        match number % 3:
            case 0:
                content = content[:-1]
            case 1:
                content = content.replace(b"gpt-4o", b"nobody's")
            case _:
                key = f"{key}x"
    head = (
        f"POST {path} HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n"
        f"authorization: Bearer {key}\r\nanthropic-version: 2023-06-01\r\nx-tollgate-user: user-{chance.randrange(USERS)}\r\n\r\n"
    )
    if path == CHAT:
        head = head.replace("anthropic-version: 2023-06-01\r\n", "")
    return head.encode() + content
