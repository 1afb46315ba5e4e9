"""How circuit breakers stand, for people to look at: read from Redis in one round trip, and nothing is changed by looking.

What a gateway process goes by is in `breakers`; what the fields of a breaker mean, in `scripts/breaker.lua`.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from redis import Redis

from gateway.resilience import latencies
from gateway.resilience.breakers import CLOSED, FIRST_BYTE, HALF_OPEN, WHOLE
from tenants import redis_keys

SLOT_MS, SLOTS = 3000, 10  # as the script counts
LATENCY_MINUTES = 5


@dataclass(frozen=True)
class BreakerState:
    """One breaker. `since` None: it has not opened in the last hour. `well` and `badly`: calls of the last 30 s, while it is closed.

    `probe_seconds`: until an open one may be probed. `probes_under_way` and `probes_well`: while it is half-open. `p95_*`: None while
    there are too few calls.
    """

    state: str = CLOSED
    since: dt.datetime | None = None
    well: int = 0
    badly: int = 0
    probe_seconds: float = 0.0
    probes_under_way: int = 0
    probes_well: int = 0
    p95_first_byte_ms: float | None = None
    p95_whole_ms: float | None = None


def read(redis: Redis, models: Sequence[tuple[UUID, str]]) -> list[BreakerState]:
    """The breakers of these models (provider, upstream id), in their order. Raises `redis.exceptions.RedisError` if Redis is away."""
    pipeline = redis.pipeline(transaction=False)
    pipeline.time()
    for provider_id, upstream_id in models:
        pipeline.hgetall(redis_keys.breaker(provider_id, upstream_id))
        pipeline.hgetall(redis_keys.latency(provider_id, upstream_id))
    (seconds, microseconds), *found = pipeline.execute()
    now_ms = seconds * 1000 + microseconds // 1000
    return [_state(breaker, latency, now_ms) for breaker, latency in zip(found[::2], found[1::2], strict=True)]


def _state(breaker: dict[bytes, bytes], latency: dict[bytes, bytes], now_ms: int) -> BreakerState:
    known = {name.decode(): value.decode() for name, value in breaker.items()}
    state = known.get("state", CLOSED)
    fields: dict[str, Any] = {}
    if "since" in known:
        fields["since"] = dt.datetime.fromtimestamp(int(known["since"]) / 1000, dt.UTC)
    if state == CLOSED:
        fields |= {kind: _in_window(known, kind, now_ms) for kind in ("well", "badly")}
    elif state == HALF_OPEN:
        fields["probes_well"] = int(known.get("good", 0))
        fields["probes_under_way"] = sum(
            int(value) > now_ms for name, value in known.items() if name.startswith("probe:")
        )
    else:
        fields["probe_seconds"] = max(0.0, (int(known["until"]) - now_ms) / 1000)
    p95 = _p95(latency, now_ms)
    return BreakerState(state, **fields, p95_first_byte_ms=p95[FIRST_BYTE], p95_whole_ms=p95[WHOLE])


def _in_window(known: dict[str, str], kind: str, now_ms: int) -> int:
    oldest = now_ms // SLOT_MS - SLOTS
    slots = [(name.partition(":")[2], value) for name, value in known.items() if name.startswith(f"{kind}:")]
    return sum(int(value) for slot, value in slots if int(slot) > oldest)


def _p95(latency: dict[bytes, bytes], now_ms: int) -> dict[str, float | None]:
    oldest = now_ms // 60_000 - LATENCY_MINUTES
    sums: dict[str, Counter[int]] = {FIRST_BYTE: Counter(), WHOLE: Counter()}
    for name, count in latency.items():
        minute, kind, bucket = name.decode().split("|")
        if int(minute) > oldest:
            sums[kind][int(bucket)] += int(count)
    return {kind: latencies.percentile(counts, 95) for kind, counts in sums.items()}
