"""Quiet hours: what is not bad enough waits until they end, on the tenant's clock; and what channels do not want at all."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.utils import timezone

from billing import alert_settings, deliveries, episodes, quiet_hours
from billing.alert_settings import Values
from billing.models import Alert, AlertDelivery, AlertSettings, Severity
from tenants.models import Tenant
from tests.billing.alert_ledger import VIENNA, channel, spend

pytestmark = pytest.mark.django_db
NIGHT = AlertSettings(quiet_from=dt.time(22), quiet_until=dt.time(7))
NOON = AlertSettings(quiet_from=dt.time(12), quiet_until=dt.time(13, 30))


def vienna(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=VIENNA)  # type: ignore[misc, arg-type]  # year, month, day, hour, minute


@pytest.mark.parametrize(
    ("settings", "now", "ends"),
    [
        (NIGHT, vienna(2026, 11, 23, 21, 59), None),
        (NIGHT, vienna(2026, 11, 23, 22, 0), vienna(2026, 11, 24, 7)),
        (NIGHT, vienna(2026, 11, 24, 6, 59), vienna(2026, 11, 24, 7)),
        (NIGHT, vienna(2026, 11, 24, 7, 0), None),
        (NOON, vienna(2026, 11, 24, 12, 0), vienna(2026, 11, 24, 13, 30)),
        (NOON, vienna(2026, 11, 24, 13, 30), None),
        (NIGHT, vienna(2026, 10, 24, 23, 0), vienna(2026, 10, 25, 7)),  # the clock is put back in that night
        (AlertSettings(), vienna(2026, 11, 24, 3, 0), None),
    ],
)
def test_they_are_on_the_tenants_clock(settings: AlertSettings, now: dt.datetime, ends: dt.datetime | None):
    assert quiet_hours.ends(settings, VIENNA, Severity.WARNING, now) == ends


def test_what_is_bad_enough_breaks_through():
    now, morning = vienna(2026, 11, 23, 23, 0), vienna(2026, 11, 24, 7)
    assert quiet_hours.ends(NIGHT, VIENNA, Severity.CRITICAL, now) is None
    nothing = AlertSettings(quiet_from=dt.time(22), quiet_until=dt.time(7), quiet_severity="")
    assert quiet_hours.ends(nothing, VIENNA, Severity.CRITICAL, now) == morning
    warnings = AlertSettings(quiet_from=dt.time(22), quiet_until=dt.time(7), quiet_severity=Severity.WARNING)
    assert quiet_hours.ends(warnings, VIENNA, Severity.WARNING, now) is None
    assert quiet_hours.ends(warnings, VIENNA, Severity.INFO, now) == morning


def quiet_now(tenant: Tenant) -> None:
    """From an hour ago until in two hours; where no clock is ever changed."""
    tenant.timezone = "UTC"
    tenant.save(update_fields=["timezone"])
    begin, end = ((timezone.now() + dt.timedelta(hours=by)).time().replace(microsecond=0) for by in (-1, 2))
    alert_settings.change(tenant, Values(quiet_from=begin, quiet_until=end))


def begin(tenant: Tenant, severity: Severity = Severity.WARNING, kind: str = "errors") -> Alert | None:
    return episodes.begin(
        tenant.pk, kind=kind, source="tenant", severity=severity, name="Errors", text="Many.", at=timezone.now()
    )


def worsen(tenant: Tenant) -> Alert | None:
    return episodes.worsen(
        tenant.pk,
        kind="errors",
        source="tenant",
        severity=Severity.CRITICAL,
        name="Worse",
        text="All.",
        at=timezone.now(),
    )


def test_a_warning_waits_and_what_is_critical_is_sent(acme: Tenant):
    channel(acme)
    quiet_now(acme)
    begin(acme)
    begin(acme, Severity.CRITICAL, kind="latency")
    assert deliveries.run().delivered == 1
    waiting = AlertDelivery.objects.get(status="waiting")
    assert waiting.alert.kind == "errors"
    in_hours = (waiting.next_attempt_at - timezone.now()) / dt.timedelta(hours=1)
    assert 1.9 < in_hours <= 2
    assert Alert.objects.count() == 2  # the page and the bell have both at once


def test_budgets_wait_for_the_morning_too(acme: Tenant):
    channel(acme)
    quiet_now(acme)
    spend(acme, usd="85")
    assert deliveries.run().delivered == 0
    spend(acme, usd="20")
    assert deliveries.run().delivered == 1
    assert AlertDelivery.objects.get(status="waiting").alert.threshold == 80


def test_what_waits_is_sent_at_once_when_it_gets_worse_and_says_so(acme: Tenant):
    channel(acme)
    quiet_now(acme)
    begin(acme)
    assert worsen(acme) is not None
    assert worsen(acme) is None
    assert list(AlertDelivery.objects.values_list("notice", flat=True)) == ["raised"]
    assert deliveries.run().delivered == 1


def test_whoever_wants_only_what_is_critical_is_told_that_it_began_when_it_is(acme: Tenant):
    channel(acme, "All")
    channel(acme, "Critical", minimum_severity="critical")
    begin(acme)
    assert deliveries.run().delivered == 1
    worsen(acme)
    rows = AlertDelivery.objects.order_by("channel__name", "notice").values_list("channel__name", "notice")
    assert list(rows) == [("All", "raised"), ("All", "worse"), ("Critical", "raised")]
    episodes.resolve(acme.pk, kind="errors", source="tenant", at=timezone.now())
    assert deliveries.run().delivered == 4  # first that it is worse, then that it is over
    subjects = [sent.subject for sent in mail.outbox]
    assert subjects[0] == "Acme: Errors"
    assert sorted(subjects[1:3]) == ["Acme: Worse", "Worse: Acme: Worse"]
    assert subjects[3:] == ["Over: Acme: Worse"] * 2


def test_a_channel_gets_only_the_kinds_that_it_wants(acme: Tenant):
    channel(acme, "All")
    channel(acme, "Money", muted_kinds=["errors", "latency"])
    begin(acme)
    begin(acme, kind="spend")
    spend(acme, usd="85")
    rows = AlertDelivery.objects.order_by("channel__name", "alert__kind").values_list("channel__name", "alert__kind")
    assert list(rows) == [
        ("All", "budget"),
        ("All", "errors"),
        ("All", "spend"),
        ("Money", "budget"),
        ("Money", "spend"),
    ]


def test_settings_that_make_no_sense_are_refused(acme: Tenant):
    with pytest.raises(ValidationError, match="begin and when they end"):
        alert_settings.change(acme, Values(quiet_from=dt.time(22)))
    with pytest.raises(ValidationError, match="another time"):
        alert_settings.change(acme, Values(quiet_from=dt.time(22), quiet_until=dt.time(22)))
    with pytest.raises(ValidationError, match="up to an hour"):
        alert_settings.change(acme, Values(task_p95_ms={"sum": 3_600_001}))
    assert not AlertSettings.objects.exists()
    alert_settings.change(acme, Values(p95_target_ms=5000))
    alert_settings.change(acme, Values(p95_target_ms=6000))
    assert alert_settings.of(acme.pk).p95_target_ms == 6000
    assert AlertSettings.objects.count() == 1
