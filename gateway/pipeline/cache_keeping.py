"""Whether a request's answer is kept in the exact cache, and as what. Settling writes it, in the same step that charges the request.

Nothing here fails a request: an answer that is not kept is no failure, and the log says why.
"""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from gateway.caching import entries, policy
from gateway.caching.assembly import Assembly
from gateway.caching.entries import Head
from gateway.pipeline.exchange import HIT, Caching, Ending, Exchange
from gateway.providers.translate import usage as usages
from gateway.stores import lookups
from gateway.stores.lookups import CacheWrite
from gateway.types import Surface, Usage

logger = logging.getLogger(__name__)
DETOUR_SECONDS = 60  # what a fallback answered while a better model was away is not kept for longer


def assemble(exchange: Exchange, *, also_up_to: int = 0) -> None:
    """Have the request's stream put together as it passes by, if it may be kept; here, or elsewhere with up to so many bytes."""
    caching = exchange.caching
    here = caching.policy.max_entry_bytes if caching is not None and not caching.not_kept else 0
    most = max(here, also_up_to)
    if most and exchange.request is not None:
        exchange.assembly = Assembly(exchange.request.endpoint.surface, most_bytes=most)


def assembled(exchange: Exchange, usage: Usage) -> bytes | None:
    """The whole answer that a stream told; None if it is not to be kept, or cannot be told."""
    if exchange.assembly is None or exchange.request is None:
        return None
    is_anthropic = exchange.request.endpoint.surface is Surface.ANTHROPIC
    said: dict[str, Any] = usages.for_messages(usage) if is_anthropic else usages.for_chat(usage)
    return exchange.assembly.whole(said)


class Kept(msgspec.Struct, frozen=True, gc=False):
    """What a settlement does to the cache, as `Settlement` takes it; all empty for nothing."""

    digest: str = ""
    cache: bytes = b""
    entry: bytes = b""


NOTHING_KEPT = Kept()


def keep(exchange: Exchange, ending: Ending) -> Kept:
    """What the settlement does to the cache. Notes why an answer is not kept. Never raises: that is no failure."""
    caching = exchange.caching
    if caching is None or exchange.hold is None:
        return NOTHING_KEPT
    entry = b""
    try:
        if exchange.cached is None and _is_kept(exchange, caching, ending):
            assert ending.body is not None
            entry = entries.pack(_head(exchange, ending), ending.body)
    except Exception:
        logger.exception("%s: its answer cannot be kept", exchange.public_id)
    return Kept(caching.lookup.digest, lookups.encode(_write(exchange, caching)), entry)


def _write(exchange: Exchange, caching: Caching) -> CacheWrite:
    cached = exchange.cached
    if cached is not None and cached.status == HIT:
        return CacheWrite(hits=1, saved_nanousd=cached.saved_nanousd or 0)
    fresh = min(caching.policy.ttl_seconds, DETOUR_SECONDS) if took_a_detour(exchange) else caching.policy.ttl_seconds
    of_tenant = exchange.snapshot.caching
    return CacheWrite(
        fresh_ms=fresh * 1000,
        stale_ms=caching.policy.stale_seconds * 1000,
        max_bytes=of_tenant.max_bytes if of_tenant is not None else 0,
        misses=1,
    )


def _is_kept(exchange: Exchange, caching: Caching, ending: Ending) -> bool:
    reason = caching.not_kept or ending.failed or _why_not_kept(exchange, caching, ending)
    if reason:
        exchange.cache_reason = "; ".join(filter(None, (exchange.cache_reason, f"not kept: {reason}")))
    return not reason


def _why_not_kept(exchange: Exchange, caching: Caching, ending: Ending) -> str:
    if exchange.settled_for is not None:
        return "the answer of a cascade's first model, for want of a better one"
    if ending.body is None or exchange.request is None:
        return "the stream could not be put together"
    return policy.why_not_kept(caching.policy, exchange.request, ending.body, ending.finish_reason)


def took_a_detour(exchange: Exchange) -> bool:
    """Whether a model answered because another one was away."""
    has_failed = any(item.error is not None and item.attempt is not exchange.attempt for item in exchange.ended)
    is_detour = exchange.caching is not None and exchange.caching.is_detour
    return is_detour or bool(exchange.skipped) or has_failed


def _head(exchange: Exchange, ending: Ending) -> Head:
    request, plan, attempt = exchange.request, exchange.plan, exchange.attempt
    assert request is not None
    assert plan is not None
    assert attempt is not None
    return Head(
        task=plan.task,
        key_id=exchange.key.id.hex,
        tags=request.labels.tags,
        provider=attempt.model.provider.name,
        model=attempt.model.name,
        usage=ending.usage,
        cost_nanousd=ending.cost_nanousd,
        end_user=request.labels.end_user,
    )
