"""Is the beginning of this request worth keeping at the provider? Decides for every model of the plan, before the request is admitted,
since what the cache takes in costs more than plain input. What decides is `gateway.prefix`; what a mark looks like is the provider's.

A short request costs a look at its length. Nothing here fails a request: one whose prefixes cannot be read goes on without marks.
"""

from __future__ import annotations

import hashlib
import logging
import time
from functools import lru_cache, partial

from django.conf import settings

from gateway.pipeline import observability
from gateway.pipeline.exchange import Exchange
from gateway.prefix import keys, marks, reading
from gateway.prefix.decision import Decision, cache_of
from gateway.runtime import Runtime
from gateway.types import Endpoint, Model, Plan, PrefixPolicy, Request

logger = logging.getLogger(__name__)
CACHED = frozenset({Endpoint.CHAT, Endpoint.MESSAGES})
LEAST_BYTES = int(512 * reading.BYTES_PER_TOKEN)  # the shortest prefix that any provider keeps


def decide(exchange: Exchange, request: Request, plan: Plan, runtime: Runtime) -> None:
    """Note on the exchange whether the caller has marked anything, and else the marks for each model that may get the request. Never
    raises; asked again, it decides anew."""
    exchange.prefix = None
    exchange.has_own_marks = marks.has_own(request.content)
    if len(request.content) < LEAST_BYTES or request.endpoint not in CACHED:
        return
    policy = _policy(exchange, plan)
    if not policy.is_on:
        return
    likely = reading.likely_tokens(len(request.content))
    models = [attempt.model for attempt in plan.attempts if _may_keep(attempt.model, likely)]
    if not models:
        return
    tenant_id = exchange.snapshot.tenant_id
    tenant = runtime.prefixes.tenant(tenant_id)
    try:
        exchange.prefix = Decision(
            request,
            models,
            policy,
            memory=runtime.prefixes,
            tenant=tenant,
            now=time.monotonic(),
            has_own=exchange.has_own_marks,
            key=partial(keys.of, tenant_id=tenant_id, tenant=tenant, secret=_secret(settings.SECRET_KEY)),
        )
    except Exception:
        logger.exception("%s: what it begins with could not be looked at", exchange.public_id)
        observability.PREFIX_FAILURES.inc()
    exchange.lap("prefix")


def _policy(exchange: Exchange, plan: Plan) -> PrefixPolicy:
    """The task's, else the tenant's."""
    task = exchange.snapshot.tasks.get(plan.task) if plan.task else None
    return exchange.snapshot.prefix if task is None or task.prefix is None else task.prefix


def _may_keep(model: Model, likely_tokens: int) -> bool:
    cache = cache_of(model)
    return cache is not None and likely_tokens >= cache.least_tokens


@lru_cache(maxsize=2)
def _secret(text: str) -> bytes:
    return hashlib.sha256(b"prompt_cache_key\0" + text.encode()).digest()
