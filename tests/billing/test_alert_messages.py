"""What people read, word for word, and what programs read."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings

from billing import alert_messages
from billing.models import Alert, Budget
from tenants.models import ApiKey, Tenant
from tests.billing.alert_ledger import NOW, VIENNA, channel
from tests.cast import Cast

pytestmark = pytest.mark.django_db
DELIVERY = UUID("01a20000-0000-7000-8000-000000000001")


def alert(tenant: Tenant, **fields: Any) -> Any:
    values: dict[str, Any] = {
        "tenant": tenant,
        "source": str(uuid4()),
        "name": "Support bot",
        "dimension": "tenant",
        "subject": "",
        "metric": "usd",
        "window": "month",
        "window_start": dt.datetime(2026, 11, 1, tzinfo=VIENNA),
        "window_end": dt.datetime(2026, 12, 1, tzinfo=VIENNA),
        "threshold": 80,
        "amount": Decimal(50),
        "used": Decimal("40.129999999"),
        "crossed_at": NOW,
    }
    row = Alert.objects.create(**{**values, **fields})
    return alert_messages.with_key_names(Alert.objects.select_related("tenant")).get(id=row.id)


def test_a_share_of_a_budget(cast: Cast):
    message = alert_messages.of(alert(cast.acme.tenant), DELIVERY)
    assert message.text == (
        "Acme: budget “Support bot” has used 80 % ($40.12 of $50.00) of this month's amount; "
        "it resets on 1 December 00:00 (Europe/Vienna)."
    )
    assert message.subject == "Acme: budget “Support bot” at 80 %"


def test_a_budget_that_is_used_up(cast: Cast):
    message = alert_messages.of(alert(cast.acme.tenant, threshold=100, used=Decimal("49.999999999")), DELIVERY)
    assert message.text == (
        "Acme: budget “Support bot” is used up ($49.99 of $50.00 of this month's amount). "
        "Requests are refused until it resets on 1 December 00:00 (Europe/Vienna)."
    )
    assert message.subject == "Acme: budget “Support bot” is used up"


def test_a_budget_of_each_subject_names_the_subject(cast: Cast):
    end = dt.datetime(2026, 11, 24, tzinfo=VIENNA)
    each = {"metric": "tokens", "amount": 50_000, "used": 42_500, "window": "day", "window_end": end}
    said = alert_messages.of(alert(cast.acme.tenant, dimension="end_user", subject="ada", **each), DELIVERY)
    assert said.text == (
        "Acme: budget “Support bot”, end user “ada”, has used 85 % (42,500 of 50,000 tokens) of this day's amount; "
        "it resets on 24 November 00:00 (Europe/Vienna)."
    )
    assert said.subject == "Acme: budget “Support bot”, end user “ada” at 85 %"


def test_what_never_resets(cast: Cast):
    ever = {"window": "total", "window_end": None, "metric": "requests", "amount": 1000}
    share = alert(cast.acme.tenant, used=800, **ever)
    assert alert_messages.text(share) == (
        "Acme: budget “Support bot” has used 80 % (800 of 1,000 requests) of the whole amount, which never resets."
    )
    whole = alert(cast.acme.tenant, used=1000, threshold=100, **ever)
    assert alert_messages.text(whole) == (
        "Acme: budget “Support bot” is used up (1,000 of 1,000 requests of the whole amount). Requests are refused until it is raised."
    )


def test_a_plans_limit(cast: Cast):
    row = alert(cast.acme.tenant, source="plan:usd_per_month", name="plan Team, USD per month")
    assert alert_messages.what(row) == "limit “plan Team, USD per month”"


def test_a_keys_own_amount_names_the_key_as_long_as_there_is_one(cast: Cast):
    key = cast.acme.key.api_key
    own = {
        "source": "key:usd_per_month",
        "name": "this key's USD per month",
        "dimension": "key",
        "subject": str(key.id),
    }
    row = alert(cast.acme.tenant, **own)
    assert alert_messages.text(row).startswith("Acme: API key “Acme bot” has used 80 % ($40.12 of $50.00)")
    ApiKey.objects.filter(id=key.id).delete()
    gone = alert_messages.with_key_names(Alert.objects.select_related("tenant")).get(id=row.id)
    assert alert_messages.what(gone) == f"API key “deleted ({key.id})”"


def test_another_tenants_key_of_that_id_is_not_named(cast: Cast):
    theirs = cast.globex.key.api_key
    row = alert(cast.acme.tenant, dimension="key", subject=str(theirs.id))
    assert "Globex" not in alert_messages.text(row)


@pytest.mark.parametrize(
    ("used", "amount", "said"),
    [
        ("0.0412", "0.05", "$0.0412 of $0.05"),
        ("0.000000999", "0.000001", "$0.00 of $0.000001"),
        ("1234.5", "9000000", "$1,234.50 of $9,000,000.00"),
        ("0", "0", "$0.00 of $0.00"),
    ],
)
def test_small_and_large_amounts_of_money(cast: Cast, used: str, amount: str, said: str):
    assert alert_messages.quantities(alert(cast.acme.tenant, used=Decimal(used), amount=Decimal(amount))) == said


def test_one_of_one(cast: Cast):
    assert alert_messages.quantities(alert(cast.acme.tenant, metric="requests", used=1, amount=1)) == "1 of 1 request"


def test_the_data_is_as_documented(cast: Cast):
    tenant = cast.acme.tenant
    budget = Budget.objects.create(tenant=tenant, name="Support bot", amount=50)
    row = alert(tenant, source=str(budget.id), budget=budget)
    message = alert_messages.of(row, DELIVERY)
    assert (message.id, message.event, message.at) == (
        "msg_01a20000000070008000000000000001",
        "budget.threshold_crossed",
        NOW,
    )
    assert message.data == {
        "alert_id": str(row.id),
        "tenant": {"id": str(tenant.id), "slug": tenant.slug, "name": "Acme"},
        "severity": "warning",
        "budget": {"id": str(budget.id), "source": str(budget.id), "name": "Support bot"},
        "dimension": "tenant",
        "subject": "",
        "subject_name": "",
        "metric": "usd",
        "threshold_percent": 80,
        "used_percent": 80,
        "used": "40.129999999",
        "amount": "50",
        "window": {"kind": "month", "start": "2026-10-31T23:00:00+00:00", "end": "2026-11-30T23:00:00+00:00"},
        "text": message.text,
    }


def test_the_operators_guide_shows_what_a_webhook_is_sent(cast: Cast):
    guide = (settings.BASE_DIR / "docs" / "operating.md").read_text()
    example = json.loads(guide.partition("```json")[2].partition("```")[0])
    sent = alert_messages.of(alert(cast.acme.tenant), DELIVERY)

    def shape(value: Any) -> Any:
        return {name: shape(part) for name, part in value.items()} if isinstance(value, dict) else None

    assert (example["type"], shape(example["data"])) == (sent.event, shape(sent.data))
    assert example["data"]["text"] == sent.text


def test_a_test_alert_says_that_it_is_one(cast: Cast):
    message = alert_messages.trial(channel(cast.acme.tenant), DELIVERY, NOW)
    assert message.event == "alert.test"
    assert message.text == "Acme: this is a test alert of Tollgate's for the channel “Ops”. No budget was crossed."
