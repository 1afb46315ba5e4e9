"""Which limits apply to a request, as the lines that the reserve script takes. No I/O.

They are the same for every request of the same people and model until a window ends, so they are remembered with the snapshot.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from billing import limits
from billing import rings as rings_of
from billing.limits import Counter, Limit, Pace
from gateway.pipeline import shares
from gateway.pipeline.exchange import Exchange, PaceLeft
from gateway.stores.counters import METRICS, TENANT_HASH, UNLIMITED, USER_HASH, CounterLine, RingLine, SlotLine
from gateway.types import Plan, Request

Line = TypeVar("Line", CounterLine, RingLine, SlotLine)

DAY_SECONDS = 86_400
RING_SECONDS = 120  # how long an end user's counters are kept at least
LONGEST_SECONDS = 3600  # that the lines are remembered
REMEMBERED = 1500  # combinations in one snapshot, of up to 5 kB each


class Applying(NamedTuple):
    """The lines, and what they stand for in the same order: counters, and (who, limits) of each ring and slot.

    `until`: Unix seconds from when on they are to be made anew. `user_end`: until when the end user's counters are wanted, None for good.
    """

    counters: list[Counter]
    counter_lines: list[CounterLine]
    rings: list[tuple[str, Pace]]
    ring_lines: list[RingLine]
    slots: list[tuple[str, int]]
    slot_lines: list[SlotLine]
    until: float
    user_end: int | None

    def user_seconds(self, now: float) -> int:
        """How long the end user's counters are kept; 0 for good."""
        return 0 if self.user_end is None else max(0, int(self.user_end - now)) + DAY_SECONDS + RING_SECONDS


def applying(exchange: Exchange, request: Request, plan: Plan, tier: str, now: float) -> Applying:
    """What applies at `now` (Unix seconds)."""
    labels = request.labels
    is_cheaper = exchange.cheaper is not None
    models = tuple([attempt.model.name for attempt in plan.attempts])
    known_shares = tuple(sorted(shares.known(exchange).items())) if shares.asked(exchange.snapshot) else ()
    name = (exchange.key.id, labels.end_user, tier, plan.task, models, labels.tags, is_cheaper, known_shares)
    remembered = exchange.snapshot.remembered
    known: Applying | None = remembered.get(name)
    if known is not None and now < known.until:
        return known
    if len(remembered) >= REMEMBERED:
        remembered.clear()
    fresh = remembered[name] = _make(exchange, request, plan, tier, now)
    return fresh


def pace_at_refusal(applying: Applying, verdict: list[Any]) -> PaceLeft | None:
    """What is left of the limit per minute that refused; None if another one did."""
    kind, place = verdict[0], verdict[1] if len(verdict) > 1 else 0
    if kind == b"rate":
        pace, used = applying.rings[int(place) - 1][1], int(verdict[4])
        if verdict[2] == b"requests":
            limit = pace.requests_per_minute or 0
            return PaceLeft(limit, max(0, limit - used), 0, 0)
    elif kind == b"held" and int(place) < 0:
        pace, used = applying.rings[-int(place) - 1][1], int(verdict[2]) + int(verdict[3])
    else:
        return None
    limit = pace.tokens_per_minute or 0
    return PaceLeft(0, 0, limit, max(0, limit - used))


def _make(exchange: Exchange, request: Request, plan: Plan, tier: str, now: float) -> Applying:
    same = _shared(exchange)
    counters = _counters(exchange, request, plan, tier, now)
    paces = _paces(exchange, request, tier)
    rings = [item for item in paces if item[2].requests_per_minute or item[2].tokens_per_minute]
    slots = [(who, subject, pace.max_concurrency) for who, subject, pace in paces if pace.max_concurrency]
    ends = [counter.window.end for counter in counters if counter.limit.dimension == limits.END_USER]
    return Applying(
        counters=counters,
        counter_lines=[same(_line(counter, plan, exchange)) for counter in counters],
        rings=[(who, pace) for who, _, pace in rings],
        ring_lines=[
            same(
                RingLine(
                    _hash(subject), rings_of.field(subject), pace.requests_per_minute or 0, pace.tokens_per_minute or 0
                )
            )
            for _, subject, pace in rings
        ],
        slots=[(who, amount) for who, _, amount in slots],
        slot_lines=[same(SlotLine(_hash(subject), f"slot|{subject}", amount)) for _, subject, amount in slots],
        until=_until(counters, now),
        user_end=None if None in ends else max([end for end in ends if end is not None], default=int(now)),
    )


