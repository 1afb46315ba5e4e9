"""What billing reads from PostgreSQL: a tenant's limits, and what was used according to the ledger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from billing import limits
from billing.limits import Allowance, Limit, Limits, Pace, Raise, Tier
from billing.models import Budget, Plan, Subscription
from billing.windows import Window


def limits_of(tenant_id: UUID) -> Limits:
    """The limits in force: the open subscription's plan, and the tenant's active budgets."""
    budgets = Budget.objects.filter(tenant_id=tenant_id, is_active=True).prefetch_related("raises")
    return limits_of_plan(tenant_id, tuple(limit_of(row) for row in budgets.order_by("name")))


def limits_of_plan(tenant_id: UUID, own: tuple[Limit, ...] = ()) -> Limits:
    """Those of the open subscription's plan, with those that are given."""
    now = timezone.now()
    subscription = (
        Subscription.objects.filter(Q(ended_at=None) | Q(ended_at__gt=now), tenant_id=tenant_id, started_at__lte=now)
        .select_related("plan")
        .prefetch_related("plan__tiers")
        .order_by("-started_at")
        .first()
    )
    if subscription is None:
        return Limits(limits=own)
    plan: Any = subscription.plan
    return Limits(
        max_input_tokens=plan.max_input_tokens,
        max_output_tokens=plan.max_output_tokens,
        max_request_nanousd=nanousd(plan.max_request_usd),
        pace=Pace(plan.requests_per_minute, plan.tokens_per_minute, plan.max_concurrency),
        tiers={tier.tier: _tier(tier, max(tier.changed_at, subscription.changed_at)) for tier in plan.tiers.all()},
        limits=(*_of_plan(plan, max(plan.changed_at, subscription.changed_at).timestamp()), *own),
        allowance=Allowance(plan.allowance_requests, nanousd(plan.allowance_usd) or 0)
        if plan.when_store_is_down == Plan.StoreDown.ALLOWANCE
        else None,
    )


def next_change(tenant_id: UUID) -> dt.datetime | None:
    """When a subscription of the tenant begins or ends next: its limits are others from then on, though nobody edits them."""
    now = timezone.now()
    times = Subscription.objects.filter(tenant_id=tenant_id).values_list("started_at", "ended_at")
    return min((at for pair in times for at in pair if at is not None and at > now), default=None)


def _of_plan(plan: Any, counted_from: float) -> list[Limit]:
    found = []
    for metric, amount in ((limits.TOKENS, plan.tokens_per_month), (limits.USD, nanousd(plan.usd_per_month))):
        if amount is not None:
            found.append(
                Limit(
                    source=f"plan:{metric}_per_month",
                    name=f"plan {plan.name}, {_UNITS[metric]} per month",
                    dimension=limits.TENANT,
                    metric=metric,
                    window="month",
                    amount=amount,
                    counted_from=counted_from,
                )
            )
    return found


_UNITS = {limits.TOKENS: "tokens", limits.USD: "USD"}


def _tier(row: Any, changed_at: dt.datetime) -> Tier:
    found: tuple[Limit, ...] = ()
    if row.tokens_per_day is not None:
        limit = Limit(
            source=f"tier:{row.tier}:tokens_per_day"[:60],
            name=f"tier {row.tier}, tokens per day",
            dimension=limits.END_USER,
            metric=limits.TOKENS,
            window="day",
            amount=row.tokens_per_day,
            thresholds=(),
            counted_from=changed_at.timestamp(),
        )
        found = (limit,)
    return Tier(Pace(row.requests_per_minute, row.tokens_per_minute, row.max_concurrency), found)


def of_key(
    *, key_id: UUID, tokens_per_month: int | None, usd_per_month: Decimal | None, changed_at: dt.datetime
) -> tuple[Limit, ...]:
    """The budgets that an API key has of its own."""
    return tuple(
        Limit(
            source=f"key:{metric}_per_month",
            name=f"this key's {_UNITS[metric]} per month",
            dimension=limits.KEY,
            metric=metric,
            window="month",
            amount=amount,
            subject=str(key_id),
            counted_from=changed_at.timestamp(),
        )
        for metric, amount in ((limits.TOKENS, tokens_per_month), (limits.USD, nanousd(usd_per_month)))
        if amount is not None
    )


def limit_of(row: Budget) -> Limit:
    """A budget as it is enforced."""
    scale = limits.NANO_PER_USD if row.metric == Budget.Metric.USD else 1
    return Limit(
        source=str(row.id),
        name=row.name,
        dimension=row.scope,
        metric=row.metric,
        window=row.window,
        amount=int(row.amount * scale),
        subject=row.counted_subject,
        raises=tuple(
            Raise(item.starts_at.timestamp(), item.ends_at.timestamp(), int(item.amount * scale))
            for item in row.raises.all()
        ),
        thresholds=tuple(sorted(row.thresholds)),
        cheaper_at=row.cheaper_at,
        cheaper_model=row.cheaper_model,
        cached_only_at=row.cached_only_at,
        counted_from=row.changed_at.timestamp(),
    )


