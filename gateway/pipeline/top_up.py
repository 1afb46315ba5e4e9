"""Another hold for a request whose failed calls have cost something: what was held pays for one call, and the next one needs its own.

Only tokens and money are held again; the request stays one request. It is released when the request is settled.
"""

from __future__ import annotations

import time

import msgspec

from billing import limits
from gateway.errors import BudgetSpent, StoreUnavailable
from gateway.pipeline import demand as demands
from gateway.pipeline import record
from gateway.pipeline.exchange import Exchange
from gateway.runtime import Runtime
from gateway.stores import counters
from gateway.stores.counters import METRICS, Hold
from gateway.types import Plan, Request

MOST_TRIES = 5
PAUSE_SECONDS = 0.1


def is_needed(exchange: Exchange, plan: Plan) -> bool:
    """Whether failed calls have used up what is held."""
    if exchange.hold is None:
        return False
    paid = sum(item.usage is not None for item in exchange.ended)
    return paid >= (1 if plan.cascade is None else 2) + len(exchange.top_ups)


async def reserve(exchange: Exchange, request: Request, plan: Plan, runtime: Runtime) -> None:
    """Hold what one more call may take, at an output cap that may be lower. Atomic; a refusal takes nothing.

    Raises `BudgetSpent` where there is no room for another call, or `StoreUnavailable`.
    """
    terms = demands.terms(exchange, request, plan, exchange.tier, runtime)
    lines = [
        msgspec.structs.replace(line, mark=0)
        for line in terms.demand.counters
        if line.metric != METRICS[limits.REQUESTS] and line.model not in exchange.left_out
    ]
    wanted = terms.demand.output_wanted if exchange.output_cap is None else exchange.output_cap
    demand = msgspec.structs.replace(
        terms.demand,
        counters=lines,
        rings=[],
        slots=[],
        output_wanted=wanted,
        output_least=min(terms.demand.output_least, wanted),
    )
    encoded = counters.encode(demand)
    hold = Hold(
        tenant_id=exchange.snapshot.tenant_id,
        request_id=f"{exchange.request_id.hex}-{exchange.attempts_made}",
        end_user=demand.end_user,
        idempotency="",
        demand=encoded,
        record=record.provisional(exchange, attempt=exchange.attempts_made + 1),
        output_cap=0,
        epoch="",
        reserved_at=time.monotonic(),
    )
    version = exchange.snapshot.version
    for _ in range(MOST_TRIES):
        verdict = await runtime.accounts.reserve(hold, version)
        kind = verdict[0]
        if kind == b"ok":
            exchange.top_ups.append(hold)
            if exchange.output_cap is not None:
                exchange.output_cap = min(exchange.output_cap, int(verdict[1]))
            return
        if kind == b"stale":
            version = int(verdict[1])
        elif kind == b"held":
            await runtime.accounts.room(hold.tenant_id, PAUSE_SECONDS)
        elif kind == b"spent":
            break
        else:
            raise StoreUnavailable("The counters are being restored. Try again in a moment.", retry_after_seconds=1)
    raise BudgetSpent(
        "Calls for this request failed and were charged; what is left of a budget does not pay for another one.",
        code="budget_spent",
    )
