"""Three budgets for a tenant that has none of its own: amounts from what it has used so far, from its plan, or such as to begin with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Max, Sum
from django.utils.translation import gettext as _

from billing import limits, sentences
from billing.budgets import Values
from billing.models import Budget, DailyUsage, Subscription
from tenants.models import Tenant

DAYS = 30
ROOM = Decimal("1.5")  # of what was used most
NICE = (1, 2, 5)
MOST_MADE = 2  # of the three


@dataclass(frozen=True)
class Proposal:
    """`why` says where the amount is from."""

    slug: str
    values: Values
    says: str
    why: str


def of(tenant: Tenant, now: dt.datetime) -> list[Proposal]:
    today = now.astimezone(ZoneInfo(tenant.timezone)).date()
    return [_month(tenant, today), _each_end_user(tenant, today), _each_key(tenant, today)]


def left(tenant: Tenant, names: Collection[str], now: dt.datetime) -> list[Proposal]:
    """Those not made yet, for a tenant whose budgets have these names. None once it has any of its own."""
    if len(names) > MOST_MADE:
        return []
    offered = of(tenant, now)
    if set(names) - {proposal.values.name for proposal in offered}:
        return []
    return [proposal for proposal in offered if proposal.values.name not in names]


def find(tenant: Tenant, slug: str, now: dt.datetime) -> Proposal | None:
    return next((proposal for proposal in of(tenant, now) if proposal.slug == slug), None)


def _month(tenant: Tenant, today: dt.date) -> Proposal:
    """Tells early, and stops a month that runs away."""
    used = _recent(tenant, today, limits.TENANT).aggregate(most=Sum("cost_usd"))["most"]
    plan = Subscription.objects.filter(tenant=tenant, ended_at=None).select_related("plan").first()
    promised = plan.plan.usd_per_month if plan is not None else None
    if used:
        amount, why = nice(used * ROOM), _("One and a half times the last 30 days.")
        if promised is not None:
            amount = min(amount, promised)
    elif promised:
        amount, why = nice(promised / 2), _("Half of what your plan allows in a month.")
    else:
        amount, why = Decimal(50), _("Something to begin with: change it as you like.")
    return _proposal("month", Values(amount=amount, thresholds=(50, 80, 95)), why)


def _each_end_user(tenant: Tenant, today: dt.date) -> Proposal:
    rows = _recent(tenant, today, limits.END_USER).annotate(tokens=Sum("input_tokens") + Sum("output_tokens"))
    most = rows.aggregate(most=Max("tokens"))["most"]
    amount = nice(Decimal(most) * 2) if most else Decimal(200_000)
    why = (
        _("Twice the busiest day of one end user.") if most else _("So that no single user uses up everybody's budget.")
    )
    values = Values(
        amount=max(amount, Decimal(1000)),
        scope=Budget.Scope.END_USER,
        metric=Budget.Metric.TOKENS,
        window=Budget.Window.DAY,
        thresholds=(),
    )
    return _proposal("end-user", values, why)


def _each_key(tenant: Tenant, today: dt.date) -> Proposal:
    most = _recent(tenant, today, limits.KEY).aggregate(most=Max("cost_usd"))["most"]
    amount = nice(most * 2) if most else Decimal(10)
    why = _("Twice the dearest day of one key.") if most else _("A key that leaks or loops stops there.")
    values = Values(amount=amount, scope=Budget.Scope.KEY, window=Budget.Window.DAY, thresholds=(80,))
    return _proposal("key", values, why)


def _recent(tenant: Tenant, today: dt.date, dimension: str) -> Any:
    since = today - dt.timedelta(days=DAYS)
    return DailyUsage.objects.filter(tenant=tenant, dimension=dimension, day__gte=since)


def _proposal(slug: str, values: Values, why: str) -> Proposal:
    row = Budget(scope=values.scope, metric=values.metric, window=values.window, amount=values.amount)
    return Proposal(slug, replace(values, name=sentences.short(row)), sentences.blocking(row), why)


def nice(amount: Decimal) -> Decimal:
    """The next of 1, 2, 5, 10, 20 … that is not below it, from a cent on."""
    step = Decimal(1).scaleb(max(amount.adjusted(), -2))
    for factor in (*NICE, 10):
        if amount <= factor * step:
            return Decimal(f"{factor * step:f}").normalize() + 0
    return amount
