"""Budgets, channels, alerts and statements by the management API: what the pages check, and what they show."""

import datetime as dt
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from billing.models import AlertChannel, Budget, BudgetRaise, DailyUsage
from tenants import audit
from tests.cast import Cast
from tests.management import error_of, script

pytestmark = pytest.mark.django_db


def test_a_budget_is_made_changed_in_part_and_deleted(cast: Cast):
    ada = script(cast.acme.tenant, by=cast.ada)
    body = {
        "scope": "tier",
        "subject": "free",
        "amount": 50,
        "window": "day",
        "channel_ids": [str(cast.acme.channel.pk)],
    }
    made = ada.post("budgets", body)
    assert made.status_code == 201, made.content
    told = made.json()
    assert (told["amount"], told["metric"], told["thresholds"], told["is_active"]) == ("50", "usd", [80], True)
    assert told["name"]
    changed = ada.patch(f"budgets/{told['id']}", {"amount": "75.5", "thresholds": [95, 50]}).json()
    assert (changed["amount"], changed["thresholds"], changed["channel_ids"]) == ("75.5", [50, 95], body["channel_ids"])
    row = Budget.objects.get(pk=told["id"])
    assert [entry.actor for entry in audit.history_of(row)] == [cast.ada, cast.ada]
    assert ada.delete(f"budgets/{row.pk}").status_code == 204
    assert not Budget.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize(
    ("body", "field", "text"),
    [
        ({"amount": 10_000_000}, "amount", "At most 9,000,000 USD."),
        ({"amount": "1.5", "metric": "tokens"}, "amount", "A whole number, please."),
        ({"amount": 1, "scope": "tier"}, "subject", "Name the tier, such as free."),
        ({"amount": 1, "name": "Acme's month"}, "name", "Another budget is called that already."),
        ({"amount": 1, "cached_only_at": 60, "cheaper_at": 80}, "cached_only_at", "Must be above"),
        ({"amount": 1, "thresholds": [100]}, "thresholds[0]", "less than or equal to 99"),
        ({"amount": 1, "window": "fortnight"}, "window", "not a valid choice"),
        ({}, "amount", "This field is required."),
        ({"amount": 1, "tennant": "x"}, "tennant", "Unknown field."),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(cast: Cast, body: Any, field: str, text: str):
    before = Budget.objects.count()
    error = error_of(script(cast.acme.tenant).post("budgets", body), 400)
    assert text in error["fields"][field][0]
    assert Budget.objects.count() == before


def test_a_budget_cannot_be_about_anothers_key_or_tell_anothers_channel(cast: Cast):
    ada = script(cast.acme.tenant)
    key = {"amount": 1, "scope": "key", "api_key": str(cast.globex.key.api_key.pk)}
    assert error_of(ada.post("budgets", key), 400)["fields"] == {"api_key": ["There is no such API key."]}
    channel = {"amount": 1, "channel_ids": [str(cast.globex.channel.pk)]}
    assert error_of(ada.post("budgets", channel), 400)["fields"] == {"channel_ids": ["There is no such alert channel."]}


def test_a_budget_is_raised_for_a_time_and_the_raise_ended(cast: Cast):
    ada, budget = script(cast.acme.tenant, by=cast.ada), cast.acme.budget
    ends = timezone.now() + dt.timedelta(days=1)
    made = ada.post(f"budgets/{budget.pk}/raises", {"amount": 200, "ends_at": ends.isoformat(), "reason": "launch"})
    assert made.status_code == 201, made.content
    row = BudgetRaise.objects.get(pk=made.json()["id"])
    assert (row.amount, row.created_by, row.tenant) == (200, cast.ada, cast.acme.tenant)
    assert [item["id"] for item in ada.get(f"budgets/{budget.pk}/raises").json()["results"]] == [str(row.pk)]
    assert error_of(ada.patch(f"budgets/{budget.pk}", {"metric": "tokens"}), 400)["fields"].keys() == {"metric"}
    assert ada.post(f"budgets/{budget.pk}/raises/{row.pk}/end").status_code == 200
    row.refresh_from_db()
    assert row.ends_at <= timezone.now()
    past = {"amount": 200, "ends_at": "2020-01-01T00:00:00Z", "reason": "x"}
    assert list(error_of(ada.post(f"budgets/{budget.pk}/raises", past), 400)["fields"]) == ["ends_at"]
    error_of(ada.post(f"budgets/{cast.globex.budget.pk}/raises", past), 404)
    error_of(script(cast.acme.tenant, "viewer").post(f"budgets/{budget.pk}/raises", past), 403)


def test_every_limit_is_shown_with_what_is_used_of_it(cast: Cast):
    found = {line["name"]: line for line in script(cast.acme.tenant, "viewer").get("limits").json()["results"]}
    line = found["Acme's month"]
    assert (line["origin"], line["amount"], line["uses"][0]["used"]) == ("budget", "100", "0")
    assert (line["budget"], line["uses"][0]["left"]) == (str(cast.acme.budget.pk), "100")
    assert "Globex's month" not in found


def test_a_webhooks_secret_is_shown_once_and_its_address_never(cast: Cast, settings: Any):
    ada = script(cast.acme.tenant)
    body = {"name": "hook", "kind": "webhook", "target": "https://1.1.1.1/hooks/secret-path"}
    made = ada.post("channels", body)
    assert made.status_code == 201, made.content
    channel = AlertChannel.objects.get(pk=made.json()["id"])
    assert made.json()["secret"] == channel.secret != ""
    seen = ada.get(f"channels/{channel.pk}").content.decode()
    assert "secret-path" not in seen
    assert channel.secret not in seen
    assert ada.patch(f"channels/{channel.pk}", {"minimum_threshold": 90}).status_code == 200
    channel.refresh_from_db()
    assert (channel.target, channel.minimum_threshold) == (body["target"], 90)
    rotated = ada.post(f"channels/{channel.pk}/rotate-secret").json()["secret"]
    assert rotated not in ("", made.json()["secret"])
    assert ada.delete(f"channels/{channel.pk}").status_code == 204
    error_of(ada.post(f"channels/{cast.acme.channel.pk}/rotate-secret"), 409)
    private = error_of(ada.post("channels", {**body, "target": "http://127.0.0.1/x"}), 400)
    assert list(private["fields"]) == ["target"]


def test_an_address_is_asked_to_confirm_before_it_gets_alerts(cast: Cast):
    ada = script(cast.acme.tenant)
    made = ada.post("channels", {"name": "on call", "kind": "email", "target": "oncall@acme.example"}).json()
    assert made["awaits_confirmation"] is True
    assert [message.to for message in mail.outbox] == [["oncall@acme.example"]]
    assert "/alerts/confirm/" in mail.outbox[0].body
    again = ada.post(f"channels/{made['id']}/test").json()
    assert (again["sent"], again["is_taken"]) == ("confirmation_link", False)
    tested = ada.post(f"channels/{cast.acme.channel.pk}/test").json()
    assert tested == {"sent": "test_alert", "is_taken": True, "error": ""}


def test_alerts_are_read_and_filtered(cast: Cast):
    vera = script(cast.acme.tenant, "viewer")
    assert [row["id"] for row in vera.get("alerts").json()["results"]] == [str(cast.acme.alert.pk)]
    assert vera.get("alerts", severity="critical").json()["results"] == []
    assert len(vera.get("alerts", is_going_on="true", budget=str(cast.acme.budget.pk)).json()["results"]) == 1
    assert vera.get(f"alerts/{cast.acme.alert.pk}").json()["threshold"] == 80
    error_of(vera.get(f"alerts/{cast.globex.alert.pk}"), 404)


def test_statements_are_read_by_month(cast: Cast):
    now = timezone.now()
    day = (now - dt.timedelta(days=1)).date()
    for dimension, subject in (("tenant", ""), ("model", "gpt")):
        DailyUsage.objects.create(
            tenant=cast.acme.tenant, day=day, dimension=dimension, subject=subject, requests=3, input_tokens=10,
            cache_read_tokens=0, output_tokens=5, cost_usd="0.25",
        )  # fmt: skip
    vera = script(cast.acme.tenant, "viewer")
    months = {row["month"]: row for row in vera.get("statements").json()["results"]}
    assert months[f"{day:%Y-%m}"]["total"]["cost_usd"] == "0.25"
    told = vera.get(f"statements/{day:%Y-%m}").json()
    sections = {section["dimension"]: section["lines"] for section in told["sections"]}
    assert [(line["name"], line["figures"]["requests"]) for line in sections["model"]] == [("gpt", 3)]
    error_of(vera.get("statements/2999-01"), 404)
    error_of(vera.post("statements"), 405)
