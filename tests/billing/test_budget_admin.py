"""Budgets on the operators' pages: who may change them, and what is refused beside its field."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from billing.models import Budget, BudgetRaise
from tenants import api_keys
from tests.billing.budget_forms import ADD, LIST, a_raise, add, errors, form, page, text_of, values_of
from tests.cast import Cast, in_console, logged_in

pytestmark = pytest.mark.django_db


def test_operators_add_change_and_delete(cast: Cast):
    client = logged_in(cast.olga)
    assert add(client, cast).status_code == 302
    row = Budget.objects.get(name="Fresh")
    assert (row.tenant, row.amount, row.thresholds) == (cast.acme.tenant, Decimal(25), [80])
    assert client.post(page(row), form(name="Renamed")).status_code == 302
    row.refresh_from_db()
    assert row.name == "Renamed"
    assert client.post(page(row, "delete"), {"post": "yes"}).status_code == 302
    assert not Budget.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("person", ["alice", "charlie"])
def test_nobody_else_has_these_pages(cast: Cast, person: str):
    """The console has others."""
    row = cast.acme.budget
    for client in (logged_in(getattr(cast, person)), in_console(cast.alice, cast.acme.tenant)):
        assert client.get(LIST).status_code in (403, 404)
        assert client.post(page(row), form(name="Taken")).status_code in (403, 404)
        assert add(client, cast).status_code in (403, 404)
        assert client.post(page(row, "delete"), {"post": "yes"}).status_code in (403, 404)
    row.refresh_from_db()
    assert row.name == "Acme's month"


def test_a_budget_keeps_its_tenant(cast: Cast):
    row = cast.acme.budget
    response = logged_in(cast.olga).post(page(row), form(a_raise(500), tenant=str(cast.globex.tenant.pk)))
    assert response.status_code == 302
    row.refresh_from_db()
    assert (row.tenant, row.name) == (cast.acme.tenant, "Fresh")
    assert row.raises.get().tenant == cast.acme.tenant


def test_an_operator_is_asked_for_the_tenant_first(cast: Cast):
    client = logged_in(cast.olga)
    asked = text_of(client.get(ADD, {"_popup": "1"}))
    assert "Whose budget is it?" in asked
    assert '<input type="hidden" name="_popup" value="1">' in asked
    assert "id_amount" not in asked
    content = text_of(client.get(ADD, {"tenant": str(cast.acme.tenant.pk)}))
    assert "id_amount" in content
    assert str(cast.acme.key.api_key) in content
    assert str(cast.globex.key.api_key) not in content
    for nonsense in ("nonsense", ""):
        assert "Whose budget is it?" in text_of(client.get(ADD, {"tenant": nonsense}))


def test_only_the_tenants_own_keys_are_offered_and_taken(cast: Cast):
    own, revoked = cast.acme.key.api_key, api_keys.create(cast.acme.tenant, name="lost bot").api_key
    api_keys.revoke(revoked)
    theirs = cast.globex.key.api_key
    client = logged_in(cast.olga)  # who may see the keys of both
    for content in (
        text_of(client.get(ADD, {"tenant": str(cast.acme.tenant.pk)})),
        text_of(client.get(page(cast.acme.budget))),
    ):
        assert str(own.pk) in content
        assert str(theirs.pk) not in content
        assert str(revoked.pk) not in content
    for key in (theirs, revoked):
        assert "api_key" in errors(add(client, cast, scope="key", api_key=str(key.pk)))
        assert "api_key" in errors(client.post(page(cast.acme.budget), form(scope="key", api_key=str(key.pk))))
    assert add(client, cast, scope="key", api_key=str(own.pk)).status_code == 302
    assert Budget.objects.get(name="Fresh").api_key == own


def test_a_budget_of_a_key_that_was_revoked_since_can_still_be_edited(cast: Cast):
    key = cast.acme.key.api_key
    row = Budget.objects.create(tenant=cast.acme.tenant, name="Key's", scope="key", api_key=key, amount=5)
    api_keys.revoke(key)
    response = logged_in(cast.olga).post(page(row), form(name="Key's", scope="key", api_key=str(key.pk), amount="7"))
    assert response.status_code == 302
    row.refresh_from_db()
    assert (row.amount, row.api_key) == (Decimal(7), key)


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"name": ""}, "name", "This field is required."),
        ({"amount": "a lot"}, "amount", "Enter a number."),
        ({"amount": "-1"}, "amount", "Ensure this value is greater than or equal to 0."),
        ({"amount": "NaN"}, "amount", "Enter a number."),
        ({"amount": "9000001"}, "amount", "At most 9,000,000 USD."),
        ({"amount": "1.5", "metric": "tokens"}, "amount", "A whole number, please."),
        ({"amount": "0.0000001"}, "amount", "Ensure that there are no more than 6 decimal places."),
        ({"scope": "end_user", "subject": "x" * 201}, "subject", "Ensure this value has at most 200 characters (it has 201)."),
        ({"scope": "tier"}, "subject", "Name the tier, such as free."),
        ({"scope": "tenant", "subject": "free"}, "subject", "Not for this scope; leave it empty."),
        ({"cheaper_model": "gpt-4o-mini"}, "cheaper_at", "Say from which share on the cheaper model is used."),
        ({"cheaper_at": "100"}, "cheaper_at", "Ensure this value is less than or equal to 99."),
        (
            {"cheaper_at": "80", "cached_only_at": "80"},
            "cached_only_at",
            "Must be above the share at which the cheaper model begins.",
        ),
        ({"thresholds": "50, many"}, "thresholds", "“many” is no percentage from 1 to 99. Write them like this: 50, 80, 95"),
        ({"thresholds": "0"}, "thresholds", "“0” is no percentage from 1 to 99. Write them like this: 50, 80, 95"),
        ({"thresholds": "100"}, "thresholds", "“100” is no percentage from 1 to 99. Write them like this: 50, 80, 95"),
        ({"thresholds": "-5"}, "thresholds", "“-5” is no percentage from 1 to 99. Write them like this: 50, 80, 95"),
        ({"thresholds": "12.5"}, "thresholds", "“12.5” is no percentage from 1 to 99. Write them like this: 50, 80, 95"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_beside_the_field(cast: Cast, fields: dict[str, Any], field: str, message: str):
    response = add(logged_in(cast.olga), cast, **fields)
    assert errors(response) == {field: [message]}
    assert not Budget.objects.filter(name="Fresh").exists()


def test_a_name_stands_in_a_tenant_once(cast: Cast):
    client = logged_in(cast.olga)
    assert "already exists" in str(errors(add(client, cast, name="Acme's month")))
    assert add(client, cast).status_code == 302
    response = client.post(page(Budget.objects.get(name="Fresh")), form(name="Acme's month"))
    assert "already exists" in str(errors(response))
    assert add(logged_in(cast.olga), cast, name="Acme's month", tenant=str(cast.globex.tenant.pk)).status_code == 302


@pytest.mark.parametrize(
    ("given", "kept"),
    [("80", [80]), ("95,50", [50, 95]), (" 50 % , 80%;95 ", [50, 80, 95]), ("50,50", [50]), ("", []), (",", [])],
)
def test_percentages_are_taken_as_people_write_them(cast: Cast, given: str, kept: list[int]):
    client = logged_in(cast.olga)
    assert add(client, cast, thresholds=given).status_code == 302
    row = Budget.objects.get(name="Fresh")
    assert row.thresholds == kept
    assert values_of(client.get(page(row))).get("thresholds", "") == ", ".join(str(item) for item in kept)


def test_nothing_of_a_refused_form_is_lost(cast: Cast):
    typed = form(
        a_raise("lots", reason="Black “Friday” <b>"),
        tenant=str(cast.acme.tenant.pk),
        name="Black “Friday” & more",
        scope="end_user",
        subject="customer <7>",
        amount="12,5",
        thresholds="50, 8O",
        cheaper_at="7x",
        cheaper_model="gpt-4o-mini",
        cached_only_at="95",
    )
    response = logged_in(cast.olga).post(ADD, typed)
    shown = values_of(response)
    for name in ("name", "subject", "amount", "thresholds", "cheaper_at", "cheaper_model", "cached_only_at"):
        assert shown[name] == typed[name]
    for name in ("amount", "starts_at_0", "starts_at_1", "ends_at_0", "ends_at_1", "reason"):
        assert shown[f"raises-0-{name}"] == typed[f"raises-0-{name}"]
    assert set(errors(response)) == {"amount", "thresholds", "cheaper_at"}
    assert (Budget.objects.filter(tenant=cast.acme.tenant).count(), BudgetRaise.objects.count()) == (1, 0)


def test_a_budget_that_is_not_there_is_not_found(cast: Cast):
    assert logged_in(cast.olga).get(f"{LIST}{uuid4()}/change/").status_code == 404
