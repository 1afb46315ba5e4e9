"""How much of its budgets is used, as far as routing rules ask: known from the reserve step, and remembered until that may be less again.

A budget that is for each key, end user or tag by itself has a share for each of them; a request is asked about its own. Within a window
shares only grow, but for a raise that begins, so one that is remembered is never too high; a mark that has been passed is told once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from billing import limits
from billing.limits import Counter, Limit
from gateway.pipeline.exchange import Exchange
from gateway.routing import conditions
from gateway.runtime import Runtime
from gateway.types import Snapshot
from tenants import redis_keys

TASK_PREFIX = "task/"
REMEMBERED = 10_000  # subjects in one snapshot

Subject = tuple[str, str]  # a budget's name, and what it counts


class _Known(NamedTuple):
    """Percent used, and until when (Unix seconds) it is not less; None: for good."""

    share: int
    until: float | None


class Asked(NamedTuple):
    """A budget that rules ask about: from which percentages on, and the limit; None if it is none of the tenant's own."""

    marks: list[int]
    limit: Limit | None


def asked(snapshot: Snapshot) -> dict[str, Asked]:
    """The budgets that rules ask about, by name."""
    found: dict[str, Asked] | None = snapshot.remembered.get("marks")
    if found is None:
        by_name = {limit.name: limit for limit in snapshot.limits.limits}
        marks = conditions.budget_marks(snapshot) if snapshot.rules else {}
        found = {name: Asked(percents, by_name.get(name)) for name, percents in marks.items()}
        snapshot.remembered["marks"] = found
    return found


def known(exchange: Exchange) -> dict[Subject, int]:
    """Percent used of the budgets that this request falls under: what it has learnt itself, else what others have."""
    budgets = asked(exchange.snapshot)
    if not budgets:
        return exchange.budget_shares
    now = exchange.accepted_ms / 1000
    shared: dict[Subject, _Known] = exchange.snapshot.remembered.get("shares", {})
    current: dict[Subject, int] = {}
    for name, budget in budgets.items():
        for subject in _subjects(exchange, budget.limit) if budget.limit is not None else ():
            entry = shared.get((name, subject))
            if entry is not None and (entry.until is None or now < entry.until):
                current[name, subject] = entry.share
    return {**current, **exchange.budget_shares}


def by_name(exchange: Exchange) -> dict[str, int]:
    """The same by budget; where the request counts several times in one, as with two tags, the most."""
    found: dict[str, int] = {}
    for (name, _), share in known(exchange).items():
        found[name] = max(share, found.get(name, 0))
    return found


def _subjects(exchange: Exchange, limit: Limit) -> tuple[str, ...]:
    """What the request counts as in the limit's dimension, as far as that is known before it is planned."""
    request = exchange.request
    if limit.dimension == limits.TENANT:
        return ("",)
    if limit.dimension == limits.KEY:
        own: tuple[str, ...] = (str(exchange.key.id),)
    elif request is None:
        own = ()
    elif limit.dimension == limits.END_USER:
        own = (request.labels.end_user,)
    elif limit.dimension == limits.TIER:
        own = (exchange.tier,)
    elif limit.dimension == limits.TAG:
        own = request.labels.tags
    elif limit.dimension == limits.TASK:
        own = (request.model_asked.removeprefix(TASK_PREFIX),) if request.model_asked.startswith(TASK_PREFIX) else ()
    else:
        own = (request.model_asked,)
    return tuple([subject for subject in own if subject and limit.subject in ("", subject)])


def note(exchange: Exchange, counter: Counter, used: int) -> bool:
    """Whether a rule asks about the budget, and its share was not known to be that high."""
    name = counter.limit.name
    budget = asked(exchange.snapshot).get(name)
    if budget is None or counter.amount <= 0:
        return False
    share = used * 100 // counter.amount
    before = known(exchange).get((name, counter.subject), -1)
    if not any(before < mark <= share for mark in budget.marks):
        return False
    exchange.budget_shares[name, counter.subject] = share
    shared = exchange.snapshot.remembered.setdefault("shares", {})
    if len(shared) >= REMEMBERED:
        shared.clear()
    shared[name, counter.subject] = _Known(share, _until(counter, exchange.accepted_ms / 1000))
    return True


def _until(counter: Counter, now: float) -> float | None:
    """When the window ends, or a raise begins."""
    ends = [item.starts for item in counter.limit.raises if item.starts > now]
    if counter.window.end is not None:
        ends.append(counter.window.end)
    return min(ends, default=None)


def next_mark(exchange: Exchange, counter: Counter) -> int:
    """The usage from which on a rule may decide otherwise; 0 if there is none."""
    budget = asked(exchange.snapshot).get(counter.limit.name)
    if budget is None or counter.amount <= 0:
        return 0
    share = known(exchange).get((counter.limit.name, counter.subject), -1)
    return next((max(1, -(-counter.amount * mark // 100)) for mark in budget.marks if mark > share), 0)


async def look(exchange: Exchange, counters: Iterable[Counter], runtime: Runtime, *, but: int) -> None:
    """Note how far the counters are used, but for the one at that place: the reserve step has told of it, as it tells of one at a time, and
    a request is not to be planned anew for each. Raises `StoreUnavailable`."""
    wanted: dict[str, list[Counter]] = {}
    for place, counter in enumerate(counters):
        if place != but and next_mark(exchange, counter):
            owner = counter.subject if counter.limit.dimension == limits.END_USER else ""
            wanted.setdefault(owner, []).append(counter)
    tenant_id = exchange.snapshot.tenant_id
    for owner, members in wanted.items():
        key = redis_keys.user_counters(tenant_id, owner) if owner else redis_keys.counters(tenant_id)
        found = await runtime.redis.call("HMGET", key, *[counter.field for counter in members])
        for counter, used in zip(members, found, strict=True):
            note(exchange, counter, max(0, int(used or 0)))
