"""Alerts that are not about budgets: something is the matter from one moment to another, and people hear of both.

Whoever watches for it calls `begin` as long as it is the matter, `worsen` once it is worse, and `resolve` once it is over, as often as they
like: there is one alert an episode, and one notice each of its getting worse and of its end. All are atomic, write their deliveries in
the same transaction, and may run anywhere at once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from billing import telling
from billing.models import Alert, Severity
from billing.models.channels import RANK


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
    view: str = "",
) -> Alert | None:
    """Note that it has begun and tell the channels; None if it is known to be the matter already.

    `source` and `subject` say of what (a model, a provider, a channel's id), `name` says it in one line and `text` in a sentence or two;
    `data` is what a webhook gets besides, as JSON; `view` is where people see why, an address within the console.
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
        view=view[:500],
        crossed_at=at,
    )
    with transaction.atomic():
        Alert.objects.bulk_create([row], ignore_conflicts=True)
        if not Alert.objects.filter(pk=row.pk).exists():
            return None
        telling.tell(tenant_id, [row])
    return row


def worsen(
    tenant_id: UUID,
    *,
    kind: str,
    source: str,
    severity: Severity,
    name: str,
    text: str,
    at: dt.datetime,
    subject: str = "",
) -> Alert | None:
    """Note that what is the matter has become as bad as that, and tell the channels; None if nothing is, or it was as bad before."""
    with transaction.atomic():
        row = _locked(tenant_id, kind, source, subject)
        if row is None or RANK[Severity(row.severity)] >= RANK[severity]:
            return None
        row.severity, row.name, row.text, row.worse_at = severity, name[:120], text, at
        row.save(update_fields=["severity", "name", "text", "worse_at"])
        telling.tell_worse(row)
    return row


def resolve(
    tenant_id: UUID,
    *,
    kind: str,
    source: str,
    at: dt.datetime,
    subject: str = "",
    is_told: bool = True,
    because: str = "",
) -> Alert | None:
    """Note that it is over, and tell those who heard of it; None if nothing was the matter. `because`: a sentence that is added to what
    the alert says."""
    with transaction.atomic():
        row = _locked(tenant_id, kind, source, subject)
        if row is None:
            return None
        row.resolved_at, row.text = at, f"{row.text} {because}".strip()
        row.save(update_fields=["resolved_at", "text"] if because else ["resolved_at"])
        if is_told:
            telling.tell_over(row)
    return row


def under_way(tenant_id: UUID, kinds: Collection[str]) -> QuerySet[Alert]:
    """Episodes of these kinds that are not over."""
    return Alert.objects.filter(tenant_id=tenant_id, kind__in=kinds, resolved_at=None)


def _locked(tenant_id: UUID, kind: str, source: str, subject: str) -> Alert | None:
    """The episode that is under way, locked until the transaction ends."""
    rows = Alert.objects.filter(tenant_id=tenant_id, kind=kind, source=source, subject=subject, resolved_at=None)
    return rows.select_for_update().first()
