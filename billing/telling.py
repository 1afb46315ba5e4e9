"""Whom an alert is told to: one delivery in the outbox for each channel that wants it. Sending is `billing.deliveries`'s.

A channel that is switched off, and an e-mail address that nobody has confirmed, are told nothing. What a budget alerts of goes to the
channels it names (all, if it names none) whose own threshold it reaches; any other alert goes to the channels whose severity it
reaches; and none to a channel that does not want its kind. That something is over is told to those who were told of it.

In the tenant's quiet hours a delivery is written all the same, and is due when they end.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.utils import timezone

from billing import alert_settings, quiet_hours
from billing.models import Alert, AlertChannel, AlertDelivery, Budget, Severity
from billing.models.channels import RANK
from tenants.models import Tenant

Kind, Notice, Status = Alert.Kind, AlertDelivery.Notice, AlertDelivery.Status


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
    due = _due(tenant_id, {Severity(alert.severity) for alert in alerts})
    made = AlertDelivery.objects.bulk_create(
        AlertDelivery(tenant_id=tenant_id, alert=alert, channel=channel, next_attempt_at=due[Severity(alert.severity)])
        for alert in alerts
        for channel in channels
        if _wants(channel, alert, named)
    )
    return len(made)


def tell_worse(alert: Alert) -> int:
    """Tell that an episode has become worse, as its row says by now. Idempotent.

    Whoever waits to be told that it began (quiet hours may have kept it) is told that at once, in the new words, if they are not to wait
    for these as well; whoever did not want to know it before, and does now, is told that it began.
    """
    due = _due(alert.tenant_id, {Severity(alert.severity)})[Severity(alert.severity)]
    begun = AlertDelivery.objects.filter(alert=alert, notice=Notice.RAISED)
    unsent = begun.filter(status=Status.WAITING, attempts=0)
    unsent.filter(next_attempt_at__gt=due).update(next_attempt_at=due)
    told = set(begun.values_list("channel", flat=True)), set(unsent.values_list("channel", flat=True))
    made = [
        AlertDelivery(
            tenant_id=alert.tenant_id,
            alert=alert,
            channel=channel,
            notice=Notice.WORSE if channel.pk in told[0] else Notice.RAISED,
            next_attempt_at=due,
        )
        for channel in listening(alert.tenant_id)
        if channel.pk not in told[1] and _wants(channel, alert, {})
    ]
    return len(AlertDelivery.objects.bulk_create(made, ignore_conflicts=True))


def tell_over(alert: Alert) -> int:
    """Tell those who were told of it that it is over. Idempotent."""
    told = AlertDelivery.objects.filter(alert=alert, notice=Notice.RAISED).values("channel")
    due = _due(alert.tenant_id, {Severity(alert.severity)})[Severity(alert.severity)]
    made = AlertDelivery.objects.bulk_create(
        (
            AlertDelivery(
                tenant_id=alert.tenant_id, alert=alert, channel=channel, notice=Notice.RESOLVED, next_attempt_at=due
            )
            for channel in listening(alert.tenant_id).filter(pk__in=told)
        ),
        ignore_conflicts=True,
    )
    return len(made)


def _due(tenant_id: UUID, severities: Collection[Severity]) -> dict[Severity, dt.datetime]:
    """From when on what is that bad may be sent: now, or when the quiet hours end."""
    now, settings = timezone.now(), alert_settings.of(tenant_id)
    if settings.quiet_from is None:
        return dict.fromkeys(severities, now)
    zone = ZoneInfo(Tenant.objects.values_list("timezone", flat=True).get(pk=tenant_id))
    return {severity: quiet_hours.ends(settings, zone, severity, now) or now for severity in severities}


def _named(tenant_id: UUID, budget_ids: set[UUID]) -> dict[UUID, set[UUID]]:
    """Budget → the channels it names, of those that name any."""
    rows = Budget.objects.filter(tenant_id=tenant_id, pk__in=budget_ids, channel_ids__isnull=False)
    return {pk: set(channel_ids or ()) for pk, channel_ids in rows.values_list("pk", "channel_ids")}


def _wants(channel: AlertChannel, alert: Alert, named: dict[UUID, set[UUID]]) -> bool:
    if alert.kind in channel.muted_kinds:
        return False
    if alert.kind != Kind.BUDGET:
        return RANK[Severity(channel.minimum_severity)] <= RANK[Severity(alert.severity)]
    is_named = alert.budget_id not in named or channel.pk in named[alert.budget_id]
    return is_named and channel.minimum_threshold <= (alert.threshold or 0)
