"""What tests of alerts put into the ledger, as the drain does, and how they read what came of it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from billing import alerts
from billing.models import Alert, AlertChannel, AlertDelivery, Budget
from tenants.models import Tenant

VIENNA = ZoneInfo("Europe/Vienna")
NOW = dt.datetime(2026, 11, 23, 17, 30, 12, 345678, tzinfo=dt.UTC)
TENANT = ("tenant", "")


def forget_all() -> None:
    """Nobody to tell and nothing told, whatever the cast brings along."""
    AlertChannel.objects.all().delete()
    Alert.objects.all().delete()


def budget(tenant: Tenant, amount: Any = 50, name: str = "Support bot", **fields: Any) -> Budget:
    """A budget that has been as it is for an hour."""
    row = Budget(tenant=tenant, name=name, amount=amount, **fields)
    row.full_clean(exclude=["tenant"])
    row.save()
    Budget.objects.filter(id=row.id).update(changed_at=NOW - dt.timedelta(hours=1))
    row.refresh_from_db()
    return row


def use(
    tenant: Tenant,
    *pairs: tuple[str, str],
    usd: str = "0",
    tokens: int = 0,
    requests: int = 1,
    at: dt.datetime = NOW,
) -> None:
    """Add to the daily sums of the (dimension, subject) pairs; by default the whole tenant's."""
    rows = [
        (tenant.id, at.astimezone(ZoneInfo(tenant.timezone)).date(), dimension, subject, requests, tokens, 0, 0, usd)
        for dimension, subject in pairs or [TENANT]
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO billing_dailyusage AS d (tenant_id, day, dimension, subject, requests, input_tokens, cache_read_tokens, "
            "output_tokens, cost_usd) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (tenant_id, day, dimension, subject) "
            "DO UPDATE SET requests = d.requests + EXCLUDED.requests, input_tokens = d.input_tokens + EXCLUDED.input_tokens, "
            "cost_usd = d.cost_usd + EXCLUDED.cost_usd",
            rows,
        )


def spend(tenant: Tenant, *pairs: tuple[str, str], at: dt.datetime = NOW, **amounts: Any) -> int:
    """Add to the ledger and note what that crosses, as one batch of the drain does; returns how many alerts are new."""
    use(tenant, *pairs, at=at, **amounts)
    return alerts.note_crossings(tenant.id, touched=set(pairs or [TENANT]), at=[at])


def channel(tenant: Tenant, name: str = "Ops", **fields: Any) -> AlertChannel:
    values = {"kind": "email", "target": "ops@acme.example", "confirmed_at": NOW, **fields}
    return AlertChannel.objects.create(tenant=tenant, name=name, **values)


def noted(tenant: Tenant) -> list[tuple[str, str, int, Decimal]]:
    """(name, subject, threshold, amount) of every alert."""
    rows = Alert.objects.filter(tenant=tenant).order_by("name", "subject", "window_start", "amount", "threshold")
    return list(rows.values_list("name", "subject", "threshold", "amount"))


def told(tenant: Tenant) -> list[tuple[str, int | None]]:
    """(channel, threshold) of every delivery."""
    rows = AlertDelivery.objects.filter(tenant=tenant).order_by("channel__name", "alert__threshold")
    return list(rows.values_list("channel__name", "alert__threshold"))
