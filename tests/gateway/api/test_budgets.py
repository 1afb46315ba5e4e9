"""Budgets: what is let in, what is refused and how that is said."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.utils import timezone

from billing.models import BudgetRaise
from tenants import api_keys
from tenants.models import EndUser
from tests.gateway.budgets import NANO, budget, counter, error, plan
from tests.gateway.live import wait_until


def test_a_spent_budget_refuses_and_nothing_is_sent_or_charged(world, simulator):
    budget(world, 2, name="Two a month")
    assert [world.chat().status for _ in range(2)] == [200, 200]
    refused = world.chat()
    assert error(refused) == (429, "budget_spent")
    detail = refused.json()["error"]["detail"]
    assert (detail["budget"], detail["limit"], detail["used"], detail["held"]) == ("Two a month", 2, 2, 0)
    assert "Two a month" in refused.json()["error"]["message"]
    assert detail["resets_at"] in refused.json()["error"]["message"]
    assert refused.headers["x-should-retry"] == "false"
    assert int(refused.headers["retry-after"]) > 60
    assert simulator.totals()["requests"] == 2
    assert counter(world, "requests") == (2, 0)
    rows = world.records(3)
    assert [row.outcome for row in rows] == ["ok", "ok", "refused"]
    assert (rows[2].attempt, rows[2].cost_usd, rows[2].error_type) == (0, 0, "budget_spent")


def test_anthropic_s_surface_says_it_in_its_own_format(world):
    budget(world, 0, name="Nothing")
    refused = world.message()
    assert refused.status == 429
    assert refused.json()["type"] == "error"
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert refused.json()["error"]["code"] == "budget_spent"
    assert refused.json()["error"]["detail"]["budget"] == "Nothing"


def test_no_endpoint_and_no_key_is_a_way_around(world, simulator):
    budget(world, 1)
    assert world.chat().status == 200
    other = api_keys.create(world.tenant, name="other").secret
    messages = [{"role": "user", "content": "x"}]
    ways = [
        world.message(),
        world.chat(stream=True),
        world.post("/v1/embeddings", {"model": "text-embedding-3-small", "input": "x"}),
        world.post("/v1/chat/completions", {"model": "gpt-4o", "messages": messages}, secret=other),
        world.post("/v1/chat/completions", {"model": "gpt-4o", "messages": messages}, x_tollgate_user="somebody"),
    ]
    assert [reply.status for reply in ways] == [429] * 5
    assert simulator.totals()["requests"] == 1


def test_an_edit_counts_from_the_next_request_on(world):
    row = budget(world, 1)
    assert [world.chat().status, world.chat().status] == [200, 429]
    row.amount = 2
    row.save()
    assert [world.chat().status, world.chat().status] == [200, 429]
    row.is_active = False
    row.save()
    assert world.chat().status == 200


def test_a_budget_made_today_counts_what_was_used_before(world):
    for _ in range(2):
        assert world.chat().status == 200
    world.records(2)
    budget(world, 3, name="of the tenant")
    budget(world, 3, name="of the key", scope="key")
    assert [world.chat().status, world.chat().status] == [200, 429]


def test_a_raise_holds_for_its_time(world):
    row = budget(world, 1)
    assert [world.chat().status, world.chat().status] == [200, 429]
    now = timezone.now()
    BudgetRaise.objects.create(
        budget=row,
        amount=2,
        starts_at=now - dt.timedelta(hours=1),
        ends_at=now + dt.timedelta(hours=1),
        reason="launch",
    )
    BudgetRaise.objects.create(
        budget=row, amount=99, starts_at=now - dt.timedelta(hours=2), ends_at=now - dt.timedelta(hours=1), reason="old"
    )
    assert [world.chat().status, world.chat().status] == [200, 429]


def test_a_raise_ends_by_itself(world):
    row = budget(world, 1)
    ends = timezone.now() + dt.timedelta(seconds=2)
    BudgetRaise.objects.create(
        budget=row, amount=9, starts_at=ends - dt.timedelta(hours=1), ends_at=ends, reason="launch"
    )
    statuses = [world.chat().status for _ in range(2)]
    assert statuses == [200, 200] or timezone.now() > ends
    wait_until(lambda: timezone.now() > ends)
    assert error(world.chat()) == (429, "budget_spent")


def test_money_is_counted_to_the_nano_dollar(world):
    budget(world, 1, "usd")
    assert world.chat().status == 200
    assert world.chat(stream=True).status == 200
    assert world.message(stream=True).status == 200
    rows = world.records(3)
    assert counter(world, "usd") == (sum(int(row.cost_usd * NANO) for row in rows), 0)


@pytest.mark.parametrize(
    ("scope", "subject", "ask"),
    [
        ("end_user", "ada", {"user": "ada"}),
        ("model", "gpt-4o", {}),
        ("tag", "beta", {"metadata": {"tags": ["alpha", "beta"]}}),
        ("tier", "free", {"user": "anyone"}),
        ("key", "", {}),
    ],
)
def test_every_scope_counts_its_own(world, scope, subject, ask):
    budget(world, 1, scope=scope, subject=subject)
    assert [world.chat(**ask).status, world.chat(**ask).status] == [200, 429]
    if scope not in ("key", "model"):
        assert world.chat().status == 200
    else:
        assert world.message().status == (429 if scope == "key" else 200)


def test_a_budget_for_each_counts_everybody_by_himself(world):
    budget(world, 1, scope="end_user")
    assert [world.chat(user=name).status for name in ("ada", "bob", "ada", "bob")] == [200, 200, 429, 429]


def test_a_tier_decides_what_an_end_user_may_use_in_a_day(world, simulator):
    simulator.behave(input_tokens=500, reported_output_tokens=500)
    made = plan(world)
    made.tiers.create(tier="free", tokens_per_day=1000)
    made.tiers.create(tier="paid", tokens_per_day=3000)
    assert [world.chat(user="ada").status, world.chat(user="bob").status] == [200, 200]
    assert error(world.chat(user="ada")) == (429, "budget_spent")
    ada = EndUser.objects.create(tenant=world.tenant, external_id="ada", tier="paid")
    assert [world.chat(user="ada").status for _ in range(3)] == [200, 200, 429]
    ada.tier = "free"
    ada.save()
    assert world.chat(user="ada").status == 429
    assert world.chat(user="carol").status == 200
    assert counter(world, "tokens", "day", "end_user", end_user="ada") == (3000, 0)


def test_many_first_requests_of_an_unknown_end_user_share_one_budget(world, simulator):
    budget(world, 7, scope="end_user")
    with ThreadPoolExecutor(40) as pool:
        replies = list(pool.map(lambda _: world.chat(user="never seen before").status, range(200)))
    assert (replies.count(200), replies.count(429)) == (7, 193)
    assert simulator.totals()["requests"] == 7


def test_a_key_s_own_month(world):
    made = api_keys.create(world.tenant, name="small", usd_per_month=Decimal("0.0001"))
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello" * 200}]}
    assert error(world.post("/v1/chat/completions", body, secret=made.secret)) == (429, "budget_spent")
    assert world.chat().status == 200


def test_two_budgets_on_the_same_thing_share_a_counter_and_the_lower_one_stops(world):
    budget(world, 5, name="Five")
    budget(world, 2, name="Two")
    assert [world.chat().status for _ in range(3)] == [200, 200, 429]
    assert world.chat().json()["error"]["detail"]["budget"] == "Two"
    assert counter(world, "requests") == (2, 0)


def test_a_budget_that_was_switched_off_counts_what_was_used_meanwhile(world):
    row = budget(world, 4)
    assert world.chat().status == 200
    row.is_active = False
    row.save()
    assert [world.chat().status, world.chat().status] == [200, 200]
    row.is_active = True
    row.save()
    assert [world.chat().status, world.chat().status] == [200, 429]
    assert counter(world, "requests") == (4, 0)
