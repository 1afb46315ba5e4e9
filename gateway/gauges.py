"""How things stand, for Prometheus: what waits, what is held, which breakers are open, how much of budgets is used.

Read from Redis and PostgreSQL when somebody scrapes, at most every few seconds in a process; a scrape never fails for it: what cannot be
read is left out, and `tollgate_gauges_up` says so. The same in every process, so dashboards take the maximum. What processes count
themselves is in `pipeline.observability`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import DatabaseError
from django.db.models import Min
from django.utils import timezone
from django_redis import get_redis_connection
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis import Redis
from redis.exceptions import RedisError

from billing import live_counters, windows
from billing import selectors as billing
from billing.models import Budget
from gateway import log_changes, selectors, trace_exports
from gateway.models import Model, TraceExport
from tenants import redis_keys, tenancy

logger = logging.getLogger(__name__)
CHUNK = 500  # tenants in one round trip
MOST_BUDGETS = 1000  # the fullest; each is a series
BREAKER_VALUES = {"closed": 0, "half-open": 1, "open": 2}


class Standing(Collector):
    """A collector of prometheus_client's. `fresh_seconds`: for so long what was read is told again."""

    def __init__(self, fresh_seconds: float = 5.0) -> None:
        self._fresh_seconds = fresh_seconds
        self._told: list[Metric] = []
        self._read_at = 0.0

    def collect(self) -> Iterable[Metric]:
        if not self._told or time.monotonic() - self._read_at > self._fresh_seconds:
            with tenancy.across("what Prometheus is told is of the whole installation"):
                self._told, self._read_at = list(_read()), time.monotonic()
        return self._told


def _read() -> Iterable[Metric]:
    redis = get_redis_connection("default")
    is_up = True
    readers: tuple[Callable[[Redis], Iterable[Metric]], ...] = (_streams, _rollups, _traces, _breakers, _budgets)
    for read in readers:
        try:
            yield from list(read(redis))
        except (RedisError, DatabaseError, live_counters.Away):
            logger.warning("%s cannot be read for Prometheus", read.__name__.strip("_"), exc_info=True)
            is_up = False
    yield GaugeMetricFamily("tollgate_gauges_up", "1: everything below could be read.", value=int(is_up))


def _streams(redis: Redis) -> Iterable[Metric]:
    """What waits in the tenants' streams, and what their requests hold."""
    tenants = selectors.tenant_ids()
    records = contents = holds = lost = 0
    oldest_ms: int | None = None
    for start in range(0, len(tenants), CHUNK):
        chunk = tenants[start : start + CHUNK]
        for length, first, content, missing, held in _asked(redis, chunk):
            records, contents, holds, lost = (
                records + length,
                contents + content,
                holds + held,
                lost + int(missing or 0),
            )
            if first:
                at = int(first[0][0].split(b"-")[0])
                oldest_ms = at if oldest_ms is None else min(oldest_ms, at)
    lag = 0.0 if oldest_ms is None else max(0.0, time.time() - oldest_ms / 1000)
    yield GaugeMetricFamily(
        "tollgate_usage_records_waiting", "Usage records that are not in the log yet.", value=records
    )
    yield GaugeMetricFamily("tollgate_drain_lag_seconds", "How long the oldest of them has waited.", value=lag)
    yield GaugeMetricFamily("tollgate_content_waiting", "Prompts and answers that wait to be stored.", value=contents)
    yield CounterMetricFamily("tollgate_content_lost", "Prompts and answers that found no room to wait.", value=lost)
    yield GaugeMetricFamily("tollgate_holds", "Requests that hold something of a limit.", value=holds)


def _asked(redis: Redis, tenants: Sequence[UUID]) -> Iterable[tuple[Any, ...]]:
    pipeline = redis.pipeline(transaction=False)
    for tenant_id in tenants:
        stream, content = redis_keys.usage_stream(tenant_id), redis_keys.content_stream(tenant_id)
        pipeline.xlen(stream)
        pipeline.xrange(stream, count=1)
        pipeline.xlen(content)
        pipeline.get(f"{content}:lost")
        pipeline.hlen(redis_keys.holds(tenant_id))
    replies = pipeline.execute()
    return zip(*(replies[place::5] for place in range(5)), strict=True)


