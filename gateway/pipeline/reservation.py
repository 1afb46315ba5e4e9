"""May this request go ahead? Every limit and budget in one atomic step; what is taken is given back by settlement.

The step also finds out whether the configuration or the end user's tier is another one than the plan was made for. A counter that
Redis does not know is read from the ledger first. Where only other requests' holds stand in the way, the request waits for them a
moment.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import math
import time
from functools import partial
from typing import Any

from billing import limits
from billing.limits import Counter
from gateway import ledger
from gateway.errors import (
    BudgetHeld,
    BudgetSpent,
    Conflict,
    GatewayError,
    InvalidRequest,
    RateLimited,
    StoreUnavailable,
)
from gateway.pipeline import demand as demands
from gateway.pipeline import record, shares
from gateway.pipeline.applying import pace_at_refusal
from gateway.pipeline.demand import Terms
from gateway.pipeline.exchange import Exchange, PaceLeft
from gateway.pipeline.observability import HOLD_WAITS
from gateway.routing import conditions
from gateway.runtime import Runtime
from gateway.stores import counters
from gateway.stores.counters import TENANT_HASH, Hold
from gateway.types import Cheaper, Plan, Request

logger = logging.getLogger(__name__)
MAX_SEEDINGS = 5
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 0.25
RETRY_SECONDS = 1.0  # after a refusal because of what others hold


class StaleSnapshot(Exception):
    """The tenant's configuration has changed: plan again with the current snapshot. Nothing was taken."""


class Degraded(Exception):
    """What a plan depends on is otherwise than it was made for: a budget has passed a mark from which on a cheaper model is to be used
    (`exchange.cheaper`) or that a rule asks about (`exchange.budget_shares`), or the end user is of another tier. Plan again. Nothing was
    taken."""


