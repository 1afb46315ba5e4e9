"""What is judged, by whom, by what rubric and for how much: written for people, read for snapshots and for those who judge.

Judges' budgets are limits of the tenant's like any other, on the tag that each judge's request bears: so they are hard, counted in the
reservation, in the ledger, and there again after Redis has lost them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from billing import limits, selectors, windows
from billing.limits import Limit, Limits
from gateway.models import JudgeBudget, JudgePolicy, MeasuredQuality
from gateway.quality import judge
from gateway.types import Measured
from tenants.models import Tenant

SOURCE = "judge"  # of the limits


def of(tenant: Tenant, task: str) -> JudgePolicy:
    """The task's policy; a new one, which is not saved and judges nothing, if it has none."""
    found = JudgePolicy.objects.filter(tenant=tenant, task=task).first()
    return found or JudgePolicy(tenant=tenant, task=task, is_active=False)


def budget(tenant: Tenant) -> JudgeBudget:
    """The tenant's; a new one, which is not saved, if it has none."""
    return JudgeBudget.objects.filter(tenant=tenant).first() or JudgeBudget(tenant=tenant)


def used_usd(tenant: Tenant, window: str, now: dt.datetime) -> Decimal:
    """By judges in the present `day` or `month`, as far as the ledger has it."""
    zone = ZoneInfo(tenant.timezone)
    present = windows.window(window, now.timestamp(), zone)
    used = selectors.used(tenant.pk, limits.TAG, [judge.TAG], present, zone).get(judge.TAG, {})
    return Decimal(used.get(limits.USD, 0)) / limits.NANO_PER_USD


def save(row: JudgePolicy | JudgeBudget) -> None:
    """In force on the next request. Raises `ValidationError` by field."""
    row.full_clean()
    row.save()


def shares(tenant_id: UUID) -> dict[str, float]:
    """The shares of answers to judge, by task."""
    rows = JudgePolicy.objects.filter(tenant_id=tenant_id, is_active=True, share_percent__gt=0)
    return {row.task: float(row.share_percent) / 100 for row in rows}


def measured(tenant_id: UUID) -> dict[str, dict[str, Measured]]:
    """What is known of the quality of models, by task and model."""
    found: dict[str, dict[str, Measured]] = {}
    for row in MeasuredQuality.objects.filter(tenant_id=tenant_id):
        found.setdefault(row.task, {})[row.model] = Measured(row.quality, row.answers, row.source)
    return found


def with_budget(of_tenant: Limits, tenant_id: UUID) -> Limits:
    """The tenant's limits, and those of its judges if it has any."""
    if not JudgePolicy.objects.filter(tenant_id=tenant_id).exists():
        return of_tenant
    row = JudgeBudget.objects.filter(tenant_id=tenant_id).first()
    return msgspec.structs.replace(of_tenant, limits=(*of_tenant.limits, *_limits(row)))


def _limits(row: JudgeBudget | None) -> Iterable[Limit]:
    amounts = row or JudgeBudget()
    for window, usd in (("day", amounts.usd_per_day), ("month", amounts.usd_per_month)):
        yield Limit(
            source=f"{SOURCE}:{window}",
            name=f"judges, a {window}",
            dimension=limits.TAG,
            metric=limits.USD,
            window=window,
            amount=int(usd * limits.NANO_PER_USD),
            subject=judge.TAG,
            thresholds=(),
            counted_from=row.changed_at.timestamp() if row is not None else 0.0,
        )
