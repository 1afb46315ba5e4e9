"""Prometheus metrics of the data plane. Counting never fails a request.

A series costs a lock each time, and a request adds to ten. So what has ended is laid by, and added up, all of a kind at once, a few times a
second and before anybody is told (`add_up`).
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import Counter as Amounts
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from prometheus_client import Counter, Gauge, Histogram

from gateway.stores.usage_record import UsageRecord

REQUESTS = Counter(
    "tollgate_requests_total", "Requests that have ended.", ["endpoint", "provider", "model", "outcome", "status"]
)
TOKENS = Counter("tollgate_tokens_total", "Tokens of ended requests.", ["provider", "model", "direction"])
COST = Counter("tollgate_cost_usd_total", "Provider cost of ended requests, USD.", ["provider", "model"])
LATENCY = Histogram(
    "tollgate_request_seconds",
    "Time from accepting a request to its last byte.",
    ["endpoint"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
)
TTFT = Histogram(
    "tollgate_first_token_seconds",
    "Time from accepting a request to the first byte of its answer.",
    ["endpoint"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
UNAUTHENTICATED = Counter("tollgate_unauthenticated_total", "Requests without a valid key.")
HOLD_WAITS = Counter("tollgate_hold_waits_total", "Pauses of requests that waited for what others hold.")
FLIGHT_WAITS = Counter("tollgate_flight_waits_total", "Requests that waited for another one's answer to the same.")
CACHE = Counter("tollgate_cache_total", "Ended requests by what a cache did for them.", ["endpoint", "cache"])
ERRORS = Counter(
    "tollgate_errors_total",
    "Calls and requests that failed or were refused, by why.",
    ["endpoint", "provider", "model", "type"],
)
RETRIES = Counter("tollgate_retries_total", "Calls that were made once more.", ["provider", "model"])
FALLBACKS = Counter(
    "tollgate_fallbacks_total", "Calls whose failure led to another model.", ["provider", "model", "error"]
)
BREAKER_SKIPS = Counter(
    "tollgate_breaker_skips_total", "Calls that an open circuit breaker kept from a model.", ["provider", "model"]
)
CONTEXT_TOKENS_SAVED = Counter("tollgate_context_tokens_saved_total", "Input tokens that context policies left out.")
CONTEXT_FAILURES = Counter("tollgate_context_failures_total", "Requests whose context could not be optimised.")
CONTEXT_EMBEDDINGS_LATE = Counter("tollgate_context_embeddings_late_total", "Requests that went on without embeddings.")
CONTEXT_SUMMARIES = Counter("tollgate_context_summaries_total", "Summaries of what was left out.", ["outcome"])
PREFIX_TOKENS = Counter(
    "tollgate_prefix_cache_tokens_total",
    "Input tokens that a provider's cache gave or took in.",
    ["provider", "model", "kind"],
)
PREFIX_FAILURES = Counter("tollgate_prefix_cache_failures_total", "Requests whose prefixes could not be looked at.")
IN_FLIGHT = Gauge("tollgate_in_flight_requests", "Requests under way.", multiprocess_mode="livesum")


class _Series(NamedTuple):
    """The series one kind of request counts in."""

    requests: Counter
    input_tokens: Counter
    output_tokens: Counter
    cost: Counter
    latency: Histogram
    ttft: Histogram


@lru_cache(maxsize=10_000)
def _series(endpoint: str, provider: str, model: str, outcome: str, status: int) -> _Series:
    return _Series(
        requests=REQUESTS.labels(endpoint, provider, model, outcome, str(status)),
        input_tokens=TOKENS.labels(provider, model, "input"),
        output_tokens=TOKENS.labels(provider, model, "output"),
        cost=COST.labels(provider, model),
        latency=LATENCY.labels(endpoint),
        ttft=TTFT.labels(endpoint),
    )


@lru_cache(maxsize=1000)
def _cache_series(endpoint: str, cache: str) -> Counter:
    return CACHE.labels(endpoint, cache)


MOST_ERROR_KINDS = 200
OTHER = "other"
_error_kinds: set[str] = set()


def _error_kind(code: str) -> str:
    """The code, as long as there are not too many: providers make them up, and each is a series that stays."""
    if code not in _error_kinds:
        if len(_error_kinds) >= MOST_ERROR_KINDS:
            return OTHER
        _error_kinds.add(code)
    return code


ADD_UP_SECONDS = 0.25
MOST_LAID_BY = 256
_laid_by: deque[UsageRecord] = deque()
_under_way = 0
_is_due = False


def begin() -> None:
    """A request is under way from now on."""
    global _under_way
    _under_way += 1
    if not _is_due:
        _add_up_soon()


def end() -> None:
    global _under_way
    _under_way -= 1
    if not _is_due:
        _add_up_soon()


def count(record: UsageRecord) -> None:
    """Add an ended request to the metrics."""
    _laid_by.append(record)
    if len(_laid_by) >= MOST_LAID_BY:
        add_up()
    elif not _is_due:
        _add_up_soon()


def _add_up_soon() -> None:
    global _is_due
    try:
        asyncio.get_running_loop().call_later(ADD_UP_SECONDS, _add_up_now)
    except RuntimeError:  # no loop, no later
        add_up()
    else:
        _is_due = True


def _add_up_now() -> None:
    global _is_due
    _is_due = False
    add_up()


def add_up() -> None:
    """Bring the metrics up to date. From any thread."""
    IN_FLIGHT.set(_under_way)
    kinds: dict[tuple[Any, ...], list[UsageRecord]] = {}
    while _laid_by:
        try:
            record = _laid_by.popleft()
        except IndexError:  # another thread has taken it
            break
        kind = (record.endpoint, record.provider, record.model_served, record.outcome, record.status)
        kinds.setdefault(kind, []).append(record)
    for kind, records in kinds.items():
        _add(_series(*kind), records)


def _add(series: _Series, records: list[UsageRecord]) -> None:
    """Records of one kind."""
    series.requests.inc(len(records))
    _observe(series.latency, [record.latency_ms / 1000 for record in records])
    _observe(series.ttft, [record.ttft_ms / 1000 for record in records if record.ttft_ms is not None])
    series.input_tokens.inc(sum([record.input_tokens for record in records]))
    series.output_tokens.inc(sum([record.output_tokens for record in records]))
    series.cost.inc(sum([record.cost_nanousd for record in records]) / 1e9)
    for cache, amount in Amounts([record.cache for record in records if record.cache and record.is_final]).items():
        _cache_series(records[0].endpoint, cache).inc(amount)
    for record in records:
        if record.error_type:
            ERRORS.labels(record.endpoint, record.provider, record.model_served, _error_kind(record.error_type)).inc()
        written = record.cache_write_5m_tokens + record.cache_write_1h_tokens
        if record.cache_read_tokens or written:
            PREFIX_TOKENS.labels(record.provider, record.model_served, "read").inc(record.cache_read_tokens)
            PREFIX_TOKENS.labels(record.provider, record.model_served, "written").inc(written)


def _observe(histogram: Any, values: Sequence[float]) -> None:
    """As its `observe` for each of them; it has no way of its own to take several."""
    if values:
        histogram._sum.inc(sum(values))
        for place, amount in Amounts([bisect_left(histogram._upper_bounds, value) for value in values]).items():
            histogram._buckets[place].inc(amount)