class Repeated(Exception):
    """The idempotency key's first request has been answered already: give that answer. Nothing was taken."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self.answer = answer


async def reserve(exchange: Exchange, request: Request, plan: Plan, runtime: Runtime) -> None:
    """Take the request's holds and set its output cap. Atomic; a refusal takes nothing.

    Raises `StaleSnapshot`, `Degraded`, `Repeated`, a `RateLimited` or `InvalidRequest`, or `StoreUnavailable` (what may have been taken
    then, settling releases).
    """
    deadline = time.monotonic() + runtime.hold_wait_seconds
    pause = FIRST_PAUSE_SECONDS
    seedings = 0
    end_user = request.labels.end_user
    tenant_id = exchange.snapshot.tenant_id
    tier = runtime.snapshots.tier(tenant_id, end_user) if end_user else ""
    while True:
        terms = demands.terms(exchange, request, plan, tier, runtime)
        exchange.tier = tier
        hold = _hold(exchange, request, terms)
        try:
            verdict = await runtime.accounts.reserve(hold, exchange.snapshot.version)
        except StoreUnavailable:
            if not _served_under_allowance(exchange, terms, hold, runtime):
                raise
            return
        kind = verdict[0]
        if kind == b"ok":
            _accept(exchange, terms, hold, verdict)
            return
        if kind == b"stale":
            raise StaleSnapshot
        if kind == b"tier":
            tier = verdict[1].decode()
            runtime.snapshots.learn_tier(tenant_id, end_user, tier)
            if conditions.ask_for_tiers(exchange.snapshot):
                raise Degraded
        elif kind in (b"unknown", b"seed"):
            seedings += 1
            if seedings > MAX_SEEDINGS:
                raise StoreUnavailable("The counters are being restored. Try again in a moment.", retry_after_seconds=1)
            await _restore(exchange, end_user, terms, verdict, runtime)
        elif kind == b"closed":
            await asyncio.sleep(int(verdict[1]) / 1000 + 0.01)
        elif kind == b"mark":
            await shares.look(exchange, terms.applying.counters, runtime, but=int(verdict[1]) - 1)
            _degrade(exchange, terms.applying.counters[int(verdict[1]) - 1], int(verdict[2]))
        elif kind == b"replay":
            raise Repeated(verdict[1])
        elif kind in (b"held", b"in progress") and time.monotonic() < deadline:
            HOLD_WAITS.inc()
            await runtime.accounts.room(tenant_id, min(pause, deadline - time.monotonic()))
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        else:
            exchange.pace = pace_at_refusal(terms.applying, verdict)
            raise _refusal(terms, verdict)


def _hold(exchange: Exchange, request: Request, terms: Terms) -> Hold:
    exchange.demand = counters.encode(terms.demand)
    return Hold(
        tenant_id=exchange.snapshot.tenant_id,
        request_id=exchange.request_id.hex,
        end_user=request.labels.end_user,
        idempotency=exchange.idempotency,
        demand=exchange.demand,
        record=record.provisional(exchange),
        output_cap=0,
        epoch="",
        reserved_at=time.monotonic(),
    )


def _accept(exchange: Exchange, terms: Terms, hold: Hold, verdict: list[Any]) -> None:
    _, cap, lowered_by, _, ring_r, requests_left, ring_t, tokens_left, left_out = verdict
    exchange.hold = hold
    if left_out:
        exchange.left_out = frozenset(map(int, left_out))
        exchange.demand = hold.demand = counters.encode(counters.without(terms.demand, exchange.left_out))
    _set_cap(exchange, terms, int(cap))
    if lowered_by > 0:
        exchange.lowered_by = terms.applying.counters[lowered_by - 1].limit.name
    elif lowered_by < 0:
        exchange.lowered_by = f"tokens per minute of {terms.applying.rings[-lowered_by - 1][0]}"
    if ring_r or ring_t:
        exchange.pace = PaceLeft(
            requests_limit=terms.applying.rings[ring_r - 1][1].requests_per_minute or 0 if ring_r else 0,
            requests_left=int(requests_left),
            tokens_limit=terms.applying.rings[ring_t - 1][1].tokens_per_minute or 0 if ring_t else 0,
            tokens_left=max(0, int(tokens_left)),
        )


def _set_cap(exchange: Exchange, terms: Terms, cap: int) -> None:
    demand = terms.demand
    exchange.output_cap = cap if demand.output_wanted else None
    exchange.held_nanousd = demand.input_nanousd - (-cap * demand.choices * demand.output_pico // 1000)


def _served_under_allowance(exchange: Exchange, terms: Terms, hold: Hold, runtime: Runtime) -> bool:
    """Redis is away. The plan may let a bounded amount through all the same; it is charged once Redis is back."""
    allowance = exchange.snapshot.limits.allowance
    if allowance is None:
        return False
    _set_cap(exchange, terms, terms.demand.output_wanted)
    if not runtime.accounts.take_allowance(exchange.snapshot.tenant_id, allowance, exchange.held_nanousd):
        return False
    exchange.hold = hold
    return True


async def _restore(exchange: Exchange, end_user: str, terms: Terms, verdict: list[Any], runtime: Runtime) -> None:
    """Have the counters that Redis does not know read from the ledger. Raises `StoreUnavailable` if PostgreSQL is away, too."""
    tenant_id = exchange.snapshot.tenant_id
    if verdict[0] == b"unknown":
        await runtime.threads.once(("open", tenant_id), partial(ledger.open_counters, tenant_id))
        return
    verified: dict[ledger.Field, int] = {}
    for index in verdict[1]:
        line = terms.demand.counters[index - 1]
        field = ledger.Field("" if line.hash == TENANT_HASH else end_user, line.field)
        verified[field] = max(line.verified_from_ms, verified.get(field, 0))
    rings = []
    for index in verdict[2]:
        ring = terms.demand.rings[index - 1]
        _, dimension, subject = ring.field.split("|", 2)
        owner = "" if ring.hash == TENANT_HASH else end_user
        rings.append(ledger.Ring(owner, ring.field, dimension, owner or subject))
    name = ("seed", tenant_id, tuple(verified.items()), tuple(rings))
    await runtime.threads.once(name, partial(ledger.seed, tenant_id, verified, rings, verified_from_ms=verified))


def _degrade(exchange: Exchange, counter: Counter, used: int) -> None:
    """The step of the budget's ladder that is reached. Raises `Degraded`, or `BudgetSpent` where only a cached answer would do."""
    limit = counter.limit
    learnt = shares.note(exchange, counter, used)
    if limit.cached_only_at is not None and used * 100 >= limit.cached_only_at * counter.amount:
        refusal = budget_refusal(counter, used, 0, is_held=False)
        raise BudgetSpent(
            f"{limit.cached_only_at} % of the budget “{limit.name}” are used: only cached answers are given, and there is none for this.",
            code="cached_answers_only",
            retry_after_seconds=refusal.retry_after_seconds,
            detail=refusal.detail,
        )
    is_cheaper = limit.cheaper_at is not None and used * 100 >= limit.cheaper_at * counter.amount
    if is_cheaper or not learnt:
        exchange.cheaper = Cheaper(budget=limit.name, model=limit.cheaper_model)
    raise Degraded


