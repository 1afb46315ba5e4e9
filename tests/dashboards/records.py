"""Requests for tests of the rollups: made at random, put into the log as the drain does it, and added up in Python the slow way."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from gateway import log_changes
from tenants.ids import uuid7

KEYS = tuple(UUID(int=number) for number in (1, 2, 3))
# (outcome, status, error_type, finish_reason, its kind of error): what dashboards call it, written down by hand.
ENDS = (
    ("ok", 200, "", "stop", ""),
    ("ok", 200, "", "content_filter", "content_filter"),
    ("ok", 200, "", "refusal", "content_filter"),
    ("client_left", 499, "", "", ""),
    ("cut", 200, "upstream_broke_off", "", "provider"),
    ("refused", 429, "budget_spent", "", "budget"),
    ("refused", 429, "budget_held", "", "budget"),
    ("refused", 429, "rate_limit_exceeded", "", "rate_limit"),
    ("refused", 429, "concurrency_exceeded", "", "rate_limit"),
    ("refused", 400, "invalid_request", "", "request"),
    ("refused", 404, "model_not_found", "", "request"),
    ("refused", 400, "model_cannot", "", "model"),
    ("refused", 503, "store_unavailable", "", "tollgate"),
    ("upstream_error", 429, "rate_limit_exceeded", "", "rate_limit"),
    ("upstream_error", 504, "upstream_timeout", "", "timeout"),
    ("upstream_error", 400, "content_filter", "", "content_filter"),
    ("upstream_error", 400, "context_length_exceeded", "", "model"),
    ("upstream_error", 503, "upstream_overloaded", "", "provider"),
    ("upstream_error", 200, "upstream_rejected", "refusal", "content_filter"),
    ("internal_error", 500, "internal_error", "", "tollgate"),
    ("abandoned", 500, "", "", "tollgate"),
    ("escalated", 200, "", "stop", ""),
)
KIND_OF = {end[:4]: end[4] for end in ENDS}
# A request whose hold was swept.
HELD: dict[str, Any] = {
    "outcome": "abandoned",
    "status": 500,
    "finish_reason": "",
    "usage_source": "held",
    "latency_ms": 0.0,
    "input_tokens": 900,
}


@dataclass(frozen=True)
class Record:
    """A row of the request log; what does not matter here is left out."""

    tenant_id: UUID
    accepted_at: dt.datetime
    request_id: UUID
    attempt: int = 1
    api_key_id: UUID = KEYS[0]
    endpoint: str = "messages"
    end_user: str = ""
    task: str = ""
    feature: str = ""
    tags: tuple[str, ...] = ()
    model_served: str = "m1"
    provider: str = "p1"
    is_stream: bool = False
    status: int = 200
    outcome: str = "ok"
    error_type: str = ""
    finish_reason: str = "stop"
    cache: str = "bypass"
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    usage_source: str = "reported"
    cost_usd: Decimal = Decimal(0)
    is_priced: bool = True
    latency_ms: float = 100.0
    ttft_ms: float | None = None
    steps_us: dict[str, int] = field(default_factory=dict)
    is_final: bool = True
    opens_model: bool = True
    context_tokens_before: int | None = None
    context_tokens_after: int | None = None
    saved_usd: Decimal | None = None

    @property
    def id(self) -> UUID:
        return UUID(int=self.request_id.int | self.attempt)

    @property
    def error(self) -> str:
        return KIND_OF[self.outcome, self.status, self.error_type, self.finish_reason]


def record(tenant_id: UUID, at: dt.datetime, **fields: Any) -> Record:
    return Record(tenant_id, at, UUID(int=uuid7(int(at.timestamp() * 1000)).int & ~0xFF), **fields)


def at_random(tenant_id: UUID, rng: random.Random, at: dt.datetime) -> list[Record]:
    """A request: one record, or several where calls failed before."""
    base = record(
        tenant_id,
        at,
        api_key_id=rng.choice(KEYS),
        endpoint=rng.choice(["messages", "chat.completions"]),
        end_user=rng.choice(["", "ada", "bob", "cy"]),
        task=rng.choice(["", "sum", "sort"]),
        feature=rng.choice(["", "inbox"]),
        tags=tuple(rng.sample(["a", "b", "c"], rng.randrange(4))),
        is_stream=rng.random() < 0.5,
        cache=rng.choice(["hit", "semantic", "stale", "miss", "bypass", "repeat", ""]),
    )
    found = []
    earlier = rng.choice([0, 0, 0, 0, 1, 2])
    models: list[str] = []
    for attempt in range(1, earlier + 1):
        outcome, status, error, reason = rng.choice(
            [("upstream_error", 503, "upstream_overloaded", ""), ("escalated", 200, "", "stop")]
        )
        found.append(_used(rng, _called(base, rng, attempt, models, outcome, status, error, reason), is_final=False))
    outcome, status, error, reason, _kind = rng.choice([ENDS[0]] * 20 + [end for end in ENDS if end[0] != "escalated"])
    if outcome == "refused" or rng.random() < 0.1:
        last = replace(base, attempt=0, model_served="", provider="", usage_source="none")
        last = replace(last, outcome=outcome, status=status, error_type=error, finish_reason=reason)
    else:
        last = _called(base, rng, earlier + 1, models, outcome, status, error, reason)
    return [*found, _used(rng, last, is_final=True)]


def _called(base: Record, rng: random.Random, attempt: int, models: list[str], *end: Any) -> Record:
    model = rng.choice(["m1", "m2", "m3"])
    opens = model not in models
    models.append(model)
    outcome, status, error, reason = end
    return replace(
        base, attempt=attempt, model_served=model, provider="p2" if model == "m3" else "p1", opens_model=opens,
        outcome=outcome, status=status, error_type=error, finish_reason=reason, usage_source=rng.choice(["reported", "estimated"]),
    )  # fmt: skip


def _used(rng: random.Random, item: Record, *, is_final: bool) -> Record:
    latency = round(math.exp(rng.uniform(0, 10)), 3)
    input_tokens = rng.randrange(5000)
    if item.outcome == "abandoned":
        item, latency = replace(item, usage_source="held"), 0.0
    return replace(
        item,
        is_final=is_final,
        input_tokens=input_tokens,
        cache_read_tokens=rng.randrange(input_tokens + 1),
        cache_write_5m_tokens=rng.randrange(9),
        cache_write_1h_tokens=rng.randrange(9),
        output_tokens=rng.randrange(900) if item.attempt else 0,
        reasoning_tokens=rng.randrange(50),
        cost_usd=Decimal(rng.randrange(10**9) if item.attempt and rng.random() < 0.9 else 0).scaleb(-9),
        is_priced=rng.random() < 0.9,
        latency_ms=latency,
        ttft_ms=round(latency * rng.random(), 3) if item.is_stream and latency else None,
        steps_us={
            "validate": rng.randrange(1, 200),
            "reserve": rng.randrange(1, 900),
            "provider": int(latency * 900),
            "novel": 7,
        },
        context_tokens_before=300 if rng.random() < 0.3 else None,
        context_tokens_after=120 if rng.random() < 0.3 else None,
    )


_COLUMNS = (
    "accepted_at", "id", "request_id", "attempt", "tenant_id", "api_key_id", "endpoint", "end_user", "task", "feature", "tags",
    "model_served", "provider", "is_stream", "status", "outcome", "error_type", "finish_reason", "cache", "input_tokens",
    "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens", "reasoning_tokens", "usage_source",
    "cost_usd", "is_priced", "latency_ms", "ttft_ms", "is_final", "opens_model", "context_tokens_before", "context_tokens_after",
    "saved_usd",
)  # fmt: skip


def put(records: Iterable[Record], *, replacing: Iterable[Record] = ()) -> None:
    """Into the log and the list of its changes, in one transaction, as the drain does it; those of `replacing` give way."""
    gone = [item.id for item in replacing]
    with transaction.atomic(), connection.cursor() as cursor:
        for table in ("put_in", "put_out"):
            cursor.execute(
                f"CREATE TEMP TABLE IF NOT EXISTS {table} (LIKE gateway_requestlog INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"
            )
        cursor.execute("TRUNCATE put_in, put_out")
        cursor.execute(
            "WITH old AS (DELETE FROM gateway_requestlog WHERE id = ANY(%s) RETURNING *) INSERT INTO put_out SELECT * FROM old",
            [gone],
        )
        columns = ", ".join((*_COLUMNS, "model_asked", "error_message", "steps_us", "tier", "refused_by"))
        with cursor.copy(f"COPY put_in ({columns}) FROM STDIN") as copy:
            for item in records:
                values = [list(item.tags) if name == "tags" else getattr(item, name) for name in _COLUMNS]
                copy.write_row((*values, "m", "", json.dumps(item.steps_us), "", ""))
        cursor.execute("INSERT INTO gateway_requestlog SELECT * FROM put_in")
        log_changes.note(cursor, inserted="put_in", replaced="put_out", has_replaced=bool(gone))


DIMENSIONS: dict[str, Callable[[Record], str]] = {
    "task": lambda r: r.task,
    "endpoint": lambda r: r.endpoint,
    "model": lambda r: r.model_served,
    "provider": lambda r: r.provider,
    "key": lambda r: str(r.api_key_id),
    "status": lambda r: str(r.status),
    "outcome": lambda r: r.outcome,
    "error_type": lambda r: r.error_type,
    "error": lambda r: r.error,
    "stream": lambda r: "true" if r.is_stream else "false",
    "cache": lambda r: r.cache,
    "end_user": lambda r: r.end_user,
    "feature": lambda r: r.feature,
}


def values_of(item: Record, dimension: str) -> list[str]:
    return sorted(set(item.tags)) if dimension == "tag" else [DIMENSIONS[dimension](item)]


def is_timed(item: Record) -> bool:
    return item.is_final and item.outcome not in ("refused", "abandoned") and item.usage_source != "held"


def add_up(records: list[Record], everything: list[Record]) -> dict[str, int | Decimal]:
    """Every measure of the records. `everything`: to find the other calls of their requests."""
    calls = {(item.request_id, item.attempt): item for item in everything}
    final = [item for item in records if item.is_final]
    timed = [item for item in records if is_timed(item)]
    again = [item for item in records if item.attempt > 1 and item.usage_source != "held"]
    escalated = {
        item.id
        for item in again
        if (before := calls.get((item.request_id, item.attempt - 1))) and before.outcome == "escalated"
    }
    caches = {"cache_hits": "hit", "cache_semantic": "semantic", "cache_stale": "stale", "cache_misses": "miss"}
    caches |= {"cache_bypassed": "bypass", "cache_repeats": "repeat"}
    kinds = ("rate_limit", "timeout", "content_filter", "model", "provider", "budget", "request", "tollgate")
    return {
        "requests": len(final),
        "answered": sum(item.outcome == "ok" for item in final),
        "client_left": sum(item.outcome == "client_left" for item in final),
        "errors": sum(item.error != "" for item in final),
        **{f"errors_{kind}": sum(item.error == kind for item in final) for kind in kinds},
        "calls": sum(item.attempt > 0 and item.cache not in ("hit", "semantic") for item in records),
        "failed_calls": sum(item.attempt > 0 and item.outcome in ("upstream_error", "cut") for item in records),
        "retries": sum(not item.opens_model for item in again),
        "fallbacks": sum(item.opens_model and item.id not in escalated for item in again),
        "escalations": sum(item.outcome == "escalated" for item in records),
        **{name: sum(item.cache == cache for item in final) for name, cache in caches.items()},
        "timed": len(timed),
        "slow": sum(item.latency_ms > 5000 for item in timed),
        "latency_us": sum(round(item.latency_ms * 1000) for item in timed),
        "input_tokens": sum(item.input_tokens for item in records),
        "cache_read_tokens": sum(item.cache_read_tokens for item in records),
        "cache_write_tokens": sum(item.cache_write_5m_tokens + item.cache_write_1h_tokens for item in records),
        "output_tokens": sum(item.output_tokens for item in records),
        "reasoning_tokens": sum(item.reasoning_tokens for item in records),
        "context_tokens_before": sum(item.context_tokens_before or 0 for item in final),
        "context_tokens_after": sum(item.context_tokens_after or 0 for item in final),
        "cost_usd": sum((item.cost_usd for item in records), Decimal(0)),
        "estimated": sum(item.usage_source in ("estimated", "held") for item in records),
        "unpriced": sum(not item.is_priced for item in records),
    }


def distributions(records: list[Record], everything: list[Record]) -> dict[str, list[float]]:
    """The values whose percentiles are shown, smallest first, in the units in which they are."""
    timed = [item for item in records if is_timed(item)]
    earlier: dict[UUID, Decimal] = {}
    for item in everything:
        if not item.is_final:
            earlier[item.request_id] = earlier.get(item.request_id, Decimal(0)) + item.cost_usd
    writing = [
        (item.output_tokens, item.latency_ms - (item.ttft_ms or 0))
        for item in timed
        if item.outcome == "ok" and item.attempt > 0 and item.output_tokens > 0
    ]
    found = {
        "latency": [item.latency_ms for item in timed],
        "ttft": [item.ttft_ms for item in timed if item.ttft_ms is not None],
        "speed": [tokens * 1000 / ms for tokens, ms in writing if ms >= 1],
        "cost": [float(item.cost_usd + earlier.get(item.request_id, 0)) for item in timed],
        "own": [(item.steps_us["validate"] + item.steps_us["reserve"]) / 1000 for item in timed],
    }
    return {kind: sorted(values) for kind, values in found.items()}


def nearest_rank(values: list[float], share: float) -> float:
    """As percentile_disc takes it."""
    return values[max(1, math.ceil(share * len(values) - 1e-9)) - 1]
