"""A delivery that fails is tried again, a worker that dies costs none, and no channel waits for another."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from django.core import mail
from django.db import connection

from billing import deliveries
from billing.deliveries import BACK_OFF_SECONDS, CLAIM_SECONDS, Sent
from billing.models import Alert, AlertChannel, AlertDelivery
from billing.tasks import deliver_alerts
from tenants.ids import uuid7
from tenants.models import Tenant
from tests.billing.alert_ledger import NOW, TENANT, channel, spend
from tests.billing.alert_sending import cross, run, webhook
from tests.cast import Cast

if TYPE_CHECKING:
    from tests.billing.alert_receiver import Receiver

pytest_plugins = ["tests.billing.alert_receiver"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("allow_loopback")]

PATIENCE_SECONDS = 60


def test_what_fails_is_tried_again_ever_more_rarely_with_the_same_id_and_then_given_up(
    acme: Tenant, receiver: Receiver, caplog: pytest.LogCaptureFixture
):
    receiver.status, receiver.answer_body = 500, b"secret of an internal host"
    row = webhook(acme, receiver)
    [delivery] = cross(acme, row)
    now = NOW
    for number, seconds in enumerate(BACK_OFF_SECONDS, start=1):
        assert run(now) == Sent(put_off=1)
        delivery.refresh_from_db()
        assert (delivery.status, delivery.attempts, len(delivery.errors)) == ("waiting", number, number)
        assert seconds <= (delivery.next_attempt_at - now).total_seconds() <= seconds * 1.2
        assert run(delivery.next_attempt_at - dt.timedelta(microseconds=1)) == Sent()
        now = delivery.next_attempt_at
    assert run(now) == Sent(given_up=1)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts, delivery.delivered_at) == ("failed", 7, None)
    assert delivery.errors[0] == "2026-11-23 17:30:12 UTC: HTTP 500"
    assert run(now + dt.timedelta(days=365)) == Sent()
    assert len(receiver.received) == 7
    assert len({got.headers["webhook-id"] for got in receiver.received}) == 1
    assert len({got.body for got in receiver.received}) == 1
    stamps = [int(got.headers["webhook-timestamp"]) for got in receiver.received]
    assert stamps[0] == int(NOW.timestamp())
    assert all(later > earlier for earlier, later in itertools.pairwise(stamps))
    kept = json.dumps(delivery.errors) + caplog.text
    assert "internal" not in kept
    assert row.secret not in kept


def test_the_back_off_goes_from_seconds_to_hours():
    assert BACK_OFF_SECONDS == (5, 30, 120, 600, 3600, 21_600)


def test_who_recovers_is_told_after_all(acme: Tenant, receiver: Receiver):
    receiver.status = 503
    [delivery] = cross(acme, webhook(acme, receiver))
    run()
    receiver.status, receiver.answer_body = 204, b""
    assert run(NOW + dt.timedelta(seconds=6)) == Sent(delivered=1)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts, len(delivery.errors)) == ("delivered", 2, 1)


def test_gone_means_never_again(acme: Tenant, receiver: Receiver):
    receiver.status = 410
    [delivery] = cross(acme, webhook(acme, receiver))
    assert run() == Sent(given_up=1)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts) == ("failed", 1)
    assert delivery.errors == ["2026-11-23 17:30:12 UTC: HTTP 410: the receiver is gone."]


def test_a_channel_that_was_switched_off_gets_nothing_more(acme: Tenant, receiver: Receiver):
    row = webhook(acme, receiver)
    [delivery] = cross(acme, row)
    AlertChannel.objects.filter(id=row.id).update(is_active=False)
    assert run() == Sent(given_up=1)
    delivery.refresh_from_db()
    assert delivery.errors == ["2026-11-23 17:30:12 UTC: The channel is switched off."]
    assert receiver.connections == 0


def test_a_secret_that_no_key_opens_holds_up_its_own_channel_only(acme: Tenant, receiver: Receiver, settings: Any):
    lost = webhook(acme, receiver, "Lost")
    with connection.cursor() as cursor:
        token = Fernet(Fernet.generate_key()).encrypt(b"whsec_x").decode()
        cursor.execute("UPDATE billing_alertchannel SET secret = %s WHERE id = %s", [token, lost.id])
    cross(acme, lost, webhook(acme, receiver, "Well"))
    assert run() == Sent(delivered=1, put_off=1)
    assert AlertDelivery.objects.get(channel=lost).errors == [
        "2026-11-23 17:30:12 UTC: The channel's signing secret cannot be read."
    ]


def test_an_alert_that_cannot_be_put_into_words_holds_up_nobody_else(cast: Cast, acme: Tenant, receiver: Receiver):
    cross(acme, webhook(acme, receiver))
    cross(cast.globex.tenant, webhook(cast.globex.tenant, receiver, "Globex"))
    Alert.objects.filter(tenant=acme).update(window="fortnight")
    assert run() == Sent(delivered=1, put_off=1)
    assert AlertDelivery.objects.get(tenant=acme).errors == [
        "2026-11-23 17:30:12 UTC: Tollgate failed to send it; its log says why."
    ]


def test_a_worker_that_dies_between_claim_and_result_leaves_a_delivery_that_is_tried_again(
    acme: Tenant, receiver: Receiver
):
    [delivery] = cross(acme, webhook(acme, receiver))
    [claimed] = deliveries.claim(NOW)
    assert claimed.id == delivery.id
    # … and dies here.
    later = NOW + dt.timedelta(seconds=CLAIM_SECONDS)
    assert run(later - dt.timedelta(microseconds=1)) == Sent()
    assert run(later) == Sent(delivered=1)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts) == ("delivered", 2)


def test_a_delivery_that_kills_every_worker_is_given_up_without_being_sent_for_ever(acme: Tenant, receiver: Receiver):
    cross(acme, webhook(acme, receiver))
    now = NOW
    for _death in range(7):
        assert len(deliveries.claim(now)) == 1
        now += dt.timedelta(seconds=CLAIM_SECONDS)
    assert run(now) == Sent(given_up=1)
    assert receiver.received == []


def test_a_late_failure_does_not_undo_what_somebody_else_did_since(acme: Tenant, receiver: Receiver):
    [delivery] = cross(acme, webhook(acme, receiver))
    [slow] = deliveries.claim(NOW)
    later = NOW + dt.timedelta(seconds=CLAIM_SECONDS)
    [quick] = deliveries.claim(later)
    failure = deliveries.DeliveryError("HTTP 500", is_permanent=True)
    deliveries.note(slow, failure, later)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.errors) == ("waiting", [])
    deliveries.note(quick, failure, later)
    delivery.refresh_from_db()
    assert delivery.status == "failed"


def test_a_late_success_counts(acme: Tenant, receiver: Receiver):
    [delivery] = cross(acme, webhook(acme, receiver))
    [slow] = deliveries.claim(NOW)
    [quick] = deliveries.claim(NOW + dt.timedelta(seconds=CLAIM_SECONDS))
    deliveries.note(slow, None, NOW)
    deliveries.note(quick, deliveries.DeliveryError("HTTP 500"), NOW)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.delivered_at, delivery.errors) == ("delivered", NOW, [])


def test_a_channel_that_hangs_holds_up_only_itself(acme: Tenant, make_receiver: Callable[[], Receiver]):
    hanging, well = make_receiver(), make_receiver()
    hanging.is_hanging = True
    cross(acme, webhook(acme, hanging, "A hanging"), webhook(acme, well, "B well"), channel(acme, "C mail"))
    released: list[bool] = []

    def release_once_the_others_were_told() -> None:
        assert hanging.arrived.wait(PATIENCE_SECONDS)
        released.append(well.arrived.wait(PATIENCE_SECONDS))
        hanging.release()

    helper = threading.Thread(target=release_once_the_others_were_told)
    helper.start()
    assert run() == Sent(delivered=3)
    helper.join()
    assert released == [True]
    assert len(mail.outbox) == 1


def test_a_channel_with_much_to_tell_leaves_room_for_the_others(cast: Cast, acme: Tenant, receiver: Receiver):
    noisy, quiet = webhook(acme, receiver, "Noisy"), webhook(cast.globex.tenant, receiver, "Quiet")
    cross(acme, noisy)
    alert = Alert.objects.get(tenant=acme)
    for number in range(60):
        copy = Alert.objects.get(id=alert.id)
        copy.pk, copy.dimension, copy.subject = uuid7(), "end_user", f"user-{number}"
        copy.save(force_insert=True)
        AlertDelivery.objects.create(tenant=acme, alert=copy, channel=noisy, next_attempt_at=NOW - dt.timedelta(days=1))
    cross(cast.globex.tenant, quiet)
    first = deliveries.claim(NOW)
    assert len(first) == deliveries.AT_ONCE_PER_LANE + 1
    assert [claimed.lane for claimed in first].count(str(quiet.id)) == 1
    assert [claimed.lane for claimed in first].count(str(noisy.id)) == deliveries.AT_ONCE_PER_LANE
    assert deliveries.claim(NOW, busy={str(noisy.id)}) == []
    assert deliveries.claim(NOW, room=1)[0].lane == str(noisy.id)
    assert run() == Sent(delivered=56)


def test_deliveries_of_one_run_are_sent_also_when_they_are_many(acme: Tenant, receiver: Receiver):
    rows = [webhook(acme, receiver, f"Hook {number:03}") for number in range(deliveries.AT_ONCE + 20)]
    cross(acme, *rows)
    assert run() == Sent(delivered=len(rows))
    assert len(receiver.received) == len(rows)


def test_a_channel_that_is_deleted_takes_its_deliveries_along(acme: Tenant, receiver: Receiver):
    row = webhook(acme, receiver)
    cross(acme, row)
    [claimed] = deliveries.claim(NOW)
    row.delete()
    deliveries.note(claimed, None, NOW)
    assert AlertDelivery.objects.count() == 0
    assert Alert.objects.count() == 1


def test_the_task_sends_what_is_due_now(acme: Tenant):
    spend(acme, usd="81")
    assert deliver_alerts() == 0
    channel(acme)
    spend(acme, usd="20")
    assert deliver_alerts() == 1
    assert mail.outbox[0].subject.endswith("is used up")


def test_the_ledger_is_left_as_it_was(acme: Tenant, receiver: Receiver):
    cross(acme, webhook(acme, receiver))
    before = list(Alert.objects.values())
    run()
    assert list(Alert.objects.values()) == before
    assert TENANT == ("tenant", "")
