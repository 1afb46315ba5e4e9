"""Each condition holds for the requests it says, and tells why it does not for the others."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pipeline import router
from gateway.routing import conditions
from gateway.routing.conditions import (
    BudgetShare,
    InputTokens,
    Metadata,
    Models,
    Needs,
    Never,
    Serves,
    Tags,
    Tasks,
    Tiers,
    cover,
)
from tests.gateway.routing.ground import model, request, rule, signals, snapshot

HOLD = [
    (Tasks(frozenset({"sum", "other"})), request("task/sum"), {}),
    (Models.of(["gpt-4*"]), request("gpt-4o-mini"), {}),
    (Models.of(["*"]), request("anything"), {}),
    (Models.of(["a", "b.c*d"]), request("b.cxxd"), {}),
    (Tiers(frozenset({"free"})), request(), {"tier": "free"}),
    (Tags(frozenset({"a", "b"})), request(metadata={"tags": ["b", "z"]}), {}),
    (Metadata((("plan", "pro"), ("region", "eu"))), request(metadata={"region": "eu", "plan": "pro", "x": 1}), {}),
    (Metadata((("beta", "true"), ("n", "3"))), request(metadata={"beta": True, "n": 3}), {}),
    (InputTokens(1000, None), request(), {"input_tokens": 1000}),
    (InputTokens(None, 1000), request(), {"input_tokens": 1000}),
    (Needs(frozenset({"tools"})), request(tools=[{}], stream=True), {}),
    (Needs(frozenset({"tools", "streaming"})), request(tools=[{}], stream=True), {}),
    (BudgetShare("B", 80), request(), {"budget_shares": {"A": 5, "B": 80}}),
    (Serves(frozenset({"chat", "embeddings"})), request(tools=[{}]), {}),
    (BudgetShare("", 80), request(), {"budget_shares": {"A": 5, "B": 81}}),
]
FAIL = [
    (Tasks(frozenset({"b", "a"})), request("task/sum"), {}, "it asks for task/sum, not for task/a or task/b"),
    (Tasks(frozenset({"sum"})), request("sum"), {}, "it asks for sum, not for task/sum"),
    (Models.of(["gpt-4*", "o1"]), request("gpt-3.5"), {}, "it asks for gpt-3.5, not for gpt-4* or o1"),
    (Models.of(["b.c*"]), request("bxc"), {}, "it asks for bxc, not for b.c*"),
    (Models.of(["*"]), request("task/sum"), {}, "it asks for task/sum, not for *"),
    (Tiers(frozenset({"paid"})), request(), {"tier": "free"}, "its end user is of tier free, not paid"),
    (Tiers(frozenset({"paid"})), request(), {}, "it names no end user"),
    (Tags(frozenset({"a"})), request(metadata={"tags": "b,c"}), {}, "it is tagged b, c, not a"),
    (Tags(frozenset({"a"})), request(), {}, "it carries no tag"),
    (Metadata((("plan", "pro"),)), request(metadata={"plan": "free"}), {}, "metadata.plan is free, not pro"),
    (Metadata((("plan", "pro"),)), request(), {}, "metadata.plan is not given, not pro"),
    (Metadata((("a", "1"), ("b", "2"))), request(metadata={"a": "1", "b": "3"}), {}, "metadata.b is 3, not 2"),
    (InputTokens(1001, None), request(), {}, "it has about 1,000 input tokens, not 1,001 tokens or more"),
    (InputTokens(None, 999), request(), {}, "it has about 1,000 input tokens, not at most 999 tokens"),
    (InputTokens(1, 2), request(), {}, "it has about 1,000 input tokens, not 1 to 2 tokens"),
    (Needs(frozenset({"vision", "tools"})), request(tools=[{}]), {}, "it does not need images"),
    (BudgetShare("B", 80), request(), {"budget_shares": {"A": 99, "B": 79}}, "at most 79 % of the budget “B” are used, not 80 %"),
    (BudgetShare("", 80), request(), {}, "at most 0 % of any budget are used, not 80 %"),
    (Serves(frozenset({"embeddings"})), request(), {}, "none of the rule's targets serves chat"),
    (Never(), request(), {}, "none of the rule's targets is in use"),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "asked", "known"), HOLD)
def test_holds(condition, asked, known):
    assert condition.holds(router.facts_of(asked, signals(**known)))


@pytest.mark.parametrize(("condition", "asked", "known", "because"), FAIL)
def test_does_not_hold_and_says_why(condition, asked, known, because):
    facts = router.facts_of(asked, signals(**known))
    assert not condition.holds(facts)
    assert condition.why_not(facts) == because


def test_the_first_condition_that_fails_is_the_one_that_is_told():
    facts = router.facts_of(request("task/sum"), signals(tier="free"))
    failing = conditions.failing((Tasks(frozenset({"sum"})), Tiers(frozenset({"paid"})), Never()), facts)
    assert failing == Tiers(frozenset({"paid"}))
    assert conditions.failing((Tasks(frozenset({"sum"})),), facts) is None


A_OR_B, A = Tasks(frozenset({"a", "b"})), Tasks(frozenset({"a"}))
WIDER = [
    ((), (A,)),
    ((A_OR_B,), (A,)),
    ((A_OR_B,), (A, Tiers(frozenset({"free"})))),
    ((Models.of(["gpt-*"]),), (Models.of(["gpt-4*", "gpt-5"]),)),
    ((Tags(frozenset({"x", "y"})),), (Tags(frozenset({"y"})),)),
    ((Metadata((("a", "1"),)),), (Metadata((("a", "1"), ("b", "2"))),)),
    ((InputTokens(10, None),), (InputTokens(20, 30),)),
    ((Needs(frozenset({"tools"})),), (Needs(frozenset({"tools", "vision"})),)),
    ((BudgetShare("", 50),), (BudgetShare("B", 60),)),
]


@pytest.mark.parametrize(("wide", "narrow"), WIDER)
def test_a_wider_rule_covers_a_narrower_one_and_not_the_other_way_round(wide, narrow):
    assert cover(wide, narrow)
    assert not cover(narrow, wide)


def test_different_names_cover_nothing_of_each_other():
    assert not cover((Models.of(["gpt-4*"]),), (Models.of(["gpt-*"]),))
    assert not cover((BudgetShare("A", 50),), (BudgetShare("B", 60),))
    assert not cover((A,), (Tasks(frozenset({"b"})),))


def test_marks_of_budgets_are_what_the_rules_ask_for():
    rules = (
        rule(model("m"), conditions=(BudgetShare("B", 80),)),
        rule(model("m"), conditions=(BudgetShare("B", 50),)),
        rule(model("m"), conditions=(BudgetShare("", 80),)),
    )
    assert conditions.budget_marks(snapshot(rules=rules, budgets=("A", "B"))) == {"A": [80], "B": [50, 80]}
    assert conditions.budget_marks(snapshot(rules=(rule(model("m")),), budgets=("A",))) == {}


def test_tells_whether_a_plan_depends_on_the_tier():
    assert conditions.ask_for_tiers(
        snapshot(rules=(rule(model("m")), rule(model("m"), conditions=(Tiers(frozenset()),))))
    )
    assert not conditions.ask_for_tiers(snapshot(rules=(rule(model("m")),)))


STARS = [
    ("*a*a*", "aa", True), ("*a*a*", "a", False), ("a*a", "a", False), ("a*a", "aa", True), ("**x**", "x", True), ("*ab*b", "aabb", True),
    ("a*b*c", "a\nb\nc", True), ("*.*", "ab", False), ("a*b*c*", "abcabc", True), ("*aab", "aaaab", True), ("*", "", True),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "name", "matches"), STARS)
def test_a_star_stands_for_any_characters(pattern: str, name: str, matches: bool):
    assert Models.of([pattern]).takes(name) is matches


@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
def test_stars_are_what_the_shell_takes_them_for(pattern: str, name: str):
    assert Models.of([f"{pattern}*"]).takes(name) is fnmatch.fnmatchcase(name, f"{pattern}*")


def test_a_pattern_with_many_stars_holds_nobody_up():
    """Tried again for each place where a piece may begin, this would take longer than the universe has been there."""
    assert not Models.of(["*a" * 50 + "*b"]).takes("a" * 200)
