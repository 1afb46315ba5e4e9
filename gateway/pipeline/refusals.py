"""Why a request is not let in, in words and for programs: which limit, how much of it is used and held, and when to try again."""

from __future__ import annotations

import datetime as dt
import math
import time
from typing import Any

from billing import limits
from billing.limits import Counter
from billing.prices import PICO_PER_NANO
from gateway.errors import (
    BudgetHeld,
    BudgetSpent,
    Conflict,
    GatewayError,
    InvalidRequest,
    RateLimited,
    StoreUnavailable,
)
from gateway.pipeline.demand import Terms
from gateway.stores.counters import Demand

CACHED_ONLY = "cached_answers_only"
RETRY_SECONDS = 1.0  # after a refusal because of what others hold


def of(terms: Terms, verdict: list[Any]) -> GatewayError:
    """What a verdict of the reserve script that lets nothing in means."""
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
    counter = terms.applying.counters[int(verdict[1]) - 1]
    return budget_refusal(counter, int(verdict[2]), int(verdict[3]), kind == b"held", need=_need(terms.demand, counter))


def _need(demand: Demand, counter: Counter) -> int:
    """The least that the request may use of a budget, in its metric's integer unit."""
    if counter.limit.metric == limits.REQUESTS:
        return 1
    output = demand.output_least * demand.choices
    if counter.limit.metric == limits.TOKENS:
        return demand.input_tokens + output
    return demand.input_nanousd + -(-output * demand.output_pico // PICO_PER_NANO)


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


def budget_refusal(counter: Counter, used: int, held: int, is_held: bool, *, need: int = 0) -> RateLimited:
    """Which budget, how much of it is used and held, and when it begins anew. `need`: the least that the request may use of it; where the
    whole budget is less, waiting does not help."""
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
    if need > counter.amount:
        reason = f"is smaller than this request, which may use {said(limit.metric, need)}"
        again, end = "Ask for less, or raise it.", None
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


def cached_answers_only(counter: Counter, used: int) -> BudgetSpent:
    """The last step of a budget's ladder before its end."""
    limit = counter.limit
    refusal = budget_refusal(counter, used, 0, is_held=False)
    return BudgetSpent(
        f"{limit.cached_only_at} % of the budget “{limit.name}” are used: only cached answers are given, and there is none for this.",
        code=CACHED_ONLY,
        retry_after_seconds=refusal.retry_after_seconds,
        detail=refusal.detail,
    )


def too_many_changes() -> StoreUnavailable:
    return StoreUnavailable("The configuration changes faster than it can be read. Try again.", retry_after_seconds=1)
