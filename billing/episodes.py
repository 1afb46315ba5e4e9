"""Alerts that are not about budgets: something is the matter from one moment to another, and people hear of both.

Whoever watches for it calls `begin` as long as it is the matter and `resolve` once it is not, as often as they like: there is one alert an
episode, and one notice of its end. Both are atomic, write their deliveries in the same transaction, and may run anywhere at once.
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.db import transaction

from billing import telling
from billing.models import Alert, Severity


def begin(
    tenant_id: UUID,
    *,
    kind: str,
    source: str,
    severity: Severity,
    name: str,
    text: str,
    at: dt.datetime,
    subject: str = "",
    data: dict[str, Any] | None = None,
) -> Alert | None:
    """Note that it has begun and tell the channels; None if it is known to be the matter already.

    `source` and `subject` say of what (a model, a provider, a channel's id), `name` says it in one line and `text` in a sentence or two;
    `data` is what a webhook gets besides, as JSON.
    """
    row = Alert(
        tenant_id=tenant_id,
        kind=kind,
        severity=severity,
        source=source,
        subject=subject,
        name=name[:120],
        text=text,
        data=data or {},
        crossed_at=at,
    )
    with transaction.atomic():
        Alert.objects.bulk_create([row], ignore_conflicts=True)
        if not Alert.objects.filter(pk=row.pk).exists():
            return None
        telling.tell(tenant_id, [row])
    return row


def resolve(
    tenant_id: UUID, *, kind: str, source: str, at: dt.datetime, subject: str = "", is_told: bool = True
) -> Alert | None:
    """Note that it is over, and tell those who heard of it; None if nothing was the matter."""
    with transaction.atomic():
        open_ones = Alert.objects.filter(
            tenant_id=tenant_id, kind=kind, source=source, subject=subject, resolved_at=None
        )
        row = open_ones.select_for_update().first()
        if row is None:
            return None
        row.resolved_at = at
        row.save(update_fields=["resolved_at"])
        if is_told:
            telling.tell_over(row)
    return row