def _rollups(_redis: Redis) -> Iterable[Metric]:
    oldest = log_changes.oldest()
    lag = 0.0 if oldest is None else max(0.0, (timezone.now() - oldest).total_seconds())
    yield GaugeMetricFamily(
        "tollgate_rollup_lag_seconds", "Age of the oldest request that is not on the dashboards yet.", value=lag
    )


def _traces(redis: Redis) -> Iterable[Metric]:
    waiting = TraceExport.objects.count()
    oldest = TraceExport.objects.aggregate(oldest=Min("noted_at"))["oldest"]
    lag = 0.0 if oldest is None else max(0.0, (timezone.now() - oldest).total_seconds())
    yield GaugeMetricFamily("tollgate_traces_waiting", "Traces that the collector has not taken yet.", value=waiting)
    yield GaugeMetricFamily("tollgate_trace_lag_seconds", "How long the oldest of them has waited.", value=lag)
    dropped = CounterMetricFamily("tollgate_traces_dropped", "Traces that were never sent, by why.", labels=["why"])
    for why, count in trace_exports.dropped(redis).items():
        dropped.add_metric([why], count)
    yield dropped


def _breakers(redis: Redis) -> Iterable[Metric]:
    """Of the operator's models, and of tenants' own those that are not closed."""
    found: Any = redis.hgetall(redis_keys.open_breakers())
    states = {key.decode(): value.decode().split("|")[0] for key, value in found.items()}
    metric = GaugeMetricFamily(
        "tollgate_breaker_state", "Circuit breakers: 0 closed, 1 half-open, 2 open.", labels=["provider", "model"]
    )
    values: dict[tuple[str, str], int] = {}
    for row in Model.objects.filter(is_active=True).select_related("provider").defer("provider__credential"):
        state = states.get(redis_keys.breaker(row.provider_id, row.effective_upstream_id), "closed")
        if row.tenant_id is None or state != "closed":
            name = row.provider.name, row.name
            values[name] = max(values.get(name, 0), BREAKER_VALUES.get(state.replace("_", "-"), 0))
    for name, value in sorted(values.items()):
        metric.add_metric(name, value)
    yield metric


def _budgets(_redis: Redis) -> Iterable[Metric]:
    """Budgets of one subject: those that count each key or end user for itself would be a series for each of them."""
    now = timezone.now()
    by_tenant: dict[UUID, list[tuple[Budget, Any, int]]] = {}
    rows = Budget.objects.filter(is_active=True).select_related("tenant", "api_key").prefetch_related("raises")
    for budget in rows:
        limit = billing.limit_of(budget)
        amount = limit.amount_at(now.timestamp())
        if amount <= 0 or (limit.dimension != "tenant" and not limit.subject):
            continue
        window = windows.window(limit.window, now.timestamp(), ZoneInfo(budget.tenant.timezone))
        asked = live_counters.Asked(limit.dimension, limit.subject, limit.metric, window)
        by_tenant.setdefault(budget.tenant_id, []).append((budget, asked, amount))
    shares: dict[tuple[str, str], float] = {}
    for tenant_id, items in by_tenant.items():
        for (budget, _, amount), counted in zip(
            items, live_counters.counted(tenant_id, [asked for _, asked, _ in items]), strict=True
        ):
            if counted.used is not None:
                name = budget.tenant.slug, budget.name
                shares[name] = max(shares.get(name, 0.0), counted.used / amount)
    metric = GaugeMetricFamily(
        "tollgate_budget_used_ratio",
        "Share of a budget that is used in its present window.",
        labels=["tenant", "budget"],
    )
    for name, share in sorted(shares.items(), key=lambda item: -item[1])[:MOST_BUDGETS]:
        metric.add_metric(name, share)
    yield metric
