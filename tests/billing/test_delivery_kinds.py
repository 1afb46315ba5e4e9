"""How an alert reaches each kind of channel: a signed webhook, Slack, an e-mail; and that what is inside is not called."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from billing import deliveries
from billing.deliveries import Sent
from billing.models import AlertChannel, AlertDelivery
from tenants.models import Tenant
from tests.billing.alert_ledger import NOW, channel
from tests.billing.alert_sending import cross, run, webhook

if TYPE_CHECKING:
    from tests.billing.alert_receiver import MailServer, Receiver

pytest_plugins = ["tests.billing.alert_receiver"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("allow_loopback")]


def test_a_webhook_is_signed_so_that_the_standard_library_of_the_standard_accepts_it(acme: Tenant, receiver: Receiver):
    row = webhook(acme, receiver)
    [delivery] = cross(acme, row)
    now = timezone.now()
    assert run(now) == Sent(delivered=1)
    [got] = receiver.received
    payload = Webhook(row.secret).verify(got.body, got.headers)
    assert payload["type"] == "budget.threshold_crossed"
    assert payload["timestamp"] == NOW.isoformat()
    assert (payload["data"]["used"], payload["data"]["threshold_percent"]) == ("80.25", 80)
    assert payload["data"]["tenant"]["name"] == "Acme"
    assert got.headers["webhook-id"] == f"msg_{delivery.id.hex}"
    assert got.headers["content-type"] == "application/json"
    for other in (Webhook("whsec_" + "A" * 44), Webhook(webhook(acme, receiver, "Other").secret)):
        with pytest.raises(WebhookVerificationError):
            other.verify(got.body, got.headers)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts, delivery.delivered_at, delivery.errors) == ("delivered", 1, now, [])
    assert run(now + dt.timedelta(days=1)) == Sent()
    assert len(receiver.received) == 1


def test_a_signed_webhook_always_has_a_secret_and_keeps_the_one_it_was_given(acme: Tenant, receiver: Receiver):
    made = webhook(acme, receiver)
    assert made.secret.startswith("whsec_")
    made.full_clean()
    assert webhook(acme, receiver, "Other").secret != made.secret
    own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    given = webhook(acme, receiver, "Given", secret=own)
    given.save()
    assert AlertChannel.objects.get(id=given.id).secret == own
    assert channel(acme).secret == ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM billing_alertchannel WHERE id = %s", [given.id])
        assert own not in cursor.fetchone()[0]


def test_slack_gets_plain_text_that_calls_nobody(acme: Tenant, receiver: Receiver):
    Tenant.objects.filter(id=acme.id).update(name="Acme <!channel> & Sons")
    cross(acme, channel(acme, kind="slack", target=receiver.url))
    assert run() == Sent(delivered=1)
    text = json.loads(receiver.received[0].body)["text"]
    assert text.startswith("Acme &lt;!channel&gt; &amp; Sons: budget “Acme's month” has used 80 % ($80.25 of $100.00)")
    assert "webhook-signature" not in receiver.received[0].headers


def test_an_e_mail_says_it_in_plain_words(acme: Tenant, settings: Any):
    settings.DEFAULT_FROM_EMAIL = "Tollgate <alerts@tollgate.example>"
    [delivery] = cross(acme, channel(acme, target="ops@acme.example"))
    assert run() == Sent(delivered=1)
    [sent] = mail.outbox
    assert (sent.to, sent.from_email) == (["ops@acme.example"], "Tollgate <alerts@tollgate.example>")
    assert sent.subject == "Acme: budget “Acme's month” at 80 %"
    assert sent.body.startswith("Acme: budget “Acme's month” has used 80 % ($80.25 of $100.00) of this month's amount;")
    assert sent.extra_headers["Message-ID"] == f"<msg_{delivery.id.hex}@tollgate>"


def test_a_line_break_in_a_name_makes_no_header(acme: Tenant):
    Tenant.objects.filter(id=acme.id).update(name="Acme\nBcc: everybody@example.com")
    cross(acme, channel(acme))
    assert run() == Sent(delivered=1)
    assert mail.outbox[0].subject.startswith("Acme Bcc: everybody@example.com: budget")
    assert mail.outbox[0].recipients() == ["ops@acme.example"]


def test_an_e_mail_goes_over_a_real_socket(acme: Tenant, mail_server: MailServer):
    cross(acme, channel(acme))
    assert run() == Sent(delivered=1)
    assert mail_server.recipients == ["ops@acme.example"]
    assert "has used 80 %" in mail_server.mails[0].get_payload(decode=True).decode()  # type: ignore[union-attr]


def test_an_address_the_mail_server_does_not_know_is_given_up_and_nothing_it_said_is_kept(
    acme: Tenant, mail_server: MailServer
):
    mail_server.refuses = True
    [delivery] = cross(acme, channel(acme))
    assert run() == Sent(given_up=1)
    delivery.refresh_from_db()
    assert delivery.errors == ["2026-11-23 17:30:12 UTC: The mail server does not take mail for this address."]


def test_a_mail_server_that_is_down_is_tried_again(acme: Tenant, mail_server: MailServer, settings: Any):
    settings.EMAIL_PORT = 1
    [delivery] = cross(acme, channel(acme))
    assert run() == Sent(put_off=1)
    delivery.refresh_from_db()
    assert delivery.errors == ["2026-11-23 17:30:12 UTC: The mail server cannot be reached."]


def test_a_redirect_is_a_failure_and_leads_nowhere(acme: Tenant, make_receiver: Callable[[], Receiver]):
    first, inside = make_receiver(), make_receiver()
    first.status = 302
    rows = cross(acme, webhook(acme, first))
    for location in ("http://169.254.169.254/latest/meta-data/", inside.url):
        first.answer_headers = {"location": location}
        assert run(AlertDelivery.objects.get().next_attempt_at) == Sent(put_off=1)
    rows[0].refresh_from_db()
    assert [error.partition(": ")[2] for error in rows[0].errors] == ["HTTP 302 (redirects are not followed)"] * 2
    assert (len(first.received), inside.connections) == (2, 0)


@pytest.mark.parametrize("kind", ["webhook", "slack"])
def test_an_address_inside_is_not_called(acme: Tenant, receiver: Receiver, settings: Any, kind: str):
    settings.OUTBOUND_ALLOW = []
    [delivery] = cross(acme, channel(acme, kind=kind, target=receiver.url))
    assert run() == Sent(given_up=1)
    delivery.refresh_from_db()
    assert delivery.errors == ["2026-11-23 17:30:12 UTC: 127.0.0.1 is not an address on the public internet."]
    AlertChannel.objects.update(target=f"http://localhost:{receiver.port}/")
    AlertDelivery.objects.update(status="waiting", errors=[])
    assert run() == Sent(put_off=1)
    assert receiver.connections == 0


def test_a_trial_is_sent_at_once_and_says_what_went_wrong(
    acme: Tenant, make_receiver: Callable[[], Receiver], caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.CRITICAL)
    well, broken = make_receiver(), make_receiver()
    broken.status = 500
    first, second = webhook(acme, well), webhook(acme, broken, "Broken")
    now = timezone.now()
    results = deliveries.send_trials([first.id, second.id], now)
    assert results[first.id] is None
    assert str(results[second.id]) == "HTTP 500"
    assert Webhook(first.secret).verify(well.received[0].body, well.received[0].headers)["type"] == "alert.test"
    assert AlertDelivery.objects.count() == 0