def _shared(exchange: Exchange) -> Callable[[Line], Line]:
    """Gives for a line the one that is as it: they are alike for all end users, and what is settled is remembered with its lines."""
    lines: dict[Any, Any] = exchange.snapshot.remembered.setdefault("lines", {})

    def same(line: Line) -> Line:
        found: Line = lines.setdefault(line, line)
        return found

    return same


def _until(counters: list[Counter], now: float) -> float:
    """When a window ends, or a raise begins or ends."""
    until = now + LONGEST_SECONDS
    for counter in counters:
        if counter.window.end is not None:
            until = min(until, counter.window.end)
        for item in counter.limit.raises:
            until = min([until, *(at for at in (item.starts, item.ends) if at > now)])
    return until


def _hash(subject: str) -> int:
    return USER_HASH if subject.startswith(limits.END_USER) else TENANT_HASH


def _counters(exchange: Exchange, request: Request, plan: Plan, tier: str, now: float) -> list[Counter]:
    snapshot, labels = exchange.snapshot, request.labels
    subjects: dict[str, tuple[str, ...]] = {
        limits.TENANT: ("",),
        limits.KEY: (str(exchange.key.id),),
        limits.END_USER: (labels.end_user,) if labels.end_user else (),
        limits.TIER: (tier,) if labels.end_user else (),
        limits.TASK: (plan.task,) if plan.task else (),
        limits.MODEL: tuple(attempt.model.name for attempt in plan.attempts),
        limits.TAG: labels.tags,
    }
    applying = [*snapshot.limits.limits, *exchange.key.limits]
    if labels.end_user and snapshot.limits.tiers:
        own = snapshot.limits.tiers.get(tier)
        if own is not None and own.limits:
            applying += own.limits
        else:
            applying += _only_counted(snapshot.limits.tiers)
    found = []
    for limit in applying:
        for subject in subjects[limit.dimension]:
            if not limit.subject or limit.subject == subject:
                amount = limit.amount_at(now) if limit.amount >= 0 else UNLIMITED
                found.append(Counter(limit, subject, snapshot.clock.window(limit.window, now), amount))
    return found


def _line(counter: Counter, plan: Plan, exchange: Exchange) -> CounterLine:
    limit = counter.limit
    model = 0
    if limit.dimension == limits.MODEL:
        model = 1 + [attempt.model.name for attempt in plan.attempts].index(counter.subject)
    return CounterLine(
        hash=USER_HASH if limit.dimension == limits.END_USER else TENANT_HASH,
        field=counter.field,
        metric=METRICS[limit.metric],
        amount=counter.amount,
        window_start_ms=counter.window.start * 1000,
        verified_from_ms=int(limit.counted_from * 1000) if limit.counted_from > counter.window.start else 0,
        mark=_mark(counter, exchange) if model < 2 else 0,
        model=model,
    )


def _only_counted(tiers: dict[str, Any]) -> list[Limit]:
    """What other tiers limit is counted for everyone: an end user may be moved to one of them today."""
    for tier in tiers.values():
        if tier.limits:
            limit: Limit = tier.limits[0]
            return [
                Limit("", "", limit.dimension, limit.metric, limit.window, UNLIMITED, counted_from=limit.counted_from)
            ]
    return []


def _mark(counter: Counter, exchange: Exchange) -> int:
    """From which usage on the plan has to change; 0 if it has already, or need not."""
    limit, amount = counter.limit, counter.amount
    share = limit.cached_only_at if exchange.cheaper is not None or limit.cheaper_at is None else limit.cheaper_at
    own = max(1, -(-amount * share // 100)) if share is not None and amount > 0 else 0
    asked = shares.next_mark(exchange, counter)
    return min(own, asked) if own and asked else own or asked


def _paces(exchange: Exchange, request: Request, tier: str) -> list[tuple[str, str, Pace]]:
    """(who, as messages say it; which ring; limits), of everybody who has any."""
    found = []
    key, snapshot = exchange.key, exchange.snapshot
    if key.pace:
        found.append(("this key", f"{limits.KEY}|{key.id}", key.pace))
    if request.labels.end_user and snapshot.limits.tiers:
        own = snapshot.limits.tiers.get(tier)
        if own is not None and own.pace:
            found.append((f"each end user of tier {tier}", f"{limits.END_USER}|", own.pace))
    if snapshot.limits.pace:
        found.append(("the tenant", f"{limits.TENANT}|", snapshot.limits.pace))
    return found
