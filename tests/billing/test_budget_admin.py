"""Budgets on the operators' pages: what is refused beside its field, raises, and what is shown."""

import datetime as dt
import html
import re
from decimal import Decimal
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from auditlog.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from billing.models import Budget, BudgetRaise, DailyUsage
from tenants import api_keys, audit
from tenants.models import Tenant
from tests.cast import Cast, at_work, company, in_console, logged_in

pytestmark = pytest.mark.django_db

ADD = "/admin/billing/budget/add/"
LIST = "/admin/billing/budget/"
DAY = dt.timedelta(days=1)


def page(row: Budget, name: str = "change") -> str:
    return reverse(f"admin:billing_budget_{name}", args=[row.pk])


def form(*raises: dict[str, Any], initial: int = 0, **fields: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": "Fresh",
        "scope": "tenant",
        "api_key": "",
        "subject": "",
        "metric": "usd",
        "window": "month",
        "amount": "25",
        "thresholds": "80",
        "cheaper_at": "",
        "cheaper_model": "",
        "cached_only_at": "",
        "is_active": "on",
        "raises-TOTAL_FORMS": len(raises),
        "raises-INITIAL_FORMS": initial,
        **fields,
    }
    for number, row in enumerate(raises):
        values |= {f"raises-{number}-{name}": value for name, value in row.items()}
    return values


def a_raise(amount: Any, *, start: dt.timedelta = -DAY, end: dt.timedelta = DAY, **fields: Any) -> dict[str, Any]:
    starts_at, ends_at = (timezone.now() + span for span in (start, end))
    return {
        "amount": str(amount),
        "starts_at_0": f"{starts_at:%Y-%m-%d}",
        "starts_at_1": f"{starts_at:%H:%M:%S}",
        "ends_at_0": f"{ends_at:%Y-%m-%d}",
        "ends_at_1": f"{ends_at:%H:%M:%S}",
        "reason": "Launch day",
        **fields,
    }


def add(client: Client, cast: Cast, *raises: dict[str, Any], **fields: Any) -> Any:
    return client.post(ADD, form(*raises, **{"tenant": str(cast.acme.tenant.pk), **fields}))


