"""Rules that ask how far a budget is used."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from billing.models import BudgetRaise
from gateway.models import Task
from tenants import api_keys
from tests.gateway.api.test_routing_rules import add_rule, served
from tests.gateway.budgets import budget, counter
from tests.gateway.live import wait_until


def test_a_rule_decides_from_the_share_that_it_names_on(world, simulator):
    cheap = world.model("cheap", "openai")
    budget(world, 10, "requests", name="month")
    add_rule(world, [cheap], budget="month", budget_share=50)
    assert [served(world.chat("gpt-4o")) for _ in range(8)] == ["gpt-4o"] * 5 + ["cheap"] * 3
    assert counter(world, "requests") == (8, 0)


def test_rules_for_several_shares_take_over_one_after_the_other(world, simulator):
    cheap, cheapest = world.model("cheap", "openai"), world.model("cheapest", "openai")
    budget(world, 10, "requests", name="month")
    add_rule(world, [cheapest], name="late", position=1, budget="month", budget_share=80)
    add_rule(world, [cheap], name="early", position=2, budget="month", budget_share=30)
    wanted = ["gpt-4o"] * 3 + ["cheap"] * 5 + ["cheapest"] * 2
    assert [served(world.chat("gpt-4o")) for _ in range(10)] == wanted
    assert world.chat("gpt-4o").json()["error"]["code"] == "budget_spent"


def test_one_end_user_s_share_is_not_another_s(world, simulator):
    cheap = world.model("cheap", "openai")
    budget(world, 4, "requests", name="each", scope="end_user", window="day")
    add_rule(world, [cheap], budget="each", budget_share=50)
    assert [served(world.chat("gpt-4o", user="ada")) for _ in range(4)] == ["gpt-4o", "gpt-4o", "cheap", "cheap"]
    assert served(world.chat("gpt-4o", user="bob")) == "gpt-4o"


def test_a_budget_s_own_cheaper_model_and_a_rule_go_together(world, simulator):
    cheap = world.model("cheap", "openai")
    world.model("cheaper", "openai")
    budget(world, 10, "requests", name="month", cheaper_at=60, cheaper_model="cheaper")
    add_rule(world, [cheap], budget="month", budget_share=30)
    wanted = ["gpt-4o"] * 3 + ["cheap"] * 3 + ["cheaper"] * 4
    assert [served(world.chat("gpt-4o")) for _ in range(10)] == wanted


def test_one_key_s_share_is_not_another_s(world, simulator):
    cheap = world.model("cheap", "openai")
    other = api_keys.create(world.tenant, name="other").secret
    budget(world, 4, "requests", name="each", scope="key")
    add_rule(world, [cheap], budget="each", budget_share=50)
    assert [served(world.chat("gpt-4o")) for _ in range(3)] == ["gpt-4o", "gpt-4o", "cheap"]
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
    assert served(world.post("/v1/chat/completions", body, secret=other)) == "gpt-4o"


def test_of_several_tags_the_share_of_the_one_that_is_used_most_counts(world, simulator):
    cheap = world.model("cheap", "openai")
    budget(world, 8, "requests", name="each", scope="tag")
    add_rule(world, [cheap], budget="each", budget_share=25)

    def ask(*tags: str) -> str:
        return served(world.chat("gpt-4o", metadata={"tags": list(tags)}))

    assert [ask("a"), ask("a"), ask("a")] == ["gpt-4o", "gpt-4o", "cheap"]
    assert [ask("b"), ask("b", "a"), ask("a", "c"), ask("c")] == ["gpt-4o", "cheap", "cheap", "gpt-4o"]


def test_a_budget_that_a_request_does_not_fall_under_says_nothing_about_it(world, simulator):
    cheap = world.model("cheap", "openai")
    budget(world, 4, "requests", name="team", scope="tag", subject="team-a")
    budget(world, 100, "requests", name="all")
    add_rule(world, [cheap], name="any", budget_share=50)
    tagged = {"metadata": {"tags": ["team-a"]}}
    assert [served(world.chat("gpt-4o", **tagged)) for _ in range(3)] == ["gpt-4o", "gpt-4o", "cheap"]
    assert served(world.chat("gpt-4o")) == "gpt-4o"
    assert served(world.chat("gpt-4o", **tagged)) == "cheap"


def test_a_budget_of_a_model_is_asked_about_where_its_task_leads_there(world, simulator):
    cheap = world.model("cheap", "openai")
    large = next(model for model in world.tenant_models() if model.name == "gpt-4o")
    Task.objects.create(tenant=world.tenant, slug="sum", name="Sum", default_model=large)
    budget(world, 4, "requests", name="large", scope="model", subject="gpt-4o")
    add_rule(world, [cheap], budget="large", budget_share=50)
    assert [served(world.chat(name)) for name in ("gpt-4o", "task/sum", "task/sum", "gpt-4o")] == [
        "gpt-4o",
        "gpt-4o",
        "cheap",
        "cheap",
    ]
    assert served(world.message("claude-sonnet-4-5")) == "claude-sonnet-4-5"


def test_many_budgets_that_are_far_used_are_learnt_of_at_once(world, simulator):
    """A process that knows nothing of them plans once more, not once more for each."""
    cheap = world.model("cheap", "openai")
    for number in range(8):
        budget(world, 10, "requests", name=f"budget {number}", window=("month", "week", "day", "total")[number % 4])
    budget(world, 10, "requests", name="own", scope="end_user")
    assert [world.chat("gpt-4o", user="ada").status for _ in range(5)] == [200] * 5
    add_rule(world, [cheap], budget_share=50)
    assert served(world.chat("gpt-4o", user="ada")) == "cheap"


def test_a_raise_that_begins_lowers_the_share(world, simulator):
    cheap = world.model("cheap", "openai")
    row = budget(world, 4, "requests", name="month")
    add_rule(world, [cheap], budget="month", budget_share=50)
    assert [served(world.chat("gpt-4o")) for _ in range(2)] == ["gpt-4o", "gpt-4o"]
    begins = timezone.now() + dt.timedelta(seconds=1)
    BudgetRaise.objects.create(
        budget=row, amount=40, starts_at=begins, ends_at=begins + dt.timedelta(hours=1), reason="launch"
    )
    model = served(world.chat("gpt-4o"))
    assert model == "cheap" or timezone.now() > begins
    wait_until(lambda: timezone.now() > begins)
    assert served(world.chat("gpt-4o")) == "gpt-4o"
