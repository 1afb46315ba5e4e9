"""What the operators' pages show of budgets: the list in words, the history, who used most."""

import datetime as dt
import html
from decimal import Decimal

import pytest
from auditlog.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.models import Budget, BudgetRaise, DailyUsage
from tenants import audit
from tenants.models import Tenant
from tests.billing.alert_ledger import VIENNA
from tests.billing.budget_forms import DAY, LIST, a_raise, add, form, page, text_of, values_of
from tests.cast import Cast, company, logged_in

pytestmark = pytest.mark.django_db


def test_amounts_are_shown_without_zeros_behind(cast: Cast):
    row = cast.acme.budget
    BudgetRaise.objects.create(
        tenant=row.tenant, budget=row, amount=Decimal("150.5"), ends_at=timezone.now() + DAY, reason="x"
    )
    shown = values_of(logged_in(cast.olga).get(page(row)))
    assert (shown["amount"], shown["raises-0-amount"]) == ("100", "150.5")


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
        tenant=row.tenant, day=timezone.localdate(timezone=VIENNA), dimension="tenant", subject="", requests=1,
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
