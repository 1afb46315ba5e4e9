"""What is allowed and hardly meant."""

from __future__ import annotations

import msgspec

from billing.limits import Limit, Limits
from gateway.routing import oddities
from gateway.routing.conditions import BudgetShare, Models, Never, Tags, Tasks
from tests.gateway.routing.ground import CLAUDE, model, rule, snapshot, task

A, B = model("a"), model("b", provider=CLAUDE)


def texts(*rules, tasks=()):
    return [item.text for item in oddities.of(snapshot((A, B), rules=rules, tasks=tasks))]


def test_nothing_is_odd_about_rules_that_stand_beside_each_other():
    narrow = rule(A, B, name="narrow", conditions=(Tags(frozenset({"x"})),))
    assert texts(narrow, rule(A, B, name="wide"), tasks=(task(A, B),)) == []


def test_a_rule_that_an_earlier_one_takes_everything_from():
    narrow = rule(A, B, name="narrow", conditions=(Tags(frozenset({"x"})),))
    assert texts(rule(A, B, name="wide"), narrow) == [
        "Rule “narrow” never matches: “wide”, which is asked before it, takes all of its requests."
    ]


def test_an_owner_s_rule_may_take_everything_from_another_owner_s():
    assert texts(rule(A, B, name="own"), rule(A, B, name="shared", is_own=False)) == []


def test_a_rule_that_takes_nothing_takes_nothing_away():
    dead = rule(name="dead", conditions=(Never(),))
    assert texts(dead, rule(A, B, name="alive")) == ["Rule “dead” never matches: it has no target in use."]


def test_two_rules_that_swap_their_models():
    swap = (
        rule(B, A, name="one", conditions=(Models.of(["a"]),)),
        rule(A, B, name="two", conditions=(Models.of(["b*"]),)),
    )
    assert texts(*swap) == [
        "Rules “one” and “two” send each other's models to each other. Rules are applied once, so this does not go round, but the two "
        "just change places."
    ]
    assert texts(swap[0], rule(B, A, name="two", conditions=(Models.of(["b*"]),))) == []
    both = rule(B, A, name="both", conditions=(Models.of(["a", "b"]),))  # b stays with b
    assert texts(both, rule(A, B, name="two", conditions=(Models.of(["b*"]),))) == []


def test_a_chain_on_one_provider():
    assert texts(rule(A, name="alone")) == [
        "Rule “alone”: all its models are at openai; when it is down, nobody answers."
    ]
    assert texts(tasks=(task(B),)) == ["task/sum: all its models are at anthropic; when it is down, nobody answers."]


def test_a_task_that_there_is_not():
    asks = rule(A, B, name="asks", conditions=(Tasks(frozenset({"sum", "gone"})),))
    assert texts(asks, tasks=(task(A, B),)) == ["Rule “asks” asks for task/gone, which there is not."]


def test_models_that_are_never_used():
    unpriced, poor = model("unpriced", cost=None), model("poor", quality=5)
    good = model("good", quality=80, provider=CLAUDE)
    assert texts(rule(unpriced, poor, good, name="r", quality_floor=60)) == [
        "Rule “r”: unpriced has no price and is never used.",
        "Rule “r”: unpriced, poor are below the least quality of 60, or of unknown quality, and are left out.",
    ]


def test_a_budget_that_there_is_not_or_no_more():
    asks = rule(A, B, name="asks", conditions=(BudgetShare("Team", 80),))
    found = oddities.of(snapshot((A, B), rules=(asks,), budgets=("Other",)))
    assert [item.text for item in found] == ["Rule “asks” asks for the budget “Team”, which is not in use."]
    assert texts(rule(A, B, name="operator's", is_own=False, conditions=(BudgetShare("Team", 80),))) == []
    assert not oddities.of(snapshot((A, B), rules=(asks,), budgets=("Team",)))


def test_a_budget_that_calls_for_a_model_that_there_is_not():
    made = snapshot((A, B))
    low = Limit("b", "Low", "tenant", "usd", "month", 1, cheaper_at=80, cheaper_model="gone")
    fine = Limit("c", "Fine", "tenant", "usd", "month", 1, cheaper_at=80, cheaper_model="a")
    found = oddities.of(msgspec.structs.replace(made, limits=Limits(limits=(low, fine))))
    assert [item.text for item in found] == ["The budget “Low” calls for gone when it runs low, which there is not."]
