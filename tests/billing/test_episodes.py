"""Alerts that are not about budgets, and whom alerts of any kind are told to."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core import mail

from billing import alert_messages, deliveries, episodes
from billing.models import Alert, AlertDelivery, Budget, Severity
from tenants.models import Tenant
from tests.billing.alert_ledger import NOW, channel, spend, told
from tests.cast import Cast

pytestmark = pytest.mark.django_db
LATER = NOW + dt.timedelta(minutes=5)


def begin(tenant: Tenant, **fields: Any) -> Alert | None:
    values: dict[str, Any] = {
        "kind": "channel", "source": "hook", "severity": Severity.WARNING, "name": "Something is the matter",
        "text": "The hook does not answer.", "at": NOW, "data": {"calls": 3},
    }  # fmt: skip
    return episodes.begin(tenant.pk, **{**values, **fields})


def test_there_is_one_alert_an_episode_and_another_after_its_end(acme: Tenant):
    channel(acme)
    first = begin(acme)
    assert first is not None
    assert begin(acme, at=LATER) is None
    assert (Alert.objects.count(), AlertDelivery.objects.count()) == (1, 1)
    over = episodes.resolve(acme.pk, kind="channel", source="hook", at=LATER)
    assert (over.pk, over.resolved_at) == (first.pk, LATER)  # type: ignore[union-attr]
    assert episodes.resolve(acme.pk, kind="channel", source="hook", at=LATER) is None
    assert begin(acme, at=LATER) is not None
    assert Alert.objects.count() == 2


def test_episodes_of_other_things_and_tenants_are_others(cast: Cast, acme: Tenant):
    assert begin(acme)
    assert begin(acme, subject="another")
    assert begin(acme, source="other")
    assert begin(cast.globex.tenant)
    assert episodes.resolve(cast.globex.tenant.pk, kind="channel", source="hook", at=LATER)
    assert Alert.objects.filter(tenant=acme, resolved_at=None).count() == 3


def test_who_was_told_that_it_began_is_told_that_it_is_over(acme: Tenant):
    channel(acme, "Before")
    begin(acme)
    channel(acme, "After")
    episodes.resolve(acme.pk, kind="channel", source="hook", at=LATER)
    assert list(AlertDelivery.objects.order_by("notice").values_list("channel__name", "notice")) == [
        ("Before", "raised"),
        ("Before", "resolved"),
    ]
    deliveries.run()
    assert [sent.subject for sent in mail.outbox] == [
        "Acme: Something is the matter",
        "Over: Acme: Something is the matter",
    ]
    assert "Acme: The hook does not answer." in mail.outbox[0].body
    assert "Over: Acme: The hook does not answer." in mail.outbox[1].body


def test_an_end_can_be_noted_without_telling(acme: Tenant):
    channel(acme)
    begin(acme)
    episodes.resolve(acme.pk, kind="channel", source="hook", at=LATER, is_told=False)
    assert list(AlertDelivery.objects.values_list("notice", flat=True)) == ["raised"]


def test_a_channel_hears_of_what_is_as_bad_as_it_asks_for(acme: Tenant):
    for severity in Severity:
        channel(acme, str(severity.label), minimum_severity=severity)
    for severity in Severity:
        begin(acme, source=severity.value, severity=severity)
    assert sorted(AlertDelivery.objects.values_list("alert__source", "channel__name")) == [
        ("critical", "Critical"), ("critical", "Information"), ("critical", "Warning"),
        ("info", "Information"),
        ("warning", "Information"), ("warning", "Warning"),
    ]  # fmt: skip


def test_as_data_it_says_what_it_is_about(acme: Tenant):
    row = begin(acme)
    assert row is not None
    found = alert_messages.with_key_names(Alert.objects.select_related("tenant")).get(pk=row.pk)
    message = alert_messages.of(found, row.pk, AlertDelivery.Notice.RAISED)
    assert (message.event, message.at) == ("alert.raised", NOW)
    assert message.data == {
        "alert_id": str(row.pk),
        "tenant": {"id": str(acme.pk), "slug": acme.slug, "name": "Acme"},
        "kind": "channel",
        "severity": "warning",
        "source": "hook",
        "subject": "",
        "name": "Something is the matter",
        "text": "The hook does not answer.",
        "began_at": "2026-11-23T17:30:12.345678+00:00",
        "worse_at": None,
        "resolved_at": None,
        "view": None,
        "details": {"calls": 3},
    }
    episodes.resolve(acme.pk, kind="channel", source="hook", at=LATER)
    found = alert_messages.with_key_names(Alert.objects.select_related("tenant")).get(pk=row.pk)
    message = alert_messages.of(found, row.pk, AlertDelivery.Notice.RESOLVED)
    assert (message.event, message.at, message.data["resolved_at"]) == ("alert.resolved", LATER, LATER.isoformat())


def test_nobody_is_told_at_an_address_that_is_not_confirmed_or_switched_off(acme: Tenant):
    channel(acme, "Unconfirmed", confirmed_at=None)
    channel(acme, "Off", is_active=False)
    channel(acme, "Hook", kind="webhook", target="https://hooks.example/in", confirmed_at=None)
    begin(acme)
    spend(acme, usd="85")
    assert told(acme) == [("Hook", 80), ("Hook", None)]


def test_a_budget_names_whom_it_tells(acme: Tenant):
    ops, finance = channel(acme, "Ops"), channel(acme, "Finance")
    Budget.objects.filter(tenant=acme).update(channel_ids=[finance.pk])
    Budget.objects.create(tenant=acme, name="All", amount=100)
    Budget.objects.create(tenant=acme, name="Nobody", amount=100, channel_ids=[])
    spend(acme, usd="85")
    assert sorted(AlertDelivery.objects.values_list("alert__name", "channel__name")) == [
        ("Acme's month", "Finance"),
        ("All", "Finance"),
        ("All", "Ops"),
    ]
    assert Alert.objects.count() == 3
    assert ops.deliveries.count() == 1


def test_a_crossing_is_critical_when_it_is_used_up(acme: Tenant):
    spend(acme, usd="85")
    spend(acme, usd="15")
    assert sorted(Alert.objects.values_list("threshold", "severity", "kind")) == [
        (80, "warning", "budget"),
        (100, "critical", "budget"),
    ]
