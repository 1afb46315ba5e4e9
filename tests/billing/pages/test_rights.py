"""Who may do what on the pages about limits and alerts: looking is for every member, writing for owners and admins, of their own tenant."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from billing.models import AlertChannel, AlertDelivery, Budget, BudgetRaise
from tests.billing.alert_ledger import channel
from tests.cast import Cast, Company, ConsoleClient, in_console

pytestmark = pytest.mark.django_db

FORM = {"who": "tenant", "amount": "7", "metric": "usd", "window": "day", "thresholds": "80", "audience": "all"}
CHANNEL = {"kind": "slack", "target": "https://1.2.3.4/x", "name": "Mine", "minimum_threshold": "1"}
CHANNEL |= {"minimum_severity": "info", "is_active": "on", "kinds": "budget"}
RAISE = {"amount": "200", "ends_at": "2099-01-01T12:00", "reason": "Mine"}


def looked_at(company: Company) -> list[str]:
    budget = company.budget.pk
    return [
        "budgets/", "budgets/?part=1", f"budgets/{budget}/", f"budgets/{budget}/?part=1", f"budgets/{budget}/line/",
        f"budgets/{budget}/consumers/", "alerts/", "alerts/bell/", "alerts/settings/", "channels/", "plan/", "plan/?part=1", "statements/",
    ]  # fmt: skip


def rows_of(company: Company) -> dict[str, Any]:
    """What the written addresses are about, beside the cast's."""
    raised = BudgetRaise.objects.create(
        budget=company.budget, amount=150, ends_at=timezone.now() + dt.timedelta(days=1), reason="Sale"
    )
    delivery = AlertDelivery.objects.create(
        tenant=company.tenant, alert=company.alert, channel=company.channel, status="failed"
    )
    hook = channel(company.tenant, "Hook", kind="webhook", target="https://1.2.3.4/hook")
    return {"raise": raised, "delivery": delivery, "hook": hook}


def written(company: Company, rows: dict[str, Any]) -> list[tuple[str, dict[str, str]]]:
    budget, told = f"budgets/{company.budget.pk}/", f"channels/{company.channel.pk}/"
    return [
        (f"{budget}edit/", FORM),
        (f"{budget}switch/", {"to": "off"}),
        (f"{budget}delete/", {}),
        (f"{budget}raises/", RAISE),
        (f"budgets/raises/{rows['raise'].pk}/end/", {}),
        (told, CHANNEL),
        (f"{told}test/", {}),
        (f"{told}delete/", {}),
        (f"channels/{rows['hook'].pk}/secret/", {}),
        (f"alerts/deliveries/{rows['delivery'].pk}/resend/", {}),
    ]


MADE = [("budgets/add/", FORM), ("budgets/propose/month/", {}), ("channels/add/", CHANNEL)]


def everything() -> list[list[tuple[Any, ...]]]:
    return [
        sorted(model.objects.across("a test's look").values_list(), key=str)
        for model in (Budget, BudgetRaise, AlertChannel, AlertDelivery)
    ]


@pytest.mark.parametrize("person", ["alice", "ada", "bob", "vera", "olga"])
def test_every_member_looks_and_only_owners_and_admins_are_offered_to_write(
    cast: Cast, console: Callable[[str], ConsoleClient], person: str
):
    client, may_write = console(person), person in ("alice", "ada", "olga")
    for path in looked_at(cast.acme):
        assert client.get(client.home + path).status_code == 200, path
    for path, words in (
        ("budgets/", ("/budgets/add/", "/edit/")),
        (f"budgets/{cast.acme.budget.pk}/", ("/edit/", "/delete/", "/raises/", "/switch/")),
        ("channels/", ("/channels/add/", "/test/")),
    ):
        content = client.get(client.home + path).content.decode()
        assert [word in content for word in words] == [may_write] * len(words), path


@pytest.mark.parametrize("person", ["bob", "vera"])
def test_who_may_only_look_is_refused_and_changes_nothing(
    cast: Cast, console: Callable[[str], ConsoleClient], person: str
):
    client, rows = console(person), rows_of(cast.acme)
    before = everything()
    for path, form in [*written(cast.acme, rows), *MADE]:
        assert client.post(client.home + path, form).status_code == 403, path
    for path in ("budgets/add/", f"budgets/{cast.acme.budget.pk}/edit/", "channels/add/"):
        assert client.get(client.home + path).status_code == 403, path
    assert everything() == before


def test_another_tenants_rows_do_not_exist(cast: Cast, console: Callable[[str], ConsoleClient]):
    rows = rows_of(cast.globex)
    before = everything()
    for client in (console("ada"), in_console(cast.charlie, cast.acme.tenant)):
        for path in looked_at(cast.globex):
            if str(cast.globex.budget.pk) in path:
                assert client.get(client.home + path).status_code == 404, path
        for path, form in written(cast.globex, rows):
            assert client.get(client.home + path).status_code in (404, 405), path
            assert client.post(client.home + path, form).status_code == 404, path
    assert everything() == before


def test_lists_choices_and_suggestions_hold_nothing_of_another_tenant(
    cast: Cast, console: Callable[[str], ConsoleClient]
):
    rows_of(cast.globex)
    client, mark = console("ada"), cast.globex.tenant.slug
    paths = ["budgets/", "budgets/add/", "alerts/", "channels/", "plan/", "statements/"]
    paths += [f"budgets/subjects/?of={dimension}&q=globex" for dimension in ("end_user", "tag")]
    for path in paths:
        content = client.get(client.home + path).content.decode()
        assert not [text for text in (mark, "Globex") if text in content], path
    form = {**FORM, "who": "key:one", "subject_key": str(cast.globex.key.api_key.pk)}
    response = client.post(f"{client.home}budgets/add/", form)
    assert "is not one of the available choices" in response.content.decode()
    form = {**FORM, "audience": "chosen", "channels": str(cast.globex.channel.pk)}
    response = client.post(f"{client.home}budgets/add/", form)
    assert "is not one of the available choices" in response.content.decode()
    assert Budget.objects.filter(tenant=cast.acme.tenant).count() == 1


def test_a_developer_sees_where_an_address_leads_and_not_the_secret_in_it(
    cast: Cast, console: Callable[[str], ConsoleClient]
):
    channel(cast.acme.tenant, "Slack", kind="slack", target="https://hooks.slack.com/services/T0/B0/s3cr3t")
    for person in ("ada", "bob"):
        client = console(person)
        content = client.get(f"{client.home}channels/").content.decode()
        assert "https://hooks.slack.com/…" in content
        assert "s3cr3t" not in content
