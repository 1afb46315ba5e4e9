"""The bell, the page of alerts, and the plan's page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils import timezone

from billing.models import AlertDelivery, Plan
from tests.billing.alert_ledger import channel, forget_all, spend, use
from tests.cast import Cast, ConsoleClient

pytestmark = pytest.mark.django_db

Console = Callable[[str], ConsoleClient]


def test_the_bell_counts_what_is_new_to_each_person_until_they_have_looked(cast: Cast, console: Console):
    forget_all()
    vera, ada = console("vera"), console("ada")

    def bell(client: ConsoleClient) -> str:
        return str(client.get(f"{client.home}alerts/bell/").content.decode())

    assert "Alerts: nothing new" in bell(vera)
    spend(cast.acme.tenant, usd="85", at=timezone.now())
    assert "Alerts: 1 new" in bell(vera)
    content = " ".join(vera.get(f"{vera.home}alerts/").content.decode().split())
    assert "has used 85 % ($85.00 of $100.00)" in content
    assert "goes on" in content
    assert "Sent to nobody." in content
    assert "Alerts: nothing new" in bell(vera)
    assert "Alerts: 1 new" in bell(ada)
    spend(cast.acme.tenant, usd="20", at=timezone.now())  # 80 % and 100 % of the same
    assert "Alerts: 1 new" in bell(ada)
    assert "Alerts: 1 new" in bell(vera)
    assert "1 alert goes on." in vera.get(vera.home).content.decode()


def test_alerts_are_told_with_what_came_of_each_delivery_and_what_was_given_up_is_sent_again(
    cast: Cast, console: Console
):
    forget_all()
    channel(cast.acme.tenant, "On call")
    spend(cast.acme.tenant, usd="101", at=timezone.now())
    delivery = AlertDelivery.objects.get(alert__threshold=100)
    AlertDelivery.objects.filter(pk=delivery.pk).update(status="failed", attempts=7, errors=["The line is dead."])
    client = console("ada")
    content = " ".join(client.get(f"{client.home}alerts/").content.decode().split())
    assert "did not take it: given up after 7 attempts" in content
    assert "The line is dead." in content
    assert "Acme&#x27;s month" in content
    client.post(f"{client.home}alerts/deliveries/{delivery.pk}/resend/")
    delivery.refresh_from_db()
    assert delivery.status == "waiting"
    for query, is_there in (
        ("state=on", True),
        ("state=over", False),
        ("severity=critical", True),
        ("severity=info", False),
    ):
        content = client.get(f"{client.home}alerts/?{query}").content.decode()
        assert (f"alerts/deliveries/{delivery.pk}/" in content or "On call: Waiting" in content) is is_there, query


def test_the_plan_says_what_it_allows_and_how_much_of_it_is_used(cast: Cast, console: Console):
    Plan.objects.filter(pk=cast.plan.pk).update(
        usd_per_month=500, tokens_per_month=None, requests_per_minute=60, price_usd_per_month="49.00",
        max_input_tokens=4096, max_output_tokens=None,
    )  # fmt: skip
    use(cast.acme.tenant, usd="125", at=timezone.now())
    client = console("vera")
    content = " ".join(client.get(f"{client.home}plan/").content.decode().split())
    assert "<strong>$49.00</strong> a month" in content
    assert "Block when the whole tenant spends more than $500 a month." in content
    assert "<strong>$125.00</strong> of $500" in content
    assert "25 %" in content
    assert 'aria-label="0 of 60 requests in any 60 seconds"' in content
    assert "At most 4,096 input tokens; what is longer is refused." in content
    cast.acme.subscription.delete()
    assert "No plan" in client.get(f"{client.home}plan/").content.decode()
