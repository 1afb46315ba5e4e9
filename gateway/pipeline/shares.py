"""How much of a budget is used, as far as routing rules ask: known from the reserve step, and remembered until the budget begins anew.

Shares only grow within a window, so one that is remembered is never too high; a mark that has been passed is told once.
"""

from __future__ import annotations

from billing import limits
from billing.limits import Counter
from gateway.pipeline.exchange import Exchange
from gateway.routing import conditions
from gateway.types import Snapshot

_Marks = dict[str, list[int]]


def marks(snapshot: Snapshot) -> _Marks:
    """The percentages that rules ask about, by budget name."""
    found: _Marks | None = snapshot.remembered.get("marks")
    if found is None:
        found = snapshot.remembered["marks"] = conditions.budget_marks(snapshot) if snapshot.rules else {}
    return found


def known(exchange: Exchange) -> dict[str, int]:
    """Percent used, by budget name: what this request has learnt, else what others have."""
    if not marks(exchange.snapshot):
        return exchange.budget_shares
    now = exchange.accepted_ms / 1000
    shared: dict[str, tuple[int, float | None]] = exchange.snapshot.remembered.get("shares", {})
    current = {name: share for name, (share, end) in shared.items() if end is None or now < end}
    return {**current, **exchange.budget_shares}


def note(exchange: Exchange, counter: Counter, used: int) -> bool:
    """Whether a rule asks about the budget, and its share was not known to be that high."""
    name = counter.limit.name
    asked = marks(exchange.snapshot).get(name)
    if not asked or counter.amount <= 0:
        return False
    share = used * 100 // counter.amount
    before = known(exchange).get(name, -1)
    if not any(before < mark <= share for mark in asked):
        return False
    exchange.budget_shares[name] = share
    if counter.limit.dimension != limits.END_USER:  # each has a share of his own
        exchange.snapshot.remembered.setdefault("shares", {})[name] = (share, counter.window.end)
    return True


def next_mark(exchange: Exchange, counter: Counter) -> int:
    """The usage from which on a rule may decide otherwise; 0 if there is none."""
    asked = marks(exchange.snapshot).get(counter.limit.name)
    if not asked or counter.amount <= 0:
        return 0
    share = known(exchange).get(counter.limit.name, -1)
    return next((max(1, -(-counter.amount * mark // 100)) for mark in asked if mark > share), 0)
