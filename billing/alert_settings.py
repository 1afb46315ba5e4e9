"""Reading and changing what a tenant is alerted of besides budgets. Who watches for it goes by what `of` says at every look."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from django.db import IntegrityError, transaction

from billing.models import Alert, AlertSettings, Severity
from tenants.models import Tenant

_Kind = Alert.Kind
WATCHED = (
    _Kind.LATENCY,
    _Kind.ERRORS,
    _Kind.HIT_RATE,
    _Kind.QUALITY,
    _Kind.SPEND,
    _Kind.BREAKER,
)  # what may be switched off


@dataclass(frozen=True)
class Values:
    """What people set."""

    off_kinds: tuple[str, ...] = ()
    p95_target_ms: int = 30_000
    task_p95_ms: Mapping[str, int] = field(default_factory=dict)
    error_percent: Decimal = Decimal(5)
    hit_percent: Decimal = Decimal(10)
    quality_points: Decimal = Decimal(5)
    spend_least_usd: Decimal = Decimal(1)
    quiet_from: dt.time | None = None
    quiet_until: dt.time | None = None
    quiet_severity: str = Severity.CRITICAL


def of(tenant_id: UUID) -> AlertSettings:
    """The tenant's settings; one that has set nothing has the defaults."""
    return AlertSettings.objects.filter(tenant_id=tenant_id).first() or AlertSettings(tenant_id=tenant_id)


def change(tenant: Tenant, values: Values) -> AlertSettings:
    """Raises `ValidationError`. Of two people who save at once, the last one's hold."""
    try:
        with transaction.atomic():
            return _write(of(tenant.pk), values)
    except IntegrityError:  # somebody else has made the row at this moment
        return _write(of(tenant.pk), values)


def _write(row: AlertSettings, values: Values) -> AlertSettings:
    for name, value in vars(values).items():
        setattr(row, name, value)
    row.off_kinds, row.task_p95_ms = sorted(values.off_kinds), dict(values.task_p95_ms)
    row.full_clean(exclude=["tenant"], validate_constraints=False)
    row.save()
    return row