def errors(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    return {name: list(texts) for name, texts in response.context["adminform"].form.errors.items()}


def raise_errors(response: Any) -> list[dict[str, list[str]]]:
    assert response.status_code == 200
    (inline,) = response.context["inline_admin_formsets"]
    return [{name: list(texts) for name, texts in item.items()} for item in inline.formset.errors]


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def values_of(response: Any) -> dict[str, str]:
    """What stands in the inputs."""
    found = {}
    for tag in re.findall(r"<input[^>]*>", response.content.decode()):
        name, value = (re.search(rf'\b{attribute}="([^"]*)"', tag) for attribute in ("name", "value"))
        if name is not None and value is not None:
            found[name[1]] = html.unescape(value[1])
    return found


# Who may do what


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


# The form


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


def test_amounts_are_shown_without_zeros_behind(cast: Cast):
    row = cast.acme.budget
    BudgetRaise.objects.create(
        tenant=row.tenant, budget=row, amount=Decimal("150.5"), ends_at=timezone.now() + DAY, reason="x"
    )
    shown = values_of(logged_in(cast.olga).get(page(row)))
    assert (shown["amount"], shown["raises-0-amount"]) == ("100", "150.5")


# Raises


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


# What is shown


def test_the_history_tells_of_the_budget_and_of_its_raises(cast: Cast):
    client = logged_in(cast.olga)
    assert add(client, cast, a_raise(50), thresholds="50, 80").status_code == 302
    row = Budget.objects.get(name="Fresh")
    item = row.raises.get()
    changed = form(a_raise(75, id=str(item.pk), budget=str(row.pk)), initial=1, amount="30", thresholds="90")
    assert client.post(page(row), changed).status_code == 302
    content = text_of(client.get(page(row, "history")))
    for told in (
        "budget: Fresh",
        "temporary raise: Fresh: 50",
        "temporary raise: Fresh: 75",
        "Launch day",
        "Raised to",
        "Alert at (%)",
    ):
        assert told in content, told
    entries = {(entry.content_type.model, entry.action): entry for entry in audit.history_of(row)}
    assert set(entries) == {
        (model, action)
        for model in ("budget", "budgetraise")
        for action in (LogEntry.Action.CREATE, LogEntry.Action.UPDATE)
    }
    update = entries["budget", LogEntry.Action.UPDATE]
    assert (update.actor, set(update.changes_dict)) == (cast.olga, {"amount", "thresholds"})
    assert entries["budgetraise", LogEntry.Action.UPDATE].additional_data == {
        "tenant_id": str(cast.acme.tenant.pk),
        "part_of": str(row.pk),
    }
    assert (
        client.post(
            page(row), form(a_raise(75, id=str(item.pk), budget=str(row.pk), DELETE="on"), initial=1, amount="30")
        ).status_code
        == 302
    )
    assert LogEntry.Action.DELETE in audit.history_of(row).values_list("action", flat=True)


def test_deleting_a_budget_is_told_with_its_raises(cast: Cast):
    row = cast.acme.budget
    BudgetRaise.objects.create(tenant=row.tenant, budget=row, amount=150, ends_at=timezone.now() + DAY, reason="x")
    pk = str(row.pk)
    assert logged_in(cast.olga).post(page(row, "delete"), {"post": "yes"}).status_code == 302
    deleted = LogEntry.objects.filter(action=LogEntry.Action.DELETE)
    assert sorted(deleted.values_list("object_repr", flat=True)) == ["Acme's month", "Acme's month: 150.000000"]
    assert set(deleted.filter(additional_data__part_of=pk).values_list("content_type__model", flat=True)) == {
        "budgetraise"
    }


def test_the_list_says_each_budget_in_words_with_what_is_in_force_and_used(cast: Cast):
    row = cast.acme.budget
    BudgetRaise.objects.create(
        tenant=row.tenant,
        budget=row,
        amount=150,
        ends_at=dt.datetime(2099, 1, 2, 22, 30, tzinfo=dt.UTC),
        reason="x",
    )
    DailyUsage.objects.create(
        tenant=row.tenant, day=timezone.localdate(timezone=_vienna()), dimension="tenant", subject="", requests=1,
        input_tokens=1, cache_read_tokens=0, output_tokens=1, cost_usd="75.000000001",
    )  # fmt: skip
    Budget.objects.create(
        tenant=row.tenant, name="Users", scope="end_user", metric="tokens", window="day", amount=1, cheaper_at=80
    )
    content = text_of(logged_in(cast.olga).get(LIST))
    for told in (
        "Block when the whole tenant spends more than $100 a month",
        "$150<small>raised until 2 Jan 2099 23:30</small>",  # in Vienna
        "$75.000000001",
        "50 %",
        'style="width: 50%"',
        "Block each end user who uses more than 1 token a day. From 80 % on, the cheapest model of the route answers.",
        "nothing yet",
    ):
        assert told in content, told


def _vienna() -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo("Europe/Vienna")


def test_the_page_shows_who_used_most(cast: Cast):
    row = Budget.objects.create(
        tenant=cast.acme.tenant, name="Users", scope="end_user", metric="tokens", window="total", amount=200
    )
    for name, tokens in (("<b>ann</b>", 150), ("ben", 250)):
        DailyUsage.objects.create(
            tenant=cast.acme.tenant, day="2026-11-01", dimension="end_user", subject=name, requests=1,
            input_tokens=tokens, cache_read_tokens=0, output_tokens=0, cost_usd=0,
        )  # fmt: skip
    raw = logged_in(cast.olga).get(page(row)).content.decode()
    assert "&lt;b&gt;ann&lt;/b&gt;" in raw
    assert "<b>ann</b>" not in raw
    content = html.unescape(raw)
    assert content.index("ben") < content.index("<b>ann</b>")
    for told in ("250 tokens of 200 tokens", "125 %", "150 tokens of 200 tokens", "75 %", "from the beginning"):
        assert told in content, told


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"q": "users"}, {"Users"}),
        ({"q": "customer-9"}, {"Users"}),
        ({"q": "Acme bot"}, {"Bot"}),
        ({"scope__exact": "key"}, {"Bot"}),
        ({"metric__exact": "tokens"}, {"Users"}),
        ({"window__exact": "day"}, {"Users"}),
        ({"is_active__exact": "0"}, {"Bot"}),
        ({}, {"Users", "Bot", "Acme's month", "Globex's month"}),
    ],
)
def test_search_and_filters_find_budgets(cast: Cast, query: dict[str, str], names: set[str]):
    tenant, key = cast.acme.tenant, cast.acme.key.api_key
    Budget.objects.create(
        tenant=tenant, name="Users", scope="end_user", subject="customer-9", metric="tokens", window="day", amount=1
    )
    Budget.objects.create(tenant=tenant, name="Bot", scope="key", api_key=key, amount=1, is_active=False)
    response = logged_in(cast.olga).get(LIST, query)
    ours = (cast.acme.tenant.pk, cast.globex.tenant.pk)  # of others, tests of the whole way leave budgets behind
    assert {row.name for row in response.context["cl"].result_list if row.tenant_id in ours} == names


