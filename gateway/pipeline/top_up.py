"""Another hold for a request whose failed calls have cost something: what was held pays for one call, and the next one needs its own.

Only tokens and money are held again; the request stays one request. It is released when the request is settled.
"""

from __future__ import annotations

import time

import msgspec

from billing import limits
from billing.limits import Counter
from gateway.errors import BudgetHeld, BudgetSpent, RateLimited, StoreUnavailable
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

    Raises `BudgetSpent` where there is no room for another call, `BudgetHeld` where others hold it, or `StoreUnavailable`.
    """
    one_call = msgspec.structs.replace(plan, cascade=None)
    terms = demands.terms(exchange, request, one_call, exchange.tier, runtime)
    affected = [
        (line, counter)
        for line, counter in zip(terms.demand.counters, terms.applying.counters, strict=True)
        if line.metric != METRICS[limits.REQUESTS] and line.model not in exchange.left_out
    ]
    wanted = terms.demand.output_wanted if exchange.output_cap is None else exchange.output_cap
    demand = msgspec.structs.replace(
        terms.demand,
        counters=[msgspec.structs.replace(line, mark=0) for line, _ in affected],
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
    kind, verdict = b"", []
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
        elif kind == b"held" and int(verdict[3]) > _own(exchange, affected[int(verdict[1]) - 1][0].metric):
            await runtime.accounts.room(hold.tenant_id, PAUSE_SECONDS)
        elif kind in (b"held", b"spent"):
            kind = b"spent"  # what it holds itself is used up
            break
        else:
            raise StoreUnavailable("The counters are being restored. Try again in a moment.", retry_after_seconds=1)
    if kind not in (b"spent", b"held"):
        raise StoreUnavailable(
            "The configuration changes faster than it can be read. Try again.", retry_after_seconds=1
        )
    raise _refusal(affected[int(verdict[1]) - 1][1], int(verdict[2]), int(verdict[3]), is_held=kind == b"held")


def _own(exchange: Exchange, metric: int) -> int:
    """What the request itself holds of a metric: it stays held until the request is settled."""
    own = 0
    for hold in (exchange.hold, *exchange.top_ups):
        if hold is not None:
            demand = counters.decode(hold.demand)
            output = hold.output_cap * demand.choices
            tokens, nanousd = (
                demand.input_tokens + output,
                demand.input_nanousd + output * demand.output_pico // 1000 + 1,
            )
            own += tokens if metric == METRICS[limits.TOKENS] else nanousd
    return own


def _refusal(counter: Counter, used: int, held: int, *, is_held: bool) -> RateLimited:
    limit, end = counter.limit, counter.window.end
    amounts = {"limit": counter.amount, "used": used, "held": held}
    detail: dict[str, object] = {
        "budget": limit.name,
        "scope": limit.dimension,
        "metric": limit.metric,
        "window": limit.window,
        **(
            {name: value / limits.NANO_PER_USD for name, value in amounts.items()}
            if limit.metric == limits.USD
            else amounts
        ),
    }
    failed = "Calls for this request failed and were charged;"
    if is_held:
        return BudgetHeld(
            f"{failed} other requests hold what is left of the budget “{limit.name}”. Try again in a moment.",
            retry_after_seconds=1.0,
            detail=detail,
            source=limit.source,
        )
    return BudgetSpent(
        f"{failed} what is left of the budget “{limit.name}” does not pay for another one.",
        retry_after_seconds=max(1.0, end - time.time()) if end is not None else None,
        detail=detail,
        source=limit.source,
    )
