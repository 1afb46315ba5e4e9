"""An alert's delivery that failed is sent again by the management API."""

from __future__ import annotations

import pytest
from django.utils import timezone

from billing.models import AlertDelivery
from tests.cast import Cast
from tests.management import error_of, script
from tests.tenants.bound_rows import row_of

pytestmark = pytest.mark.django_db
Status = AlertDelivery.Status


@pytest.fixture
def failed(cast: Cast) -> AlertDelivery:
    row: AlertDelivery = row_of(AlertDelivery, cast.acme, cast)
    AlertDelivery.objects.filter(pk=row.pk).update(status=Status.FAILED, attempts=8, errors=["no answer"])
    type(row.channel).objects.filter(pk=row.channel_id).update(is_active=True, confirmed_at=timezone.now())
    row.refresh_from_db()
    return row


def path(row: AlertDelivery) -> str:
    return f"channels/{row.channel_id}/deliveries/{row.pk}/resend"


def test_it_is_tried_anew_and_what_went_wrong_before_stays(cast: Cast, failed: AlertDelivery):
    ada = script(cast.acme.tenant)
    (alert,) = [row for row in ada.get("alerts").json()["results"] if row["id"] == str(failed.alert_id)]
    (told,) = alert["deliveries"]
    assert (told["id"], told["status"], told["errors"]) == (str(failed.pk), "failed", ["no answer"])
    told = ada.post(path(failed)).json()
    assert (told["status"], told["attempts"], told["errors"]) == ("waiting", 0, ["no answer"])
    failed.refresh_from_db()
    due = failed.next_attempt_at
    assert ada.post(path(failed)).status_code == 200  # is on its way: stays so
    failed.refresh_from_db()
    assert (failed.status, failed.next_attempt_at) == (Status.WAITING, due)


def test_to_a_channel_that_is_switched_off_nothing_is_sent(cast: Cast, failed: AlertDelivery):
    ada = script(cast.acme.tenant)
    assert ada.patch(f"channels/{failed.channel_id}", {"is_active": False}).status_code == 200
    assert "switched off" in error_of(ada.post(path(failed)), 409)["message"]
    failed.refresh_from_db()
    assert failed.status == Status.FAILED


def test_viewers_and_strangers_send_nothing_again(cast: Cast, failed: AlertDelivery):
    error_of(script(cast.acme.tenant, "viewer").post(path(failed)), 403)
    error_of(script(cast.acme.tenant, subjects=["alerts"]).post(path(failed)), 403)
    globex = script(cast.globex.tenant, "owner")
    error_of(globex.post(path(failed)), 404)
    error_of(globex.post(f"channels/{cast.globex.channel.pk}/deliveries/{failed.pk}/resend"), 404)
    failed.refresh_from_db()
    assert failed.status == Status.FAILED
