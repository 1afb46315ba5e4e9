"""The exact cache: what a request asks of it, and what comes of that: found, missed, waited for, stale.

Looking an answer up is part of reserving, keeping it (`cache_keeping`) part of settling, so neither costs a round trip of its own. What may
be cached is for `gateway.caching.policy` to say, and what is the same question for `gateway.caching.fingerprints`. Nothing here fails a
request: without Redis, or with an entry that cannot be read, there is no cached answer.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import msgspec

from gateway.caching import entries, fingerprints, policy, replay
from gateway.errors import NotCached, StoreUnavailable
from gateway.pipeline.exchange import BYPASS, HIT, MISS, STALE, Cached, Caching, Exchange
from gateway.pipeline.observability import FLIGHT_WAITS
from gateway.runtime import Runtime
from gateway.stores import cache
from gateway.stores.lookups import Lookup
from gateway.types import CachePolicy, Plan, Request

logger = logging.getLogger(__name__)
NO_LIMIT_MS = 2**52
SHARED = "shared flight"
_WHY = {"absent": "no entry", "old": "too old", "purged": "purged", "broken": "broken"}
AMBIGUOUS = "a name stands twice in an object"


def consider(exchange: Exchange, request: Request, plan: Plan, runtime: Runtime) -> None:
    """Find out what the request, as it goes on, may ask of the cache. No I/O. Raises `NotCached` if it wants nothing but a cached answer,
    and none can be looked up."""
    if exchange.cheaper is not None and exchange.cache:
        _degrade(exchange)
    else:
        exchange.caching = None
        of_tenant = exchange.snapshot.caching
        rules = of_tenant.of(plan.task) if of_tenant is not None else None
        exchange.cache, exchange.cache_reason = BYPASS, policy.why_not(rules, request)
        if not exchange.cache_reason:
            assert rules is not None
            _look(exchange, request, plan, rules, runtime)
            exchange.lap("fingerprint")
    if exchange.caching is None and exchange.control.only_if_cached:
        raise not_cached(exchange, "")


def _degrade(exchange: Exchange) -> None:
    """A budget that runs low has the request planned anew. It may still get the answer that it would have got; its own is not kept."""
    caching = exchange.caching
    if caching is None:
        return
    if caching.version != exchange.snapshot.version:
        exchange.caching, exchange.cache, exchange.cache_reason = None, BYPASS, "a budget runs low"
        return
    exchange.caching = msgspec.structs.replace(caching, lookup=caching.lookup.alone(), not_kept="a budget runs low")


def _look(exchange: Exchange, request: Request, plan: Plan, rules: CachePolicy, runtime: Runtime) -> None:
    control = exchange.control
    whose = request.labels.end_user if rules.is_per_end_user else ""
    tenant_id = exchange.snapshot.tenant_id
    digest = fingerprints.digest(tenant_id, request, plan, end_user=whose, known=runtime.fingerprints)
    if digest is None:
        exchange.cache_reason = AMBIGUOUS
        return
    oldest = rules.ttl_seconds if control.max_age_seconds is None else min(rules.ttl_seconds, control.max_age_seconds)
    reads, keeps = not control.no_cache and oldest > 0, not control.no_store
    attempts = plan.attempts
    exchange.cache, exchange.cache_reason = MISS, "" if reads else "no-cache" if control.no_cache else "max-age=0"
    exchange.caching = Caching(
        policy=rules,
        lookup=Lookup(
            digest=digest,
            reads=reads,
            reads_only=control.only_if_cached,
            joins=reads and keeps and runtime.flight_wait_seconds > 0,
            max_age_ms=oldest * 1000,
        ),
        not_kept="" if keeps else "no-store",
        version=exchange.snapshot.version,
        is_detour=len(attempts) > 1 and runtime.breakers.health(attempts[-1].model).is_open,
    )


def not_cached(exchange: Exchange, why: str) -> NotCached:
    """The refusal of a request that wants nothing but a cached answer."""
    if why:
        exchange.cache_reason = _WHY.get(why, why)
    return NotCached(f"There is no cached answer ({exchange.cache_reason}), and only-if-cached forbids asking a model.")


def is_sure(exchange: Exchange, runtime: Runtime) -> bool:
    """Whether the answer was found by this process lately, so that it is probably there."""
    caching = exchange.caching
    return caching is not None and caching.lookup.reads and runtime.hits.has(caching.lookup.digest)


def is_gone(exchange: Exchange, runtime: Runtime) -> None:
    """It is not there any more."""
    assert exchange.caching is not None
    runtime.hits.forget(exchange.caching.lookup.digest)


def found(exchange: Exchange, request: Request, runtime: Runtime, data: bytes, age_ms: int) -> bool:
    """Note the cached answer, as the request wants it; False if it cannot be read."""
    try:
        exchange.cached = _read(request, data, age_ms, HIT)
    except (entries.Broken, replay.Unreadable):
        logger.warning("%s: its cached answer cannot be read, and is dropped", exchange.public_id)
        return False
    exchange.cache, exchange.cache_reason = HIT, SHARED if exchange.flight_deadline else ""
    assert exchange.caching is not None
    runtime.hits.note(exchange.caching.lookup.digest)
    return True


def _read(request: Request, data: bytes, age_ms: int, status: str) -> Cached:
    entry = entries.unpack(data)
    body = entry.body
    if request.is_stream:
        options = getattr(request.body, "stream_options", None)
        wants_usage = bool(options and options.include_usage)
        body = replay.as_stream(request.endpoint.surface, body, include_usage=wants_usage)
    head = entry.head
    saved = head.cost_nanousd if status == HIT else None
    return Cached(status, body, head.provider, head.model, age_ms, saved)


async def drop(exchange: Exchange, runtime: Runtime) -> Lookup | None:
    """Take the entry out that cannot be read; returns what the request asks from now on."""
    caching = exchange.caching
    assert caching is not None
    await cache.forget(runtime.redis, exchange.snapshot.tenant_id, caching.lookup.digest)
    return caching.lookup


def away(exchange: Exchange) -> None:
    """The request was let in although Redis does not answer."""
    if exchange.caching is not None:
        exchange.cache_reason = "Redis is away"


def missed(exchange: Exchange, runtime: Runtime, told: list[Any]) -> None:
    """The request was let in, to be answered by a model. `told`: whether others that ask the same may wait for it, and why there is no
    cached answer, or nothing."""
    caching = exchange.caching
    if caching is None or not told:
        return
    is_awaited, why = told
    if why:
        exchange.cache_reason = _WHY[why.decode()]
    if is_awaited:
        name = exchange.snapshot.tenant_id, caching.lookup.digest
        exchange.flight = runtime.flights.lead(name, exchange.hex)


async def follow(exchange: Exchange, runtime: Runtime) -> Lookup | None:
    """Another request is being answered that asks the same: wait until it makes sense to ask again. Returns what is asked then: after
    all the time that it may wait, the request goes on alone."""
    caching = exchange.caching
    assert caching is not None
    exchange.lap("reserve")
    if not exchange.flight_deadline:
        exchange.flight_deadline = time.monotonic() + runtime.flight_wait_seconds
        FLIGHT_WAITS.inc()
    name = exchange.snapshot.tenant_id, caching.lookup.digest
    left = exchange.flight_deadline - time.monotonic()
    await runtime.flights.turn(name, exchange, seconds=left)
    exchange.lap("flight")
    if time.monotonic() < exchange.flight_deadline:
        return caching.lookup
    return caching.lookup.alone()


def follow_no_more(exchange: Exchange, runtime: Runtime, *, is_known: bool) -> None:
    """The request has its own answer or refusal; others that wait for the same go on. `is_known`: it was let in."""
    if exchange.flight_deadline and exchange.caching is not None:
        name = exchange.snapshot.tenant_id, exchange.caching.lookup.digest
        runtime.flights.leave(name, exchange, is_known=is_known)


async def stale(exchange: Exchange, request: Request, runtime: Runtime) -> Cached | None:
    """The request's own cached answer, though it is past its time; None if there is none, or it would not want it."""
    caching, control = exchange.caching, exchange.control
    if caching is None or control.no_cache or not caching.policy.stale_seconds:
        return None
    most = NO_LIMIT_MS if control.max_age_seconds is None else control.max_age_seconds * 1000
    try:
        entry = await cache.stale(runtime.redis, exchange.snapshot.tenant_id, caching.lookup.digest, max_age_ms=most)
        return _read(request, entry.entry, entry.age_ms, STALE) if entry is not None else None
    except (StoreUnavailable, entries.Broken, replay.Unreadable):
        return None
