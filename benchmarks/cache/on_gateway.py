"""A labelled stream through the real cache: a gateway process, PostgreSQL with pgvector, guards, verifier and thresholds as they ship.

Each question is a request; what is no hit is answered by the simulator and kept, as a worker keeps it, before the next one is asked. A
hit is false if the question that its answer was made for has another intent. Each way of deciding has a tenant, and so a cache, of its
own.
"""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from benchmarks import stack
from benchmarks.cache import points
from benchmarks.cache.pairs import Asked
from benchmarks.cache.points import Point
from benchmarks.cache.seed import WAYS


def evaluate(stream: Sequence[Asked]) -> None:
    ways = Counter[str]()
    print(f"\nThrough a gateway, {len(stream)} questions: hit rate, false hits per hit [Wilson, 95 %], seconds\n")
    with stack.running("benchmarks.cache.seed") as running:
        keep = _keeper(running.environment)
        for name in WAYS:
            began = time.monotonic()
            point, reasons = replay(stream, running.gateway_url, running.keys[name], keep)
            ways.update(reasons)
            print(f"{name:>30s}{told(point)}{time.monotonic() - began:>8.0f}", flush=True)
    listed = "; ".join(f"{name} {count}" for name, count in ways.most_common(12))
    print(f"\nWhy not: {listed or 'none'}.")


def told(point: Point) -> str:
    return f"{point.hit_rate:>10.1%}  {points.told([point]):<22s}"


def replay(stream: Sequence[Asked], url: str, key: str, keep: Callable[[], int]) -> tuple[Point, Counter[str]]:
    """What the stream meets, and why the rest was no hit. Raises `OSError` where the gateway does not answer."""
    intents: dict[str, str] = {}  # by the answer's id
    reasons = Counter[str]()
    hits = wrong = 0
    for asked in stream:
        cache, reason, answer = _ask(url, key, asked.text)
        if cache == "semantic":
            hits += 1
            wrong += intents[answer] != asked.intent
            continue
        reasons.update(_reasons(reason))
        intents[answer] = asked.intent
        keep()
    return Point(hits, wrong, len(stream)), reasons


def _reasons(told: str) -> Iterator[str]:
    """Without the numbers of each case."""
    reason = told.partition("semantic: ")[2] or told
    if reason.startswith("not the same: "):
        yield from reason.removeprefix("not the same: ").split(", ")
    else:
        yield reason.partition(":")[0] if reason.startswith("verified") else reason


def _ask(url: str, key: str, question: str) -> tuple[str, str, str]:
    """What the cache did, why, and the answer's id."""
    body = {"model": "gpt-4o", "temperature": 0, "messages": [{"role": "user", "content": question}]}
    request = urllib.request.Request(
        f"{url}/v1/chat/completions",
        data=json.dumps(body).encode(),
        headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        headers = reply.headers
        identity: str = json.loads(reply.read())["id"]
    return headers["x-tollgate-cache"] or "", headers["x-tollgate-cache-reason"] or "", identity


def _keeper(environment: dict[str, str]) -> Callable[[], int]:
    """What a worker does every few seconds, in this process."""
    os.environ |= {**environment, "DJANGO_SETTINGS_MODULE": "config.settings"}
    import django

    django.setup()
    from gateway import tasks

    return tasks.keep_answers