def test_the_list_and_the_page_ask_the_database_no_more_for_many(cast: Cast):
    client = logged_in(cast.olga)

    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200
        return len(captured)

    for number in range(2):
        company(f"Extra{number}", cast.plan)
    addresses = (LIST, page(cast.acme.budget))
    for address in addresses:
        queries(address)
    few = [queries(address) for address in addresses]
    for number, tenant in enumerate(Tenant.objects.all()):
        Budget.objects.create(tenant=tenant, name=f"More {number}", window="day", amount=5)
        Budget.objects.create(tenant=tenant, name=f"Still more {number}", amount=5)
    for number in range(4):
        BudgetRaise.objects.create(
            tenant=cast.acme.tenant, budget=cast.acme.budget, amount=200 + number, ends_at=timezone.now() + DAY, reason="x",
            created_by=cast.ada,
        )  # fmt: skip
    assert queries(LIST) <= few[0]
    assert queries(page(cast.acme.budget)) <= few[1]
    assert few[0] <= 25
    assert few[1] <= 25


def test_a_budget_that_is_not_there_is_not_found(cast: Cast):
    assert logged_in(cast.olga).get(f"{LIST}{uuid4()}/change/").status_code == 404


# The keys' own limits


def test_a_keys_limits_are_set_on_its_page(cast: Cast):
    key = cast.acme.key.api_key
    fields = {
        "name": key.name,
        "scopes": ["chat"],
        "requests_per_minute": "60",
        "tokens_per_minute": "90000",
        "tokens_per_month": "5000000",
        "usd_per_month": "12.5",
    }
    address = reverse("admin:tenants_apikey_change", args=[key.pk])
    client = at_work(cast.ada)
    assert client.post(address, fields).status_code == 302
    key.refresh_from_db()
    assert (key.requests_per_minute, key.tokens_per_minute, key.tokens_per_month, key.usd_per_month) == (
        60, 90_000, 5_000_000, Decimal("12.5"),
    )  # fmt: skip
    response = client.post(
        address, {**fields, "tokens_per_minute": "0", "tokens_per_month": "0", "usd_per_month": "-1"}
    )
    assert set(errors(response)) == {"tokens_per_minute", "tokens_per_month", "usd_per_month"}
    shown = client.get(reverse("admin:tenants_apikey_add")).content.decode()
    assert [
        name for name in ("tokens_per_minute", "tokens_per_month", "usd_per_month") if f'name="{name}"' not in shown
    ] == []
