"""Where an application stands: the budgets that apply to a key, as enforced at this moment, and what the ledger says was used."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Sum

from billing import limits, live_counters, selectors
from billing.limits import Counter, Limit
from billing.models import DailyUsage
from gateway.ledger import hash_of
from gateway.runtime import Runtime
from gateway.types import Key, Snapshot
from tenants import redis_keys
from tenants.tiers import DEFAULT_TIER


class Standing(NamedTuple):
    """One budget of one subject: amounts in requests, tokens or nano-dollars."""

    counter: Counter
    used: int
    held: int


class UsageRow(NamedTuple):
    """Usage of a day or of a subject."""

    label: str
    requests: int
    input_tokens: int
    cache_read_tokens: int
    output_tokens: int
    cost_usd: Decimal


class Falls(NamedTuple):
    """What a request is for, as far as budgets go. `names_all`: budgets that name another task, model or tag count as well."""

    end_user: str = ""
    tasks: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    names_all: bool = False


async def tier_of(snapshot: Snapshot, end_user: str, runtime: Runtime) -> str:
    """The end user's tier, empty without one. Raises `StoreUnavailable`."""
    if not end_user:
        return ""
    kept = await runtime.redis.call("HGET", redis_keys.tiers(snapshot.tenant_id), end_user)
    return kept.decode() if kept else DEFAULT_TIER


async def budgets(snapshot: Snapshot, key: Key, falls: Falls, runtime: Runtime, now: float) -> list[Standing]:
    """The budgets that such a request of this key would be checked against.

    Counters that Redis has not are read from the ledger. Raises `StoreUnavailable`.
    """
    tier = await tier_of(snapshot, falls.end_user, runtime)
    return [await _standing(snapshot, counter, runtime) for counter in _counters(snapshot, key, falls, tier, now)]


def looked_up(snapshot: Snapshot, key: Key, falls: Falls, tier: str, now: float) -> list[Standing]:
    """As `budgets`, for a page to show: read where one may wait. Where Redis is away, what the ledger says is used, and nothing held."""
    counters = list(_counters(snapshot, key, falls, tier, now))
    asked = [
        live_counters.Asked(item.limit.dimension, item.subject, item.limit.metric, item.window) for item in counters
    ]
    try:
        counted = live_counters.counted(snapshot.tenant_id, asked)
    except live_counters.Away:
        counted = [live_counters.Counted(None, 0)] * len(counters)
    return [
        Standing(counter, _of_ledger(snapshot, counter) if seen.used is None else seen.used, seen.held)
        for counter, seen in zip(counters, counted, strict=True)
    ]


def supposed(snapshot: Snapshot, key: Key, falls: Falls, tier: str, now: float, *, percent: int) -> list[Standing]:
    """As `budgets`, if every one of them stood at that share of its amount."""
    counters = _counters(snapshot, key, falls, tier, now)
    return [Standing(counter, -(-counter.amount * percent // 100), 0) for counter in counters]


def _counters(snapshot: Snapshot, key: Key, falls: Falls, tier: str, now: float) -> Iterator[Counter]:
    own = snapshot.limits.tiers.get(tier) if falls.end_user else None
    for limit in (*snapshot.limits.limits, *key.limits, *(own.limits if own else ())):
        for subject in _subjects(limit, key, falls, tier):
            yield Counter(limit, subject, snapshot.clock.window(limit.window, now), limit.amount_at(now))


def _of_ledger(snapshot: Snapshot, counter: Counter) -> int:
    found = selectors.used(
        snapshot.tenant_id, counter.limit.dimension, [counter.subject], counter.window, snapshot.clock.zone
    )
    return found.get(counter.subject, {}).get(counter.limit.metric, 0)


def _subjects(limit: Limit, key: Key, falls: Falls, tier: str) -> Iterable[str]:
    given = {
        limits.TENANT: ("",),
        limits.KEY: (str(key.id),),
        limits.END_USER: (falls.end_user,) if falls.end_user else (),
        limits.TIER: (tier,) if tier else (),
        limits.TASK: falls.tasks,
        limits.MODEL: falls.models,
        limits.TAG: falls.tags,
    }[limit.dimension]
    if falls.names_all and limit.subject and limit.dimension in (limits.TASK, limits.MODEL, limits.TAG):
        return [limit.subject]
    return [subject for subject in given if limit.subject in ("", subject)]


async def _standing(snapshot: Snapshot, counter: Counter, runtime: Runtime) -> Standing:
    tenant_id, limit = snapshot.tenant_id, counter.limit
    owner = counter.subject if limit.dimension == limits.END_USER else ""
    used, held = await runtime.redis.call("HMGET", hash_of(tenant_id, owner), counter.field, f"h{counter.field}")
    if used is None or int(used) < limits.UNKNOWN_BELOW:
        read = partial(
            selectors.used, tenant_id, limit.dimension, [counter.subject], counter.window, snapshot.clock.zone
        )
        ledger = await runtime.threads.once(("used", tenant_id, counter.field, counter.subject), read)
        used = ledger.get(counter.subject, {}).get(limit.metric, 0)
    return Standing(counter, int(used), int(held or 0))


def usage(
    tenant_id: UUID, *, dimension: str, subject: str | None, by_day: bool, first: dt.date, last: dt.date
) -> list[UsageRow]:
    """What was used from `first` to `last` (days of the tenant), by day or by subject; `subject` None: all of the dimension."""
    label = "day" if by_day else "subject"
    rows: Any = DailyUsage.objects.filter(tenant_id=tenant_id, dimension=dimension, day__gte=first, day__lte=last)
    if subject is not None:
        rows = rows.filter(subject=subject)
    sums = {name: Sum(name) for name in UsageRow._fields[1:]}
    return [
        UsageRow(str(row[label]), *(row[f"{name}__sum"] for name in sums))
        for row in rows.values(label)
        .annotate(**{f"{name}__sum": value for name, value in sums.items()})
        .order_by(label)
    ]
