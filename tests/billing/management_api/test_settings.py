"""What to alert of, and the plan, by the management API."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from billing import alert_settings
from billing.models import AlertSettings, Subscription
from tenants import audit
from tests.cast import Cast
from tests.management import error_of, script

pytestmark = pytest.mark.django_db


def test_a_tenant_that_has_set_nothing_is_told_the_defaults(cast: Cast):
    told = script(cast.acme.tenant, "viewer").get("alert-settings").json()
    assert (told["p95_target_ms"], told["error_percent"], told["off_kinds"]) == (30_000, "5", [])
    assert not AlertSettings.objects.exists()


def test_what_is_sent_is_changed_and_the_rest_stays(cast: Cast):
    ada = script(cast.acme.tenant, by=cast.ada)
    ada.patch("alert-settings", {"p95_target_ms": 2500, "task_p95_ms": {cast.acme.task.slug: 800}})
    told = ada.patch(
        "alert-settings", {"off_kinds": ["spend", "hit_rate"], "quiet_from": "22:00", "quiet_until": "06:30"}
    ).json()
    assert (told["p95_target_ms"], told["task_p95_ms"]) == (2500, {cast.acme.task.slug: 800})
    row = alert_settings.of(cast.acme.tenant.pk)
    assert (row.off_kinds, row.quiet_from, row.error_percent) == (["hit_rate", "spend"], dt.time(22), Decimal(5))
    assert {entry.actor for entry in audit.history_of(row)} == {cast.ada}
    assert not AlertSettings.objects.filter(tenant=cast.globex.tenant).exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"error_percent": 100}, "error_percent"),
        ({"off_kinds": ["budget"]}, "off_kinds[0]"),  # budgets are set where they are
        ({"task_p95_ms": {"x": 0}}, "task_p95_ms.x"),
        ({"quiet_from": "22:00"}, "quiet_until"),
        ({"quiet_severity": "odd"}, "quiet_severity"),
        ({"qiet_from": "22:00"}, "qiet_from"),
    ],
)
def test_what_makes_no_sense_changes_nothing(cast: Cast, body: dict[str, Any], field: str):
    assert list(error_of(script(cast.acme.tenant).patch("alert-settings", body), 400)["fields"]) == [field]
    assert not AlertSettings.objects.exists()


def test_a_viewer_reads_them_only(cast: Cast):
    error_of(script(cast.acme.tenant, "developer").patch("alert-settings", {"error_percent": 9}), 403)
    assert not AlertSettings.objects.exists()


def test_the_plan_is_told_with_its_limits_now_and_before(cast: Cast):
    start = cast.acme.subscription.started_at
    earlier = Subscription.objects.create(
        tenant=cast.acme.tenant, plan=cast.plan, started_at=start - dt.timedelta(days=30), ended_at=start
    )
    vera = script(cast.acme.tenant, "viewer")
    first, second = vera.get("subscriptions").json()["results"]
    assert (first["id"], first["is_present"]) == (str(cast.acme.subscription.pk), True)
    assert (second["id"], second["is_present"]) == (str(earlier.pk), False)
    assert (first["plan"]["name"], first["plan"]["max_input_tokens"]) == (cast.plan.name, 4096)
    assert first["plan"]["tiers"][0]["tokens_per_day"] == 50_000
    (only,) = vera.get("subscriptions", is_present="true").json()["results"]
    assert only["id"] == first["id"]
    error_of(vera.get(f"subscriptions/{cast.globex.subscription.pk}"), 404)
    error_of(script(cast.acme.tenant, "owner").patch(f"subscriptions/{earlier.pk}", {}), 405)
    assert timezone.now() > start


def test_a_channel_is_by_mail_unless_said_otherwise(cast: Cast):
    ada = script(cast.acme.tenant)
    made = ada.post("channels", {"name": "team", "target": "team@acme.example"})
    assert (made.status_code, made.json()["kind"]) == (201, "email")
    for target in ("\U000e7de5", "x", "https://example.com/hook"):
        assert list(error_of(ada.post("channels", {"name": "other", "target": target}), 400)["fields"]) == ["target"]
