"""Writing budgets and raises: what is refused by field, and that a refusal changes nothing."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from billing import budgets
from billing.budgets import Values
from billing.models import Budget, BudgetRaise
from tests.billing.alert_ledger import channel
from tests.cast import Cast

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def refused(run: Any) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        run()
    return dict(caught.value.message_dict)


def test_a_budget_without_a_name_is_named_after_what_it_says(cast: Cast):
    tenant, key = cast.acme.tenant, cast.acme.key.api_key
    made = [
        budgets.create(tenant, Values(amount=Decimal(50))),
        budgets.create(tenant, Values(amount=Decimal("50.00"))),
        budgets.create(tenant, Values(amount=Decimal(5), scope="tier", subject="free", window="day")),
        budgets.create(
            tenant, Values(amount=Decimal(60), scope="key", api_key_id=key.pk, metric="requests", window="minute")
        ),
        budgets.create(tenant, Values(amount=Decimal(1), scope="end_user", metric="tokens", window="total")),
    ]
    assert [row.name for row in made] == [
        "Whole tenant, $50 a month",
        "Whole tenant, $50 a month (2)",
        "Tier free, $5 a day",
        "Key Acme bot, 60 requests a minute",
        "Each end user, 1 token in total",
    ]


def test_values_come_back_as_they_were_given(cast: Cast):
    row = channel(cast.acme.tenant)
    given = Values(
        amount=Decimal(12), name="All", thresholds=(95, 50, 50), cheaper_at=80, cheaper_model="m", cached_only_at=90,
        channel_ids=(row.pk,),
    )  # fmt: skip
    made = budgets.create(cast.acme.tenant, given)
    made.refresh_from_db()
    assert budgets.values_of(made) == replace(given, thresholds=(50, 95))
    budgets.change(made, replace(given, cheaper_at=None, channel_ids=None, is_active=False), now=timezone.now())
    made.refresh_from_db()
    assert (made.cheaper_model, made.channel_ids, made.is_active) == ("", None, False)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"amount": Decimal(-1)}, "amount"),
        ({"amount": Decimal(9_000_001)}, "amount"),
        ({"amount": Decimal("1.5"), "metric": "tokens"}, "amount"),
        ({"scope": "tier"}, "subject"),
        ({"scope": "tenant", "subject": "free"}, "subject"),
        ({"scope": "nonsense"}, "scope"),
        ({"cheaper_at": 90, "cached_only_at": 80}, "cached_only_at"),
        ({"thresholds": (100,)}, "thresholds"),
        ({"scope": "key", "api_key_id": uuid4()}, "api_key"),
        ({"channel_ids": (uuid4(),)}, "channel_ids"),
    ],
)
def test_what_is_wrong_is_told_by_field_and_nothing_is_made_or_changed(cast: Cast, fields: dict[str, Any], field: str):
    values = replace(Values(amount=Decimal(5), name="Fresh"), **fields)
    assert field in refused(lambda: budgets.create(cast.acme.tenant, values))
    assert field in refused(
        lambda: budgets.change(Budget.objects.get(pk=cast.acme.budget.pk), values, now=timezone.now())
    )
    assert list(Budget.objects.filter(tenant=cast.acme.tenant).values_list("name", "amount")) == [
        ("Acme's month", Decimal(100))
    ]


def test_another_tenants_key_and_channel_do_not_exist(cast: Cast):
    key = Values(amount=Decimal(5), scope="key", api_key_id=cast.globex.key.api_key.pk)
    told = Values(amount=Decimal(5), channel_ids=(cast.globex.channel.pk,))
    assert refused(lambda: budgets.create(cast.acme.tenant, key)) == {"api_key": ["There is no such API key."]}
    assert refused(lambda: budgets.create(cast.acme.tenant, told)) == {
        "channel_ids": ["There is no such alert channel."]
    }
    assert Budget.objects.filter(tenant=cast.acme.tenant).count() == 1


def test_a_name_stands_in_a_tenant_once(cast: Cast):
    values = Values(amount=Decimal(5), name="Acme's month")
    taken = {"name": ["Another budget is called that already."]}
    assert refused(lambda: budgets.create(cast.acme.tenant, values)) == taken
    assert budgets.create(cast.globex.tenant, values).name == "Acme's month"


def test_the_unit_stays_while_a_raise_is_to_come_or_in_force(cast: Cast):
    row, now = cast.acme.budget, timezone.now()
    item = budgets.raise_temporarily(row, amount=Decimal(150), ends_at=now + DAY, reason="x", by=None, now=now)
    values = replace(budgets.values_of(row), metric="tokens")
    assert "metric" in refused(lambda: budgets.change(row, values, now=now))
    row.refresh_from_db()
    assert row.metric == "usd"
    budgets.end_raise(item, now + DAY / 2)
    budgets.change(row, values, now=now + DAY / 2)
    assert row.metric == "tokens"


def test_a_raise_begins_now_and_notes_who_made_it(cast: Cast):
    row, now = cast.acme.budget, timezone.now()
    made = budgets.raise_temporarily(row, amount=Decimal(150), ends_at=now + DAY, reason="Launch", by=cast.ada, now=now)
    assert (made.starts_at, made.tenant, made.created_by, made.reason) == (now, cast.acme.tenant, cast.ada, "Launch")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"amount": Decimal(100)}, "amount"),
        ({"amount": Decimal(9_000_001)}, "amount"),
        ({"days": -1}, "ends_at"),
        ({"reason": ""}, "reason"),
    ],
)
def test_a_raise_that_makes_no_sense_is_refused(cast: Cast, fields: dict[str, Any], field: str):
    now = timezone.now()
    given = {"amount": Decimal(150), "reason": "x", "days": 1, **fields}
    ends_at = now + given.pop("days") * DAY
    row = cast.acme.budget
    assert field in refused(lambda: budgets.raise_temporarily(row, ends_at=ends_at, by=None, now=now, **given))
    assert not BudgetRaise.objects.exists()


def test_a_raise_ends_early_and_one_that_has_not_begun_goes(cast: Cast):
    row, now = cast.acme.budget, timezone.now()
    under_way = budgets.raise_temporarily(
        row, amount=Decimal(150), ends_at=now + DAY, reason="x", by=None, now=now - DAY
    )
    to_come = budgets.raise_temporarily(
        row, amount=Decimal(160), ends_at=now + 2 * DAY, reason="x", by=None, now=now, starts_at=now + DAY
    )
    for item in (under_way, to_come):
        budgets.end_raise(item, now)
    assert list(row.raises.values_list("amount", "ends_at")) == [(Decimal(150), now)]
    budgets.end_raise(under_way, now + DAY)  # once more changes nothing
    assert row.raises.get().ends_at == now


def test_a_budget_is_switched_off_and_on_and_deleted_with_its_raises(cast: Cast):
    row, now = cast.acme.budget, timezone.now()
    budgets.raise_temporarily(row, amount=Decimal(150), ends_at=now + DAY, reason="x", by=None, now=now)
    for is_active in (False, True):
        budgets.switch(row, is_active=is_active)
        row.refresh_from_db()
        assert row.is_active is is_active
    alert = cast.acme.alert
    budgets.delete(row)
    alert.refresh_from_db()
    assert (alert.budget_id, BudgetRaise.objects.count()) == (None, 0)