def nanousd(usd: Decimal | None) -> int | None:
    """USD as nano-dollars."""
    return None if usd is None else int(usd * limits.NANO_PER_USD)


_LEDGER_FILTERS = {
    limits.TENANT: "%s IS NOT NULL",
    limits.KEY: "api_key_id = ANY(%s::uuid[])",
    limits.END_USER: "end_user = ANY(%s)",
    limits.TIER: "tier = ANY(%s) AND end_user <> ''",
    limits.TASK: "task = ANY(%s)",
    limits.MODEL: "model_served = ANY(%s)",
    limits.TAG: "tag = ANY(%s)",
}
LEDGER_SUBJECTS = {
    limits.TENANT: "''",
    limits.KEY: "api_key_id::text",
    limits.END_USER: "end_user",
    limits.TIER: "tier",
    limits.TASK: "task",
    limits.MODEL: "model_served",
    limits.TAG: "tag",
}


def counted_requests(dimension: str) -> str:
    """SQL: how many requests rows of the log are. A request may call several models, and a model several times."""
    return f"count(*) FILTER (WHERE {'opens_model AND attempt > 0' if dimension == limits.MODEL else 'attempt = 1'})"


def used(
    tenant_id: UUID, dimension: str, subjects: Iterable[str], window: Window, zone: dt.tzinfo
) -> dict[str, dict[str, int]]:
    """What the ledger says was used: subject → metric → requests, tokens, nano-dollars. Subjects that used nothing are left out.

    Days and longer come from the daily sums; minutes and hours from the request log itself.
    """
    wanted = list(subjects)
    if window.kind in ("minute", "hour"):
        sql, args = _from_log(tenant_id, dimension, wanted, window)
    else:
        sql, args = _from_days(tenant_id, dimension, wanted, window, zone)
    with connection.cursor() as cursor:
        cursor.execute(sql, args)
        return {
            subject: {
                limits.REQUESTS: int(requests),
                limits.TOKENS: int(tokens),
                limits.USD: int(cost * limits.NANO_PER_USD),
            }
            for subject, requests, tokens, cost in cursor.fetchall()
        }


def _from_days(
    tenant_id: UUID, dimension: str, subjects: list[str], window: Window, zone: dt.tzinfo
) -> tuple[str, list[Any]]:
    sql = (
        "SELECT subject, sum(requests), sum(input_tokens + output_tokens), sum(cost_usd) FROM billing_dailyusage "
        "WHERE tenant_id = %s AND dimension = %s AND subject = ANY(%s)"
    )
    args: list[Any] = [tenant_id, dimension, subjects]
    if window.end is not None:
        sql += " AND day >= %s AND day < %s"
        args += [dt.datetime.fromtimestamp(at, zone).date() for at in (window.start, window.end)]
    return sql + " GROUP BY subject", args


def _from_log(tenant_id: UUID, dimension: str, subjects: list[str], window: Window) -> tuple[str, list[Any]]:
    assert window.end is not None
    source = "gateway_requestlog, unnest(tags) AS tag" if dimension == limits.TAG else "gateway_requestlog"
    sql = (
        f"SELECT {LEDGER_SUBJECTS[dimension]} AS subject, {counted_requests(dimension)}, "  # noqa: S608
        f"sum(input_tokens + output_tokens), sum(cost_usd) FROM {source} "
        f"WHERE tenant_id = %s AND accepted_at >= %s AND accepted_at < %s AND {_LEDGER_FILTERS[dimension]} GROUP BY 1"
    )
    times = [dt.datetime.fromtimestamp(at, dt.UTC) for at in (window.start, window.end)]
    return sql, [tenant_id, *times, subjects]


def used_by_slot(
    tenant_id: UUID, dimension: str, subject: str, *, since: int, slot_seconds: int
) -> list[tuple[int, int, int]]:
    """(slot, requests, tokens) of one subject in the request log from `since` on; a slot is Unix seconds / `slot_seconds`."""
    source = "gateway_requestlog, unnest(tags) AS tag" if dimension == limits.TAG else "gateway_requestlog"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT floor(extract(epoch FROM accepted_at) / %s)::bigint, {counted_requests(dimension)}, "  # noqa: S608
            f"sum(input_tokens + output_tokens) FROM {source} WHERE tenant_id = %s AND accepted_at >= %s "
            f"AND {_LEDGER_FILTERS[dimension]} GROUP BY 1",
            [slot_seconds, tenant_id, dt.datetime.fromtimestamp(since, dt.UTC), [subject]],
        )
        return [(int(slot), int(requests), int(tokens)) for slot, requests, tokens in cursor.fetchall()]
