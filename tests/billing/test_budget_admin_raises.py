"""Raises on the operators' page of a budget: who made them, what is refused beside them, and what they hold up."""

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from billing.models import Budget, BudgetRaise
from tests.billing.budget_forms import DAY, a_raise, add, errors, form, page, raise_errors, text_of
from tests.cast import Cast, logged_in

pytestmark = pytest.mark.django_db


def test_a_raise_notes_who_made_it_and_belongs_to_the_budgets_tenant(cast: Cast):
    client, row = logged_in(cast.olga), cast.acme.budget
    assert client.post(page(row), form(a_raise("150.5"), name=row.name, amount="100")).status_code == 302
    made = row.raises.get()
    assert (made.amount, made.created_by, made.tenant, made.reason) == (
        Decimal("150.5"), cast.olga, cast.acme.tenant, "Launch day",
    )  # fmt: skip
    changed = a_raise(200, id=str(made.pk), budget=str(row.pk))
    again = form(changed, initial=1, name=row.name, amount="100")
    assert logged_in(cast.olga).post(page(row), again).status_code == 302
    made.refresh_from_db()
    assert (made.amount, made.created_by) == (Decimal(200), cast.olga)
    assert str(cast.olga) in text_of(client.get(page(row)))


def test_a_new_budget_can_have_a_raise_at_once(cast: Cast):
    assert add(logged_in(cast.olga), cast, a_raise(50)).status_code == 302
    made = BudgetRaise.objects.get(budget__name="Fresh")
    assert (made.amount, made.tenant, made.created_by) == (Decimal(50), cast.acme.tenant, cast.olga)


@pytest.mark.parametrize(
    ("given", "fields", "field", "message"),
    [
        (a_raise(25), {}, "amount", "Must be above the budget's own amount."),
        (a_raise(9_000_001), {}, "amount", "At most 9,000,000 USD."),
        (a_raise("30.5"), {"metric": "tokens"}, "amount", "A whole number, please."),
        (a_raise(2**53), {"metric": "requests"}, "amount", "A whole number, please."),
        (a_raise(30, start=DAY, end=DAY / 2), {}, "__all__", "A raise must end after it begins."),
        (a_raise(30, start=-2 * DAY, end=-DAY), {}, "ends_at", "This is over already."),
        (a_raise(30, reason=""), {}, "reason", "This field is required."),
        (a_raise(30, ends_at_0="soon"), {}, "ends_at", "Enter a valid date."),
    ],
)
def test_what_is_wrong_with_a_raise_is_said_beside_it(
    cast: Cast, given: dict[str, Any], fields: dict[str, Any], field: str, message: str
):
    response = add(logged_in(cast.olga), cast, given, **fields)
    assert raise_errors(response) == [{field: [message]}]
    assert not Budget.objects.filter(name="Fresh").exists()


@pytest.mark.parametrize("amount", ["", "nonsense"])
def test_a_raise_beside_a_wrong_amount_is_no_error_of_its_own(cast: Cast, amount: str):
    response = add(logged_in(cast.olga), cast, a_raise(30), amount=amount)
    assert set(errors(response)) == {"amount"}
    assert raise_errors(response) == [{}]


def test_a_raise_of_long_ago_does_not_hold_up_an_edit(cast: Cast):
    row = cast.acme.budget
    old = BudgetRaise.objects.create(
        tenant=row.tenant, budget=row, amount=150, starts_at=timezone.now() - 9 * DAY, ends_at=timezone.now() - DAY, reason="x"
    )  # fmt: skip
    zone = ZoneInfo("UTC")  # the operators' forms are in it
    starts_at, ends_at = old.starts_at.astimezone(zone), old.ends_at.astimezone(zone)
    unchanged = {
        "id": str(old.pk),
        "budget": str(row.pk),
        "amount": "150",
        "starts_at_0": f"{starts_at:%Y-%m-%d}",
        "starts_at_1": f"{starts_at:%H:%M:%S}",
        "ends_at_0": f"{ends_at:%Y-%m-%d}",
        "ends_at_1": f"{ends_at:%H:%M:%S}",
        "reason": "x",
    }
    hidden = {f"initial-raises-0-starts_at_{part}": unchanged[f"starts_at_{part}"] for part in (0, 1)}
    BudgetRaise.objects.filter(pk=old.pk).update(
        starts_at=old.starts_at.replace(microsecond=0), ends_at=old.ends_at.replace(microsecond=0)
    )
    response = logged_in(cast.olga).post(page(row), form(unchanged, initial=1, amount="200", **hidden))
    assert response.status_code == 302
    row.refresh_from_db()
    assert (row.amount, row.raises.count()) == (Decimal(200), 1)


@pytest.mark.parametrize(
    ("amount", "message"), [(100, "Must be above the budget's own amount."), (9_000_001, "At most 9,000,000 USD.")]
)
def test_a_raise_that_is_changed_is_checked_again(cast: Cast, amount: int, message: str):
    row = cast.acme.budget
    item = BudgetRaise.objects.create(
        tenant=row.tenant, budget=row, amount=150, ends_at=timezone.now() + DAY, reason="x"
    )
    given = form(a_raise(amount, id=str(item.pk), budget=str(row.pk)), initial=1, amount="100")
    assert raise_errors(logged_in(cast.olga).post(page(row), given)) == [{"amount": [message]}]
    item.refresh_from_db()
    assert item.amount == 150


def test_the_metric_stays_while_a_raise_is_to_come_or_in_force(cast: Cast):
    row = cast.acme.budget
    item = BudgetRaise.objects.create(
        tenant=row.tenant, budget=row, amount=150, ends_at=timezone.now() + DAY, reason="x"
    )
    client = logged_in(cast.olga)
    kept = a_raise(150, id=str(item.pk), budget=str(row.pk))
    response = client.post(page(row), form(kept, initial=1, metric="tokens", amount="100"))
    assert errors(response) == {
        "metric": ["End this budget's temporary raises first: their amounts are in the old unit."]
    }
    item.delete()
    assert client.post(page(row), form(metric="tokens", amount="100")).status_code == 302


def test_a_raise_can_be_deleted(cast: Cast):
    row = cast.acme.budget
    item = BudgetRaise.objects.create(
        tenant=row.tenant, budget=row, amount=150, ends_at=timezone.now() + DAY, reason="x"
    )
    gone = a_raise(150, id=str(item.pk), budget=str(row.pk), DELETE="on")
    assert logged_in(cast.olga).post(page(row), form(gone, initial=1, amount="100")).status_code == 302
    assert not row.raises.exists()
