"""Alerts and their channels on the operators' pages."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from auditlog.models import LogEntry
from cryptography.fernet import Fernet
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from billing import deliveries
from billing.models import Alert, AlertChannel, AlertDelivery, Budget
from tenants.models import Tenant
from tests.billing.alert_ledger import channel, forget_all, spend
from tests.cast import Cast, logged_in

if TYPE_CHECKING:
    from tests.billing.alert_receiver import Receiver

pytest_plugins = ["tests.billing.alert_receiver"]
pytestmark = pytest.mark.django_db
ADD = "/admin/billing/alertchannel/add/"
SLACK = "https://hooks.slack.com/services/T000/B000/XXXXXXXX"


@pytest.fixture(autouse=True)
def _nothing_told_yet(cast: Cast) -> None:
    forget_all()


def page(row: Any, name: str) -> str:
    return reverse(f"admin:billing_{row._meta.model_name}_{name}", args=[row.pk])


def listed(model: Any, client: Client, **query: Any) -> str:
    response = client.get(reverse(f"admin:billing_{model._meta.model_name}_changelist"), query, follow=True)
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def shown(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def form(tenant: Tenant, **fields: Any) -> dict[str, Any]:
    values = {
        "tenant": str(tenant.pk),
        "name": "Ops",
        "kind": "email",
        "target": "ops@acme.example",
        "signing_secret": "",
        "minimum_threshold": 1,
        "minimum_severity": "info",
        "is_active": "on",
    }
    return {**values, **fields}


def errors(response: Any) -> dict[str, Any]:
    assert response.status_code == 200
    found: dict[str, Any] = response.context["adminform"].form.errors
    return found


def test_an_operator_adds_changes_and_deletes_a_channel(cast: Cast):
    client = logged_in(cast.olga)
    assert client.post(ADD, form(cast.acme.tenant)).status_code == 302
    row = AlertChannel.objects.get(tenant=cast.acme.tenant)
    assert (row.name, row.kind, row.target, row.secret) == ("Ops", "email", "ops@acme.example", "")
    assert client.post(page(row, "change"), form(cast.acme.tenant, minimum_threshold=100)).status_code == 302
    row.refresh_from_db()
    assert row.minimum_threshold == 100
    spend(cast.acme.tenant, usd="100")
    assert client.post(page(row, "delete"), {"post": "yes"}).status_code == 302
    assert (AlertChannel.objects.count(), AlertDelivery.objects.count(), Alert.objects.count()) == (0, 0, 2)


def test_a_secret_is_made_shown_to_editors_and_kept(cast: Cast, allow_loopback: None, receiver: Receiver):
    client = logged_in(cast.olga)
    assert client.post(ADD, form(cast.acme.tenant, kind="webhook", target=receiver.url)).status_code == 302
    row = AlertChannel.objects.get()
    response = client.get(page(row, "change"))
    assert row.secret in html.unescape(response.content.decode())
    assert "no-store" in response["Cache-Control"]
    unchanged = form(cast.acme.tenant, kind="webhook", target=receiver.url, signing_secret=row.secret, name="Renamed")
    assert client.post(page(row, "change"), unchanged).status_code == 302
    after = AlertChannel.objects.get()
    assert (after.name, after.secret) == ("Renamed", row.secret)
    emptied = {**unchanged, "signing_secret": ""}
    assert client.post(page(row, "change"), emptied).status_code == 302
    assert AlertChannel.objects.get().secret not in ("", row.secret)
    trail = json.dumps(list(LogEntry.objects.values()), default=str) + shown(client, page(row, "history"))
    assert "whsec_" not in trail
    assert row.secret not in listed(AlertChannel, client)


@pytest.mark.parametrize("secret", ["password", "whsec_", "whsec_c2hvcnQ=", "whsec_" + "A" * 120, "whsec_ÄÖÜ"])
def test_a_secret_that_is_none_is_refused_beside_its_field(cast: Cast, secret: str):
    fields = {"kind": "webhook", "target": "https://1.1.1.1/", "signing_secret": secret}
    found = errors(logged_in(cast.olga).post(ADD, form(cast.acme.tenant, **fields)))
    assert found == {
        "signing_secret": ["whsec_ and 24 to 64 random bytes in base64, please. Leave it empty to have one made."]
    }


def test_a_secret_that_no_key_opens_can_be_replaced(cast: Cast):
    row = channel(cast.acme.tenant, kind="webhook", target="https://1.1.1.1/")
    with connection.cursor() as cursor:
        token = Fernet(Fernet.generate_key()).encrypt(b"whsec_x").decode()
        cursor.execute("UPDATE billing_alertchannel SET secret = %s", [token])
    client = logged_in(cast.olga)
    assert "Ops" in listed(AlertChannel, client)
    assert "Ops" in shown(client, page(row, "change"))
    fields = form(cast.acme.tenant, kind="webhook", target="https://1.1.1.1/")
    assert client.post(page(row, "change"), fields).status_code == 302
    assert AlertChannel.objects.get().secret.startswith("whsec_")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"target": "not an address"}, "Enter a valid email address."),
        ({"kind": "webhook", "target": "ops@acme.example"}, "Enter a valid URL."),
        ({"kind": "slack", "target": "ftp://1.1.1.1/"}, "Enter a valid URL."),
        ({"kind": "webhook", "target": "http://127.0.0.1/"}, "127.0.0.1 is not an address on the public internet."),
        (
            {"kind": "slack", "target": "http://localhost/"},
            "localhost does not lead to addresses on the public internet.",
        ),
        (
            {"kind": "webhook", "target": "http://169.254.169.254/latest/"},
            "169.254.169.254 is not an address on the public internet.",
        ),
        (
            {"kind": "webhook", "target": "https://me:word@1.1.1.1/"},
            "The address must not hold a user name or password.",
        ),
    ],
)
def test_a_target_that_will_never_be_reached_is_refused_at_once(cast: Cast, fields: dict[str, str], error: str):
    assert errors(logged_in(cast.olga).post(ADD, form(cast.acme.tenant, **fields)))["target"] == [error]
    assert AlertChannel.objects.count() == 0


def test_a_test_alert_is_asked_for_sent_and_its_result_told(cast: Cast, allow_loopback: None, receiver: Receiver):
    row = channel(cast.acme.tenant, "Hook", kind="webhook", target=receiver.url)
    client = logged_in(cast.olga)
    assert page(row, "test") in shown(client, page(row, "change"))
    assert "this is a test alert" in shown(client, page(row, "test"))
    assert receiver.received == []
    after = client.post(page(row, "test"), follow=True)
    assert "“Hook” took the test alert." in html.unescape(after.content.decode())
    [got] = receiver.received
    assert Webhook(row.secret).verify(got.body, got.headers)["type"] == "alert.test"
    receiver.status = 500
    after = client.post(page(row, "test"), follow=True)
    assert "“Hook” did not take the test alert: HTTP 500" in html.unescape(after.content.decode())


def test_a_test_alert_to_several_channels_from_the_list(cast: Cast, settings: Any, receiver: Receiver):
    rows = [
        channel(cast.acme.tenant, "Mail"),
        channel(cast.acme.tenant, "Inside", kind="slack", target=receiver.url),
    ]
    action = {"action": "send_test_to_selected", "_selected_action": [str(row.pk) for row in rows]}
    after = logged_in(cast.olga).post(reverse("admin:billing_alertchannel_changelist"), action, follow=True)
    said = html.unescape(after.content.decode())
    assert "“Mail” took the test alert." in said
    assert "“Inside” did not take the test alert: 127.0.0.1 is not an address on the public internet." in said
    assert (len(mail.outbox), receiver.connections) == (1, 0)


def test_alerts_are_listed_with_what_came_of_them(cast: Cast):
    channel(cast.acme.tenant)
    spend(cast.acme.tenant, usd="85")
    alert = Alert.objects.get()
    client = logged_in(cast.olga)
    seen = listed(Alert, client)
    for text in ("Acme's month", "80 %", "$85.00 of $100.00", "Waiting"):
        assert text in seen
    AlertDelivery.objects.update(status="failed", attempts=7, errors=["2026-11-23 17:30:12 UTC: HTTP 500", "<b>x</b>"])
    assert "Given up" in listed(Alert, client)
    detail = client.get(page(alert, "change")).content.decode()
    assert "HTTP 500" in detail
    assert "&lt;b&gt;x&lt;/b&gt;" in detail
    assert "has used 85 % ($85.00 of $100.00) of this month's amount" in html.unescape(detail)


def test_an_alert_that_was_told_with_a_higher_one_says_so(cast: Cast):
    client = logged_in(cast.olga)
    spend(cast.acme.tenant, usd="85")
    assert "sent to nobody" in listed(Alert, client)
    channel(cast.acme.tenant)
    spend(cast.acme.tenant, usd="15")
    seen = listed(Alert, client)
    assert "see the higher one" in seen
    assert "sent to nobody" not in seen


def test_alerts_can_be_neither_made_nor_changed_nor_deleted(cast: Cast):
    spend(cast.acme.tenant, usd="85")
    alert = Alert.objects.get()
    client = logged_in(cast.olga)
    assert client.get("/admin/billing/alert/add/").status_code == 403
    assert client.post(page(alert, "change"), {"name": "x"}).status_code == 403
    assert client.post(page(alert, "delete"), {"post": "yes"}).status_code == 403
    action = {"action": "delete_selected", "_selected_action": [str(alert.pk)], "post": "yes"}
    client.post(reverse("admin:billing_alert_changelist"), action)
    assert Alert.objects.count() == 1


def test_an_operator_can_still_delete_a_tenant_that_has_alerts(cast: Cast):
    channel(cast.acme.tenant)
    spend(cast.acme.tenant, usd="85")
    tenant = cast.acme.tenant
    address = reverse("admin:tenants_tenant_delete", args=[tenant.pk])
    assert logged_in(cast.olga).post(address, {"post": "yes"}).status_code == 302
    assert (Tenant.objects.filter(pk=tenant.pk).count(), Alert.objects.count(), AlertDelivery.objects.count()) == (
        0,
        0,
        0,
    )


def test_filters_by_budget_threshold_and_delivery(cast: Cast):
    tenant = cast.acme.tenant
    quiet = Budget.objects.create(tenant=tenant, name="Quiet", amount=1000, thresholds=[5])
    channel(tenant, minimum_threshold=80)
    spend(tenant, usd="85")
    AlertDelivery.objects.update(status="delivered", delivered_at=timezone.now())
    client = logged_in(cast.olga)

    def found(**query: str) -> list[str]:
        response = client.get(reverse("admin:billing_alert_changelist"), query)
        return sorted(row.name for row in response.context["cl"].result_list)

    assert found() == ["Acme's month", "Quiet"]
    assert found(budget=str(quiet.pk)) == ["Quiet"]
    assert found(budget=str(cast.globex.budget.pk)) == []
    assert found(budget="no id") == []
    assert found(threshold="80-99") == ["Acme's month"]
    assert found(threshold="1-49") == ["Quiet"]
    assert found(threshold="100") == []
    assert found(delivery="delivered") == ["Acme's month"]
    assert found(delivery="none") == ["Quiet"]
    assert found(delivery="waiting") == found(delivery="failed") == []
    assert found(tenant=str(tenant.pk)) == ["Acme's month", "Quiet"]


def test_a_list_of_many_asks_the_database_no_more_than_a_list_of_few(cast: Cast):
    client = logged_in(cast.olga)

    def queries(model: Any) -> int:
        with CaptureQueriesContext(connection) as captured:
            listed(model, client)
        return len(captured)

    def add(count: int) -> None:
        for _number in range(count):
            channel(cast.acme.tenant, f"Ops {uuid4()}")
            Budget.objects.create(tenant=cast.acme.tenant, name=f"Budget {uuid4()}", amount=1, scope="key")
        spend(cast.acme.tenant, ("key", str(cast.acme.key.api_key.pk)), usd="2")

    add(2)
    few = {model: (queries(model), queries(model))[1] for model in (Alert, AlertChannel)}
    add(5)
    assert Alert.objects.count() == 14
    for model, count in few.items():
        assert queries(model) <= count


def test_a_channel_says_how_its_last_delivery_went(cast: Cast):
    channel(cast.acme.tenant)
    client = logged_in(cast.olga)
    assert "none yet" in listed(AlertChannel, client)
    spend(cast.acme.tenant, usd="85")
    deliveries.run()
    assert "Delivered" in listed(AlertChannel, client)