def _refusal(terms: Terms, verdict: list[Any]) -> GatewayError:
    kind = verdict[0]
    if kind == b"reused":
        return InvalidRequest(
            "This Idempotency-Key was used for another request. Use a new key for each request.",
            code="idempotency_key_reused",
        )
    if kind == b"in progress":
        return Conflict(
            "A request with this Idempotency-Key is under way. Try again for its answer.", retry_after_seconds=1
        )
    if kind == b"busy":
        who, amount = terms.applying.slots[int(verdict[1]) - 1]
        return RateLimited(
            f"At most {amount} requests of {who} may be under way at once, and {int(verdict[2])} are. Try again in a moment.",
            code="concurrency_exceeded",
            retry_after_seconds=RETRY_SECONDS,
            source="concurrency",
        )
    if kind == b"rate":
        return _rate_refusal(terms, verdict)
    if int(verdict[1]) < 0:
        who, pace = terms.applying.rings[-int(verdict[1]) - 1]
        return BudgetHeld(
            f"The {pace.tokens_per_minute} tokens per minute of {who} are held by requests under way. Try again in a moment.",
            code="tokens_per_minute_held",
            retry_after_seconds=RETRY_SECONDS,
            source="tokens_per_minute",
        )
    return budget_refusal(
        terms.applying.counters[int(verdict[1]) - 1], int(verdict[2]), int(verdict[3]), kind == b"held"
    )


def _rate_refusal(terms: Terms, verdict: list[Any]) -> RateLimited:
    who, pace = terms.applying.rings[int(verdict[1]) - 1]
    metric = verdict[2].decode()
    amount = pace.requests_per_minute if metric == "requests" else pace.tokens_per_minute
    wait = max(0.05, int(verdict[3]) / 1000)
    return RateLimited(
        f"The limit of {amount} {metric} per minute of {who} is reached ({int(verdict[4])} used). Try again in {math.ceil(wait)} s.",
        code=f"{metric}_per_minute_exceeded",
        retry_after_seconds=wait,
        detail={"limit": f"{metric} per minute of {who}", "amount": amount, "used": int(verdict[4])},
        source=f"{metric}_per_minute",
    )


def budget_refusal(counter: Counter, used: int, held: int, is_held: bool) -> RateLimited:
    """Which budget, how much of it is used and held, and when it begins anew."""
    limit, end = counter.limit, counter.window.end
    resets_at = dt.datetime.fromtimestamp(end, dt.UTC).isoformat().replace("+00:00", "Z") if end is not None else None
    left = max(0, counter.amount - used)
    detail: dict[str, object] = {
        "budget": limit.name,
        "scope": limit.dimension,
        "metric": limit.metric,
        "window": limit.window,
        "limit": shown(limit.metric, counter.amount),
        "used": shown(limit.metric, used),
        "held": shown(limit.metric, held),
        "resets_at": resets_at,
    }
    words = f"{said(limit.metric, used)} of {said(limit.metric, counter.amount)} used, {said(limit.metric, held)} held"
    if is_held:
        return BudgetHeld(
            f"The budget “{limit.name}” has room, but requests under way hold it ({words}). Try again in a moment.",
            retry_after_seconds=RETRY_SECONDS,
            detail=detail,
            source=limit.source,
        )
    again = f"It begins anew at {resets_at}." if resets_at else "It does not begin anew by itself; raise it."
    reason = "is used up" if left <= 0 else "has too little left for this request"
    return BudgetSpent(
        f"The budget “{limit.name}” {reason} ({words}). {again}",
        retry_after_seconds=max(1.0, end - time.time()) if end is not None else None,
        detail=detail,
        source=limit.source,
    )


def shown(metric: str, amount: int) -> int | float:
    """As JSON carries it: requests, tokens, or USD."""
    return amount / limits.NANO_PER_USD if metric == limits.USD else amount


def said(metric: str, amount: int) -> str:
    return f"${amount / limits.NANO_PER_USD:,.6f}" if metric == limits.USD else f"{amount:,} {metric}"


def too_many_changes() -> StoreUnavailable:
    return StoreUnavailable("The configuration changes faster than it can be read. Try again.", retry_after_seconds=1)
