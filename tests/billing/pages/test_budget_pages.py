"""Budgets in the console: read as sentences, written as one, raised for a while, and with a history."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.utils import timezone

from billing.models import Budget, BudgetRaise
from tests.billing.alert_ledger import channel, forget_all, spend, use
from tests.cast import Cast, ConsoleClient

pytestmark = pytest.mark.django_db

Console = Callable[[str], ConsoleClient]
FORM = {"who": "tier:one", "subject_tier": "free", "amount": "50", "metric": "usd", "window": "day"}
FORM |= {"thresholds": "50, 80 %", "cheaper_at": "80", "cached_only_at": "95", "audience": "all", "name": ""}


def text_of(client: ConsoleClient, path: str, **headers: str) -> str:
    response = client.get(client.home + path, headers=headers or None)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_the_list_says_each_limit_in_words_with_what_is_used_and_who_is_told(cast: Cast, console: Console):
    forget_all()
    channel(cast.acme.tenant, "On call")
    use(cast.acme.tenant, usd="85.5", at=timezone.now())
    said = text_of(console("vera"), "budgets/")
    assert "Block when the whole tenant spends more than $100 a month." in said
    assert "<strong>$85.50</strong> of $100" in said
    assert "$14.50 left" in said
    assert "85 %" in said
    assert 'aria-label="$85.50 of $100 used, 85 %; alert at 80 %"' in said
    assert "alerts at 80, 100 % go to On call" in said
    assert "tg-near" in said


def test_a_budget_is_written_as_a_sentence(cast: Cast, console: Console):
    client = console("ada")
    response = client.post(f"{client.home}budgets/add/", FORM, follow=True)
    made = Budget.objects.get(tenant=cast.acme.tenant, scope="tier")
    assert (made.amount, made.thresholds, made.cheaper_at, made.cached_only_at) == (50, [50, 80], 80, 95)
    assert (made.subject, made.window, made.name) == ("free", "day", "Tier free, $50 a day")
    said = " ".join(response.content.decode().split())
    assert "“Tier free, $50 a day” is in force from the next request on." in said
    assert "Block when all users of tier free together spend more than $50 a day" in said
    assert "From 80 % on, the cheapest model of the route answers. From 95 % on, only cached answers are given." in said


@pytest.mark.parametrize(
    ("fields", "place", "message"),
    [
        ({"amount": ""}, "amount", "This field is required."),
        ({"amount": "-1"}, "amount", "Ensure this value is greater than or equal to 0."),
        ({"metric": "tokens", "amount": "1.5"}, "amount", "A whole number"),
        ({"thresholds": "80, often"}, "thresholds", "“often” is no percentage from 1 to 99"),
        ({"subject_tier": ""}, "subject_tier", "Choose which one."),
        ({"who": "end_user:one"}, "subject_end_user", "Choose which one."),
        ({"cheaper_at": "95", "cached_only_at": "80"}, "cached_only_at", ""),
        ({"name": "Acme's month"}, "name", "already"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_what_was_typed_stays(
    cast: Cast, console: Console, fields: dict[str, str], place: str, message: str
):
    client = console("ada")
    content = client.post(f"{client.home}budgets/add/", {**FORM, **fields}).content.decode()
    _before, found, after = content.partition(f'<ul class="tg-errors" id="new-{place}_error">')
    assert found
    assert message in after.partition("</ul>")[0]
    assert 'value="50, 80 %"' in content or "thresholds" in fields
    assert Budget.objects.filter(tenant=cast.acme.tenant).count() == 1


def test_in_the_list_the_form_takes_the_lines_place_and_the_saved_line_the_forms(cast: Cast, console: Console):
    client, budget = console("ada"), cast.acme.budget
    place = f"budgets/{budget.pk}/edit/"
    part = text_of(client, f"{place}?part=1")
    assert part.startswith(f'<form class="tg-panel" id="budget-{budget.pk}"')
    assert 'value="100"' in part
    form = {"who": "tenant", "amount": "1250.5", "metric": "usd", "window": "month", "audience": "all", "name": "Acme"}
    response = client.post(client.home + place, form, headers={"HX-Request": "true"})
    said = " ".join(response.content.decode().split())
    assert f'id="budget-{budget.pk}"' in said
    assert "spends more than $1,250.50 a month." in said
    assert "Saved: “Acme” is in force like this from the next request on." in said
    refused = client.post(client.home + place, {**form, "amount": "x"}, headers={"HX-Request": "true"})
    assert "Enter a number." in refused.content.decode()
    assert "<html" not in refused.content.decode()
    budget.refresh_from_db()
    assert (budget.name, budget.amount) == ("Acme", Decimal("1250.5"))


def test_before_it_is_saved_it_says_what_it_would_have_done(cast: Cast, console: Console):
    now = timezone.now()
    for days, usd in ((1, "12"), (2, "3"), (40, "99")):
        use(cast.acme.tenant, usd=usd, at=now - dt.timedelta(days=days))
    client = console("ada")
    asked = "budgets/preview/?who=tenant&amount=10&metric=usd&window=day&audience=all"
    said = text_of(client, asked)
    assert "Block when the whole tenant spends more than $10 a day" in said
    assert "used up in 1 of the last 30 days; the most was $12.00." in said
    assert "Fill in the sentence" in text_of(client, "budgets/preview/?who=tenant&amount=")


def test_it_is_raised_for_a_while_with_a_reason_and_the_raise_can_be_ended(cast: Cast, console: Console):
    client, budget = console("ada"), cast.acme.budget
    place, ends_at = f"{client.home}budgets/{budget.pk}/raises/", timezone.localtime() + dt.timedelta(days=2)
    form = {"amount": "150", "ends_at": f"{ends_at:%Y-%m-%dT%H:%M}", "reason": "Sale"}
    for wrong, message in (
        ({"amount": "100"}, "Must be above the budget&#x27;s own amount."),
        ({"ends_at": "2020-01-01T10:00"}, "This is over already."),
        ({"reason": ""}, "This field is required."),
    ):
        assert message in client.post(place, {**form, **wrong}).content.decode()
    assert not BudgetRaise.objects.filter(budget=budget).exists()
    said = client.post(place, form, follow=True).content.decode()
    assert "raised from $100 to $150" in said
    assert "Raised to $150 until" in said
    item = BudgetRaise.objects.get(budget=budget)
    assert (item.created_by, item.reason) == (cast.ada, "Sale")
    said = client.post(f"{client.home}budgets/raises/{item.pk}/end/", follow=True).content.decode()
    assert "raised from" not in said
    assert "Raised it to $150 until" in said  # the history still tells of it


def test_the_history_tells_who_changed_what_and_what_was_crossed(cast: Cast, console: Console):
    forget_all()
    client, budget = console("ada"), cast.acme.budget
    form = {"who": "tenant", "amount": "90", "metric": "usd", "window": "month", "thresholds": "80", "audience": "all"}
    client.post(f"{client.home}budgets/{budget.pk}/edit/", {**form, "name": budget.name})
    client.post(f"{client.home}budgets/{budget.pk}/switch/", {"to": "off"})
    client.post(f"{client.home}budgets/{budget.pk}/switch/", {"to": "on"})
    spend(cast.acme.tenant, usd="75", at=timezone.now())
    said = text_of(console("vera"), f"budgets/{budget.pk}/")
    events = said.partition('<ol class="tg-history">')[2]
    for event in (
        "Crossed 80 %: $75.00 of $90.00.",
        "Switched it on.",
        "Switched it off.",
        "Changed the amount from $100 to $90.",
    ):
        assert event in events
    assert events.count("ada") == 3


def test_deleting_asks_first_and_a_budget_that_is_gone_is_gone(cast: Cast, console: Console):
    client, budget = console("ada"), cast.acme.budget
    place = f"budgets/{budget.pk}/delete/"
    assert "cannot be undone" in text_of(client, place)
    assert Budget.objects.filter(pk=budget.pk).exists()
    client.post(client.home + place)
    assert not Budget.objects.filter(pk=budget.pk).exists()
    assert client.get(client.home + f"budgets/{budget.pk}/").status_code == 404


def test_a_tenant_without_budgets_is_offered_three_and_then_the_others(cast: Cast, console: Console):
    cast.acme.budget.delete()
    client = console("ada")
    assert text_of(client, "budgets/").count("Add this budget") == 3
    client.post(f"{client.home}budgets/propose/key/")
    client.post(f"{client.home}budgets/propose/key/")  # pressed twice
    made = Budget.objects.filter(tenant=cast.acme.tenant)
    assert [(row.scope, row.window, row.amount, row.name) for row in made] == [
        ("key", "day", 10, "Each API key, $10 a day")
    ]
    said = text_of(client, "budgets/")
    assert said.count("Add this budget") == 2
    assert "More to begin with" in said
    made.update(name="Mine")
    assert "Add this budget" not in text_of(client, "budgets/")
    assert client.post(f"{client.home}budgets/propose/none/").status_code == 404


def test_of_a_budget_for_each_one_can_look_somebody_up(cast: Cast, console: Console):
    budget = Budget.objects.create(
        tenant=cast.acme.tenant, name="Each", scope="end_user", metric="tokens", window="day", amount=1000
    )
    now = timezone.now()
    for name, tokens in (("ann", 400), ("anton", 900), ("ben", 1000)):
        use(cast.acme.tenant, ("end_user", name), tokens=tokens, at=now)
    said = text_of(console("vera"), f"budgets/{budget.pk}/consumers/?q=an")
    assert said.index("anton") < said.index("ann</span>")
    assert "ben" not in said
    assert "900</strong> of 1,000" in said


def test_it_asks_the_database_as_often_for_many_budgets_as_for_few(
    cast: Cast, console: Console, django_assert_max_num_queries: Callable[..., object]
):
    client = console("ada")
    for number in range(30):
        Budget.objects.create(tenant=cast.acme.tenant, name=f"Budget {number}", amount=number)
    with django_assert_max_num_queries(30):
        client.get(f"{client.home}budgets/")
