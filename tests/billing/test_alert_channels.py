"""Alert channels: addresses that are confirmed, secrets that are replaced, and receivers that are gone."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from auditlog.models import LogEntry
from cryptography.fernet import Fernet
from django.core import mail
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import connection
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from billing import alert_channels, deliveries
from billing.alert_channels import Values
from billing.channels import DeliveryError
from billing.models import Alert, AlertChannel, AlertDelivery
from tenants.models import Tenant
from tests.billing.alert_ledger import NOW, channel, spend

if TYPE_CHECKING:
    from tests.billing.alert_receiver import Receiver

pytest_plugins = ["tests.billing.alert_receiver"]
pytestmark = pytest.mark.django_db
MAIL = Values(name="Ops", kind="email", target="ops@acme.example")
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    """Of the links that were sent."""
    cache.clear()


def link(token: str) -> str:
    return f"https://tollgate.example/{token}"


def run_once() -> None:
    """Send what is due, and nothing that is due again meanwhile."""
    now = deliveries.timezone.now()
    deliveries.run(clock=lambda: now)


def ask(row: AlertChannel, now: dt.datetime = NOW) -> str:
    """Send the link; returns its token."""
    alert_channels.ask_to_confirm(row, link=link, now=now)
    return mail.outbox[-1].body.partition("https://tollgate.example/")[2].split()[0]


def test_an_address_gets_alerts_once_it_is_confirmed(acme: Tenant):
    row = alert_channels.create(acme, MAIL)
    assert row.awaits_confirmation
    token = ask(row)
    assert (mail.outbox[0].to, mail.outbox[0].subject) == (["ops@acme.example"], "Acme: get alerts at this address?")
    spend(acme, usd="85")
    assert AlertDelivery.objects.count() == 0
    question = alert_channels.asked(token)
    assert question is not None
    assert (question.channel.pk, question.tenant) == (row.pk, acme)
    for _twice in range(2):
        alert_channels.confirm(question, now=NOW)
    row.refresh_from_db()
    assert row.confirmed_at == NOW
    spend(acme, usd="15")
    assert AlertDelivery.objects.get().channel == row


def test_a_link_is_for_one_address_and_no_other(acme: Tenant):
    row = alert_channels.create(acme, MAIL)
    token = ask(row)
    alert_channels.change(row, replace(MAIL, target="boss@acme.example"), now=NOW)
    assert alert_channels.asked(token) is None
    assert alert_channels.asked(token[:-3]) is None
    assert alert_channels.asked("nonsense") is None
    token = alert_channels.token(row)
    assert alert_channels.asked(token) is not None
    row.delete()
    assert alert_channels.asked(token) is None


def test_another_address_is_confirmed_anew_and_another_name_is_not(acme: Tenant):
    row = channel(acme)
    alert_channels.change(row, replace(MAIL, name="On call"), now=NOW)
    assert not row.awaits_confirmation
    alert_channels.change(row, replace(MAIL, target="boss@acme.example"), now=NOW)
    row.refresh_from_db()
    assert row.awaits_confirmation


def test_links_are_not_sent_too_often(acme: Tenant, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(alert_channels, "LINKS_A_DAY", 3)
    row = alert_channels.create(acme, MAIL)
    ask(row)
    with pytest.raises(DeliveryError, match="within the last minute"):
        ask(row, NOW + MINUTE / 2)
    for number in (2, 4):
        ask(row, NOW + number * MINUTE)
    with pytest.raises(DeliveryError, match="many confirmation links today"):
        ask(row, NOW + 6 * MINUTE)
    assert len(mail.outbox) == 3


def test_a_test_alert_does_not_go_to_an_address_that_nobody_confirmed(acme: Tenant):
    row = channel(acme, confirmed_at=None)
    assert str(deliveries.send_trials([row.pk], NOW)[row.pk]) == "Nobody has confirmed the address."
    assert mail.outbox == []


def test_what_waits_for_an_address_that_was_changed_is_not_sent_there(acme: Tenant):
    row = channel(acme)
    spend(acme, usd="85")
    alert_channels.change(row, replace(MAIL, target="boss@acme.example"), now=NOW)
    assert deliveries.run().given_up == 1
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"target": "nobody"}, "target"),
        ({"kind": "webhook", "target": "http://127.0.0.1/"}, "target"),
        ({"kind": "slack", "target": "ftp://1.1.1.1/"}, "target"),
        ({"minimum_threshold": 101}, "minimum_threshold"),
        ({"minimum_severity": "awful"}, "minimum_severity"),
    ],
)
def test_what_is_wrong_is_told_by_field_and_nothing_is_made(acme: Tenant, fields: dict[str, Any], field: str):
    with pytest.raises(ValidationError) as caught:
        alert_channels.create(acme, replace(MAIL, **fields))
    assert field in caught.value.message_dict
    assert not AlertChannel.objects.filter(tenant=acme).exists()


def test_a_new_secret_is_signed_with_beside_the_former_one_for_a_day(
    acme: Tenant, allow_loopback: None, receiver: Receiver
):
    row = alert_channels.create(acme, Values(name="Hook", kind="webhook", target=receiver.url))
    former = row.secret
    now = deliveries.timezone.now()
    secret = alert_channels.rotate_secret(row, now=now)
    assert secret != former
    assert deliveries.send_trials([row.pk], now) == {row.pk: None}
    for accepted in (former, secret):
        assert Webhook(accepted).verify(receiver.received[-1].body, receiver.received[-1].headers)
    AlertChannel.objects.update(former_until=now - MINUTE)
    assert deliveries.send_trials([row.pk], now) == {row.pk: None}
    assert Webhook(secret).verify(receiver.received[-1].body, receiver.received[-1].headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(former).verify(receiver.received[-1].body, receiver.received[-1].headers)
    assert "whsec_" not in str(list(LogEntry.objects.values_list("changes", flat=True)))


def test_a_secret_that_no_key_opens_is_replaced(acme: Tenant):
    row = channel(acme, kind="webhook", target="https://1.1.1.1/")
    lost = Fernet(Fernet.generate_key()).encrypt(b"whsec_x").decode()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE billing_alertchannel SET secret = %s WHERE id = %s", [lost, row.pk])
    row = AlertChannel.objects.defer("secret", "former_secret").get(pk=row.pk)
    assert alert_channels.has_lost_secret(row)
    secret = alert_channels.rotate_secret(row, now=NOW)
    assert AlertChannel.objects.get(pk=row.pk).secret == secret
    assert not alert_channels.has_lost_secret(row)


def test_a_receiver_that_says_it_is_gone_is_switched_off_and_the_others_hear_of_it(
    acme: Tenant, allow_loopback: None, receiver: Receiver
):
    hook = channel(acme, "Hook", kind="webhook", target=receiver.url)
    receiver.status = 410
    spend(acme, usd="85")
    channel(acme, "Ops")
    deliveries.run()
    hook.refresh_from_db()
    assert (hook.is_active, hook.off_because) == (False, "HTTP 410: the receiver is gone.")
    notice = Alert.objects.get(kind="channel")
    assert (notice.source, notice.severity, notice.resolved_at) == (str(hook.pk), "warning", None)
    assert [sent.subject for sent in mail.outbox] == ["Acme: Alert channel “Hook” was switched off"]
    spend(acme, usd="15")
    deliveries.run()
    assert len(receiver.received) == 1  # it is asked no more
    alert_channels.change(hook, Values(name="Hook", kind="webhook", target=receiver.url), now=NOW)
    hook.refresh_from_db()
    notice.refresh_from_db()
    assert (hook.is_active, hook.off_because, notice.resolved_at) == (True, "", NOW)


def test_other_failures_do_not_switch_a_channel_off(acme: Tenant, allow_loopback: None, receiver: Receiver):
    hook = channel(acme, "Hook", kind="webhook", target=receiver.url)
    receiver.status = 404
    spend(acme, usd="85")
    run_once()
    hook.refresh_from_db()
    assert (hook.is_active, Alert.objects.filter(kind="channel").count()) == (True, 0)


def test_a_delivery_that_was_given_up_is_sent_again_with_the_same_id(
    acme: Tenant, allow_loopback: None, receiver: Receiver
):
    channel(acme, "Hook", kind="webhook", target=receiver.url)
    receiver.status = 500
    spend(acme, usd="85")
    run_once()
    row = AlertDelivery.objects.get()
    assert not deliveries.resend(row, NOW)  # it waits anyway
    AlertDelivery.objects.update(status="failed", attempts=7)
    receiver.status = 200
    assert deliveries.resend(row, deliveries.timezone.now())
    run_once()
    row.refresh_from_db()
    assert (row.status, row.attempts, len(row.errors)) == ("delivered", 1, 1)
    assert len({item.headers["webhook-id"] for item in receiver.received}) == 1
