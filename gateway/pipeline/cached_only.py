"""Requests that may be given a cached answer and nothing else: the caller says so (`only-if-cached`), or a budget's last step does.

Reserving has asked the exact cache and refused. Before the refusal stands, the semantic cache is asked; what it has is let in as any hit
is. That takes one round trip to Redis more than a hit of the exact cache does.
"""

from __future__ import annotations

from typing import NamedTuple

from gateway.errors import BudgetSpent, NotCached
from gateway.pipeline import exact_cache, refusals, reservation, semantic_cache
from gateway.pipeline.exchange import MISS, Exchange
from gateway.runtime import Runtime
from gateway.types import Plan, Request


class Admitted(NamedTuple):
    plan: Plan
    request: Request


async def admit(exchange: Exchange, refused: NotCached | BudgetSpent, runtime: Runtime, content: bytes) -> Admitted:
    """Have the request let in with the answer that the semantic cache has (`exchange.cached`), or raise the refusal. `content`: the body as
    it came. Nothing is held where it raises."""
    plan, request = exchange.plan, exchange.request
    if plan is None or request is None or refused.code not in (NotCached.code, refusals.CACHED_ONLY):
        raise refused
    await semantic_cache.ask(exchange, request, plan, runtime, content)
    if exchange.cached is None:
        raise exact_cache.not_cached(exchange, "") if isinstance(refused, NotCached) else refused
    is_let_in = False
    try:
        await reservation.reserve(exchange, request, plan, runtime)
        is_let_in = True
    except (reservation.StaleSnapshot, reservation.Degraded):
        raise refused from None  # what it was planned with has changed in these milliseconds: too rare to plan anew for
    finally:
        if not is_let_in:
            exchange.cached, exchange.semantic_hit = None, None
            exchange.cache, exchange.cache_reason = MISS, ""
    exchange.lap("reserve")
    return Admitted(plan, request)
