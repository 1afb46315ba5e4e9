"""May this request go ahead? Every limit and budget in one atomic step; what is taken is given back by settlement.

The step also finds out whether the configuration or the end user's tier is another one than the plan was made for. A counter that
Redis does not know is read from the ledger first. Where only other requests' holds stand in the way, the request waits for them a
moment.
"""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import Any

from billing.limits import Counter
from gateway import last_minute, ledger
from gateway.errors import StoreUnavailable
from gateway.pipeline import calls, exact_cache, record, refusals, shares
from gateway.pipeline import demand as demands
from gateway.pipeline.applying import pace_at_refusal
from gateway.pipeline.demand import Terms
from gateway.pipeline.exchange import Exchange, PaceLeft
from gateway.pipeline.observability import HOLD_WAITS
from gateway.routing import conditions
from gateway.runtime import Runtime
from gateway.stores import counters
from gateway.stores.counters import TENANT_HASH, Demand, Hold
from gateway.stores.lookups import Lookup
from gateway.types import Cheaper, Plan, Request

logger = logging.getLogger(__name__)
MAX_SEEDINGS = 5
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 0.25


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
    """Take the request's holds and set its output cap, or find its cached answer (`exchange.cached`). Atomic; a refusal takes nothing.
    One that has its cached answer already is let in as a hit.

    Where another request is being answered that asks the same, its answer is waited for. Raises `StaleSnapshot`, `Degraded`, `Repeated`, a
    `RateLimited`, `NotCached` or `InvalidRequest`, or `StoreUnavailable` (what may have been taken then, settling releases).
    """
    is_known = False
    try:
        await _reserve(exchange, request, plan, runtime)
        is_known = True
    finally:
        exact_cache.follow_no_more(exchange, runtime, is_known=is_known)


async def _reserve(exchange: Exchange, request: Request, plan: Plan, runtime: Runtime) -> None:
    deadline = time.monotonic() + runtime.hold_wait_seconds
    pause = FIRST_PAUSE_SECONDS
    seedings = 0
    end_user = request.labels.end_user
    tenant_id = exchange.snapshot.tenant_id
    tier = runtime.snapshots.tier(tenant_id, end_user) if end_user else ""
    lookup = exchange.caching.lookup if exchange.caching is not None else None
    is_answered = exchange.cached is not None
    if is_answered:
        lookup = None
    is_sure = lookup is not None and exact_cache.is_sure(exchange, runtime)
    prepare = partial(calls.prepare_ahead, exchange, request, plan)
    while True:
        # Of what was just found there, only that is asked: working out what a call would take is a good part of what a hit costs.
        made = demands.light if is_sure or is_answered else demands.terms
        terms = made(exchange, request, plan, tier, runtime)
        exchange.tier = tier
        hold = _hold(exchange, request, terms)
        try:
            asked = lookup.only() if lookup is not None and is_sure else lookup
            meanwhile = None if is_sure or is_answered else prepare
            verdict = await runtime.accounts.reserve(hold, exchange.snapshot.version, asked, meanwhile=meanwhile)
        except StoreUnavailable:
            if is_sure:
                is_sure = False
                continue  # what it would take has to be known
            if not _served_under_allowance(exchange, terms, hold, runtime):
                raise
            exact_cache.away(exchange)
            return
        kind = verdict[0]
        if kind == b"ok":
            if is_answered:
                _accept_hit(exchange, terms, hold, verdict)
            else:
                _accept(exchange, terms, hold, verdict)
                exact_cache.missed(exchange, runtime, verdict[9:])
            return
        if kind == b"hit":
            _accept_hit(exchange, terms, hold, verdict)
            if exact_cache.found(exchange, request, runtime, verdict[9], int(verdict[10])):
                return
            is_sure, lookup = False, await _without(exchange, hold, runtime)
            continue
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
        elif kind == b"flight":
            lookup = await exact_cache.follow(exchange, runtime)
            deadline = time.monotonic() + runtime.hold_wait_seconds
        elif kind == b"uncached":
            if not is_sure or (lookup is not None and lookup.reads_only):
                raise exact_cache.not_cached(exchange, verdict[1].decode())
            exact_cache.is_gone(exchange, runtime)
            is_sure = False
        elif kind in (b"held", b"in progress") and time.monotonic() < deadline:
            HOLD_WAITS.inc()
            await runtime.accounts.room(tenant_id, min(pause, deadline - time.monotonic()))
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        else:
            exchange.pace = pace_at_refusal(terms.applying, verdict)
            raise refusals.of(terms, verdict)


def _hold(exchange: Exchange, request: Request, terms: Terms) -> Hold:
    exchange.demanded = terms.demand
    exchange.demand = counters.encode(terms.demand)
    return Hold(
        tenant_id=exchange.snapshot.tenant_id,
        request_id=exchange.hex,
        end_user=request.labels.end_user,
        idempotency=exchange.idempotency,
        demand=exchange.demand,
        record=record.provisional(exchange),
        output_cap=0,
        epoch="",
        reserved_at=time.monotonic(),
    )


def _accept(exchange: Exchange, terms: Terms, hold: Hold, verdict: list[Any]) -> None:
    _, cap, lowered_by, _, _, _, _, _, left_out, *_ = verdict
    exchange.hold = hold
    if left_out:
        exchange.left_out = frozenset(map(int, left_out))
        _holds_less(exchange, hold, counters.without(terms.demand, exchange.left_out))
    _set_cap(exchange, terms, int(cap))
    if lowered_by > 0:
        exchange.lowered_by = terms.applying.counters[lowered_by - 1].limit.name
    elif lowered_by < 0:
        exchange.lowered_by = f"tokens per minute of {terms.applying.rings[-lowered_by - 1][0]}"
    _note_pace(exchange, terms, verdict)


def _accept_hit(exchange: Exchange, terms: Terms, hold: Hold, verdict: list[Any]) -> None:
    exchange.hold = hold
    held = counters.light(terms.demand)
    if held is not terms.demand:
        _holds_less(exchange, hold, held)
    exchange.output_cap, exchange.held_nanousd = None, 0
    _note_pace(exchange, terms, verdict)


def _holds_less(exchange: Exchange, hold: Hold, demand: Demand) -> None:
    exchange.demanded = demand
    exchange.demand = hold.demand = counters.encode(demand)


async def _without(exchange: Exchange, hold: Hold, runtime: Runtime) -> Lookup | None:
    """The cached answer cannot be read: it is dropped, what was taken for it given back, and the request goes on as any other."""
    await runtime.accounts.settle(counters.release(hold))
    exchange.hold = None
    return await exact_cache.drop(exchange, runtime)


def _note_pace(exchange: Exchange, terms: Terms, verdict: list[Any]) -> None:
    ring_r, requests_left, ring_t, tokens_left = verdict[4:8]
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
        rings.append(last_minute.Ring(owner, ring.field, dimension, owner or subject))
    await runtime.seedings.seed(tenant_id, verified, rings)


def _degrade(exchange: Exchange, counter: Counter, used: int) -> None:
    """The step of the budget's ladder that is reached. Raises `Degraded`, or `BudgetSpent` where only a cached answer would do."""
    limit = counter.limit
    learnt = shares.note(exchange, counter, used)
    if limit.cached_only_at is not None and used * 100 >= limit.cached_only_at * counter.amount:
        raise refusals.cached_answers_only(counter, used)
    is_cheaper = limit.cheaper_at is not None and used * 100 >= limit.cheaper_at * counter.amount
    if is_cheaper or not learnt:
        exchange.cheaper = Cheaper(budget=limit.name, model=limit.cheaper_model)
    raise Degraded
