"""Background work of the gateway. Every task is safe to run twice, and short; training takes seconds a tenant."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable
from functools import lru_cache
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone
from django_redis import get_redis_connection
from redis import Redis
from redis.exceptions import RedisError

from gateway import (
    breaker_history,
    drain,
    embedders,
    emptying,
    judge_runs,
    log_changes,
    partitions,
    reconciliation,
    retention,
    selectors,
    shadow_checks,
    sweeper,
    trace_exports,
    votes,
)
from gateway.content import erasing, keeping
from gateway.judging import cases, days, measured, taking
from gateway.quality import versions
from gateway.semantic import entries, hits, tending
from gateway.stores import cache
from tenants import redis_keys

logger = logging.getLogger(__name__)
DRAIN_SECONDS = 30


@shared_task
def drain_usage_records() -> int:
    """Empty every tenant's stream into the request log; returns how many records were new. Stops after 30 s, the next run goes on."""
    new = 0

    def take(redis: Redis, tenant_id: UUID) -> int | None:
        nonlocal new
        batch = drain.drain_batch(redis, tenant_id)
        if batch is None:
            return None
        new += batch.inserted
        return batch.read

    _empty(redis_keys.usage_stream, take, whole=drain.BATCH)
    return new


def _empty(stream_of: emptying.StreamOf, take: Callable[[Redis, UUID], int | None], *, whole: int = 0) -> int:
    redis = get_redis_connection("default")
    return emptying.empty(redis, selectors.tenant_ids(), stream_of, take, seconds=DRAIN_SECONDS, whole=whole)


@shared_task
def store_content() -> int:
    """Store the prompts and answers that wait, of tenants that want that; returns how many. Stops after 30 s, the next run goes on."""
    return _empty(redis_keys.content_stream, keeping.store)


@shared_task
def forget_content() -> int:
    """Delete prompts and answers that are older than their tenants keep them; returns how many. Stops after 30 s, the next run goes on."""
    return erasing.forget_old(timezone.now(), seconds=DRAIN_SECONDS)


@shared_task
def export_traces() -> int:
    """Send the traces that wait to the collector, if there is one; returns of how many requests. Stops after 30 s, or where it is away."""
    if not settings.OTEL_TRACES:
        return 0
    from gateway.telemetry import exporting  # the SDK is loaded where it is used

    end = time.monotonic() + DRAIN_SECONDS
    trace_exports.forget(timezone.now())
    sent = 0
    while time.monotonic() < end:
        try:
            count = exporting.export(timezone.now())
        except exporting.NotTaken:
            logger.warning("the collector did not take traces; they wait for the next run")
            break
        sent += count
        if not count:
            break
    return sent


@shared_task
def sweep_holds() -> int:
    """Settle the holds of processes that died; returns how many."""
    redis = get_redis_connection("default")
    return sum(sweeper.sweep(redis, tenant_id) for tenant_id in sweeper.with_expired(redis, selectors.tenant_ids()))


@shared_task
def reconcile_counters() -> int:
    """Compare every tenant's counters with the ledger and put right what differs; returns how many tenants had drifted."""
    drifted = 0
    for tenant_id in selectors.tenant_ids():
        try:
            drifted += bool(reconciliation.reconcile(tenant_id))
        except (DatabaseError, RedisError):
            logger.exception("tenant %s could not be reconciled; the next run tries again", tenant_id)
    return drifted


@lru_cache(maxsize=1)
def _embedder() -> embedders.Embedder:
    """One for the worker process: it keeps the model in memory."""
    return embedders.make()


@shared_task
def keep_answers() -> int:
    """Keep the answers that may be given again; returns how many. Stops after 30 s, the next run goes on."""

    def keep(redis: Redis, tenant_id: UUID) -> int | None:
        return entries.keep(redis, tenant_id, _embedder().name, _embedder().embed_now)

    return _empty(redis_keys.given_answers, keep)


@shared_task
def note_hits() -> int:
    """Count the hits of the semantic cache, and set aside those that are to be checked; returns how many. Stops after 30 s."""
    return _empty(redis_keys.semantic_hits, hits.note)


@shared_task
def check_hits() -> int:
    """Ask again what some hits had asked, and see whether their answers were right; returns how many were checked."""
    return shadow_checks.run(timezone.now())


@shared_task
def take_answers_to_judge() -> int:
    """Take in the answers that are to be judged; returns how many. Stops after 30 s, the next run goes on."""
    return _empty(redis_keys.judged_answers, taking.take)


@shared_task
def judge_answers() -> int:
    """Have some of the answers judged that wait for it; returns how many were scored."""
    return judge_runs.run(timezone.now())


@shared_task
def measure_quality() -> int:
    """Measure how good models are at their tasks, for routing; returns how many figures changed."""
    changed = 0
    for tenant_id in measured.tenants(timezone.now()):
        try:
            changed += measured.measure(tenant_id, timezone.now())
        except DatabaseError:
            logger.exception("the quality of tenant %s could not be measured; the next run tries again", tenant_id)
    return changed


@shared_task
def add_up_ratings() -> int:
    """Add up votes and judgements of days that have changed; returns how many changes. Stops after 30 s, the next run goes on."""
    end = time.monotonic() + DRAIN_SECONDS
    added = 0
    while time.monotonic() < end:
        taken = days.add_up()
        added += taken
        if taken < days.AT_ONCE:
            break
    return added


@shared_task
def note_breaker_changes() -> int:
    """Note when circuit breakers opened and closed; returns how many changes."""
    return breaker_history.note(get_redis_connection("default"))


@shared_task
def tend_semantic_cache() -> int:
    """Delete entries that are past their end or have to make room, and look after the indexes of large scopes; returns how many went."""
    return sum(tending.tend(selectors.tenant_ids(), timezone.now()))


@shared_task
def reclaim_caches() -> int:
    """Take back the room of cached answers that are purged or past their end; returns how many went. After 30 s no other tenant's turn
    begins."""
    redis = get_redis_connection("default")
    end = time.monotonic() + DRAIN_SECONDS
    gone = 0
    for tenant_id in cache.due(redis, selectors.tenant_ids()):
        if time.monotonic() > end:
            break
        gone += cache.reclaim(redis, tenant_id)
    return gone


@shared_task
def match_feedback() -> int:
    """Let votes count whose requests have come into the log since; returns how many."""
    return votes.match()


@shared_task
def keep_partitions() -> None:
    """Make the request log's partitions ahead and drop those that nobody keeps any more; not while records of then wait to be added up."""
    days = retention.longest_days()
    made, dropped = partitions.keep(
        timezone.now().date(),
        retention_days=days,
        may_drop=not log_changes.wait_before(timezone.now() - dt.timedelta(days=days)),
    )
    if made or dropped:
        logger.info("request log partitions made: %s, dropped: %s", made, dropped)


@shared_task
def forget_requests() -> int:
    """Delete requests that are older than their tenants keep them; returns how many. Stops after 30 s, the next run goes on."""
    breaker_history.forget(timezone.now())
    cases.forget(timezone.now())
    return retention.forget(timezone.now(), seconds=DRAIN_SECONDS)


@shared_task
def train_quality_models() -> int:
    """Train the shared model and those of tenants with enough new labels; returns how many new versions there are."""
    trained = int(versions.train_shared() is not None)
    for tenant in versions.owners_with_labels():
        try:
            trained += versions.train_tenant(tenant) is not None
        except (DatabaseError, ValueError):
            logger.exception("tenant %s has no new quality model; the next run tries again", tenant.id)
    return trained
