"""Makes room in a tenant's limits for a history that would have used them up, so that the demonstration can still be called."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from django.db import transaction

from billing import selectors, standing, windows
from billing.limits import TOKENS, USD
from billing.models import Budget, Plan, Subscription
from tenants.models import Tenant

FULL_PERCENT = 70
ROOMIEST = "enterprise"


def make(tenant: Tenant, now: dt.datetime) -> list[str]:
    """Raise budgets that are nearly used, and move to the roomiest plan if its own is; returns what was done, for people to read."""
    with transaction.atomic():
        return [*_raise_budgets(tenant, now), *_move_to_roomy_plan(tenant, now)]


def _raise_budgets(tenant: Tenant, now: dt.datetime) -> list[str]:
    done = []
    budgets = {budget.id: budget for budget in Budget.objects.filter(tenant=tenant, is_active=True)}
    for budget_id, found in standing.standing(budgets.values(), now).items():
        most = max((use.used for use in found.uses or ()), default=Decimal(0))
        if most * 100 < found.amount * FULL_PERCENT:
            continue
        span = found.window
        passed = 1.0 if span.end is None else (now.timestamp() - span.start) / (span.end - span.start)
        budget = budgets[budget_id]
        budget.amount = _round_up(most / Decimal(max(passed, 0.05)) * Decimal("1.2"))
        budget.save()
        done.append(f"budget “{budget.name}” raised to {budget.amount:f}")
    return done


def _round_up(amount: Decimal) -> Decimal:
    """To two digits."""
    digits = Decimal(1).scaleb(amount.adjusted() - 1)
    return (amount / digits).to_integral_value(rounding="ROUND_CEILING") * digits


def _move_to_roomy_plan(tenant: Tenant, now: dt.datetime) -> list[str]:
    open_one = Subscription.objects.filter(tenant=tenant, ended_at=None).select_related("plan").first()
    roomy = Plan.objects.filter(slug=ROOMIEST).first()
    if open_one is None or roomy is None or open_one.plan_id == roomy.id:
        return []
    clock = windows.Clock(tenant.timezone)
    used = selectors.used(tenant.id, "tenant", [""], clock.window("month", now.timestamp()), clock.zone).get("", {})
    plan = open_one.plan
    is_full = any(
        limit is not None and used.get(metric, 0) * 100 >= limit * FULL_PERCENT
        for metric, limit in ((TOKENS, plan.tokens_per_month), (USD, selectors.nanousd(plan.usd_per_month)))
    )
    if not is_full:
        return []
    open_one.ended_at = now
    open_one.save()
    Subscription.objects.create(tenant=tenant, plan=roomy, started_at=now)
    return [f"plan “{plan.name}” changed to “{roomy.name}”"]
