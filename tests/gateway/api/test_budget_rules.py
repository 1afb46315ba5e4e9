"""Rules that ask how far a budget is used."""

from __future__ import annotations

from tests.gateway.api.test_routing_rules import add_rule, served
from tests.gateway.budgets import budget, counter


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
