"""The ladder before a budget's end: a cheaper model, cached answers only, stop."""

from __future__ import annotations

from decimal import Decimal

from gateway.models import Task, TaskFallback
from tests.gateway.budgets import budget, error


def test_a_budget_that_runs_low_uses_the_cheaper_model_it_names(world):
    world.model("gpt-4o-mini", "openai")
    budget(world, 4, name="Low", cheaper_at=50, cheaper_model="gpt-4o-mini")
    replies = [world.chat() for _ in range(5)]
    assert [reply.status for reply in replies] == [200, 200, 200, 200, 429]
    assert [reply.headers.get("x-tollgate-model") for reply in replies[:4]] == [
        "gpt-4o",
        "gpt-4o",
        "gpt-4o-mini",
        "gpt-4o-mini",
    ]
    assert [reply.headers.get("x-tollgate-degraded-by") for reply in replies[:4]] == [None, None, "Low", "Low"]
    assert [row.model_served for row in world.records(5)][:4] == ["gpt-4o", "gpt-4o", "gpt-4o-mini", "gpt-4o-mini"]


def test_without_a_name_the_cheapest_of_the_route_is_used(world):
    large, small = world.model("gpt-4.1", "openai"), world.model("gpt-4.1-mini", "openai")
    task = Task.objects.create(tenant=world.tenant, slug="sum", name="Sum", default_model=large)
    TaskFallback.objects.create(task=task, model=small, position=1)
    budget(world, 2, cheaper_at=50)
    models = [world.chat("task/sum").headers["x-tollgate-model"] for _ in range(2)]
    assert models == ["gpt-4.1", "gpt-4.1-mini"]


def test_where_only_cached_answers_are_left_a_request_without_one_is_refused(world, simulator):
    budget(world, 10, name="Frugal", cheaper_at=10, cached_only_at=20)
    assert [world.chat().status for _ in range(2)] == [200, 200]
    refused = world.chat()
    assert error(refused) == (429, "cached_answers_only")
    assert "Frugal" in refused.json()["error"]["message"]
    assert refused.headers["x-should-retry"] == "false"
    assert simulator.totals()["requests"] == 2


def test_a_cheaper_model_is_charged_at_its_own_price(world):
    world.model("gpt-4o-mini", "openai")
    budget(world, 100, cheaper_at=1, cheaper_model="gpt-4o-mini")
    first, second = world.chat(), world.chat()
    assert first.headers["x-tollgate-model"] == "gpt-4o"
    assert Decimal(second.headers["x-tollgate-cost-usd"]) < Decimal(first.headers["x-tollgate-cost-usd"])
