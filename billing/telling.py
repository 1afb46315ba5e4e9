"""Whom an alert is told to: one delivery in the outbox for each channel that wants it. Sending is `billing.deliveries`'s.

A channel that is switched off, and an e-mail address that nobody has confirmed, are told nothing. What a budget alerts of goes to the
channels it names (all, if it names none) whose own threshold it reaches; any other alert goes to the channels whose severity it
reaches. That something is over is told to those who were told of it.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db.models import Q, QuerySet

from billing.models import Alert, AlertChannel, AlertDelivery, Budget, Severity
from billing.models.channels import RANK

Kind, Notice = Alert.Kind, AlertDelivery.Notice


def listening(tenant_id: UUID) -> QuerySet[AlertChannel]:
    """The channels that can be told something at all."""
    is_unconfirmed = Q(kind=AlertChannel.Kind.EMAIL, confirmed_at=None)
    return AlertChannel.objects.filter(~is_unconfirmed, tenant_id=tenant_id, is_active=True).defer(
        "secret", "former_secret"
    )


def tell(tenant_id: UUID, alerts: Collection[Alert]) -> int:
    """Put new alerts into the outbox, in the caller's transaction; returns how many deliveries that is."""
    channels = list(listening(tenant_id)) if alerts else []
    if not channels:
        return 0
    named = _named(tenant_id, {alert.budget_id for alert in alerts if alert.budget_id})
    made = AlertDelivery.objects.bulk_create(
        AlertDelivery(tenant_id=tenant_id, alert=alert, channel=channel)
        for alert in alerts
        for channel in channels
        if _wants(channel, alert, named)
    )
    return len(made)


def tell_over(alert: Alert) -> int:
    """Tell those who were told of it that it is over. Idempotent."""
    told = AlertDelivery.objects.filter(alert=alert, notice=Notice.RAISED).values("channel")
    made = AlertDelivery.objects.bulk_create(
        (
            AlertDelivery(tenant_id=alert.tenant_id, alert=alert, channel=channel, notice=Notice.RESOLVED)
            for channel in listening(alert.tenant_id).filter(pk__in=told)
        ),
        ignore_conflicts=True,
    )
    return len(made)


def _named(tenant_id: UUID, budget_ids: set[UUID]) -> dict[UUID, set[UUID]]:
    """Budget → the channels it names, of those that name any."""
    rows = Budget.objects.filter(tenant_id=tenant_id, pk__in=budget_ids, channel_ids__isnull=False)
    return {pk: set(channel_ids or ()) for pk, channel_ids in rows.values_list("pk", "channel_ids")}


def _wants(channel: AlertChannel, alert: Alert, named: dict[UUID, set[UUID]]) -> bool:
    if alert.kind != Kind.BUDGET:
        return RANK[Severity(channel.minimum_severity)] <= RANK[Severity(alert.severity)]
    is_named = alert.budget_id not in named or channel.pk in named[alert.budget_id]
    return is_named and channel.minimum_threshold <= (alert.threshold or 0)
