"""Alert channels in the console: an address confirms itself, a secret is shown once, and a test says what came of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core import mail
from django.test import Client

from billing.models import AlertChannel
from tests.billing.alert_ledger import channel, forget_all
from tests.billing.alert_receiver import Receiver
from tests.cast import Cast, ConsoleClient

pytestmark = pytest.mark.django_db

Console = Callable[[str], ConsoleClient]
FORM = {"minimum_threshold": "1", "minimum_severity": "info", "is_active": "on", "kinds": ["budget", "errors"]}


def test_an_e_mail_address_is_asked_and_only_its_button_confirms(cast: Cast, console: Console):
    forget_all()
    client = console("ada")
    form = {**FORM, "kind": "email", "name": "Ops", "target": "ops@acme.example"}
    content = client.post(f"{client.home}channels/add/", form, follow=True).content.decode()
    assert "ops@acme.example was sent a link" in content
    assert "waits for its address to be confirmed" in content
    link = next(word for word in mail.outbox[-1].body.split() if "/alerts/confirm/" in word)
    stranger = Client()
    asked = stranger.get(link)
    assert "Yes, send them here" in asked.content.decode()
    row = AlertChannel.objects.get(tenant=cast.acme.tenant)
    assert row.awaits_confirmation
    assert "gets the alerts of Acme" in stranger.post(link).content.decode()
    row.refresh_from_db()
    assert not row.awaits_confirmation
    assert stranger.get(f"{link[:-5]}x/").status_code == 404
    assert "gets alerts" in client.get(f"{client.home}channels/").content.decode()


@pytest.mark.usefixtures("allow_loopback")
def test_a_webhooks_secret_is_shown_once_and_a_new_one_once_more(cast: Cast, console: Console, receiver: Receiver):
    forget_all()
    client = console("ada")
    form = {**FORM, "kind": "webhook", "name": "Hook", "target": receiver.url}
    content = client.post(f"{client.home}channels/add/", form).content.decode()
    row = AlertChannel.objects.get(tenant=cast.acme.tenant)
    first = row.secret
    assert first.startswith("whsec_")
    assert first in content
    for path in ("channels/", f"channels/{row.pk}/", "auditlog/logentry/"):
        assert first not in client.get(client.home + path).content.decode()
    content = client.post(f"{client.home}channels/{row.pk}/secret/").content.decode()
    row.refresh_from_db()
    assert row.secret != first
    assert row.secret in content
    assert first not in content
    assert "For 24 hours messages are signed with the former secret as well" in content


@pytest.mark.usefixtures("allow_loopback")
def test_a_test_really_sends_and_explains_a_failure(cast: Cast, console: Console, receiver: Receiver):
    forget_all()
    row = channel(cast.acme.tenant, "Hook", kind="webhook", target=receiver.url)
    client = console("ada")

    def pressed() -> str:
        address = f"{client.home}channels/{row.pk}/test/"
        return str(client.post(address, headers={"HX-Request": "true"}).content.decode())

    assert "It took the test alert." in pressed()
    assert b"alert.test" in receiver.received[0].body
    receiver.status = 404
    said = pressed()
    assert "HTTP 404" in said
    assert "Nobody is at that address any more" in said
    assert "tg-over" in said
    assert "<html" not in said


@pytest.mark.parametrize(
    ("fields", "place", "message"),
    [
        ({"target": "nobody"}, "target", "Enter a valid email address."),
        ({"kind": "slack", "target": "https://127.0.0.1/x"}, "target", "public internet"),
        ({"name": ""}, "name", "This field is required."),
        ({"minimum_threshold": "101"}, "minimum_threshold", "less than or equal to 100"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(
    cast: Cast, console: Console, fields: dict[str, str], place: str, message: str
):
    client = console("ada")
    form = {**FORM, "kind": "email", "name": "Ops", "target": "ops@acme.example", **fields}
    content = client.post(f"{client.home}channels/add/", form).content.decode()
    _before, found, after = content.partition(f'<ul class="tg-errors" id="id_{place}_error">')
    assert found
    assert message in after.partition("</ul>")[0]
    assert AlertChannel.objects.filter(tenant=cast.acme.tenant).count() == 1
    assert not mail.outbox


def test_deleting_asks_first(cast: Cast, console: Console):
    client, row = console("ada"), cast.acme.channel
    place = f"{client.home}channels/{row.pk}/delete/"
    assert "gets no more alerts" in client.get(place).content.decode()
    assert AlertChannel.objects.filter(pk=row.pk).exists()
    assert "is deleted" in client.post(place, follow=True).content.decode()
    assert not AlertChannel.objects.filter(pk=row.pk).exists()
