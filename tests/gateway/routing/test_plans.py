"""Which rule decides, what a plan promises besides its attempts, and what holds for every plan."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import InvalidRequest, NotFound, PermissionDenied, Unsupported
from gateway.pipeline import router
from gateway.routing.conditions import InputTokens, Models, Never, Tasks, Tiers
from gateway.types import Cheaper, Conversation, Health
from tests.gateway.routing.ground import (
    CLAUDE,
    OPENAI,
    key,
    model,
    names,
    price,
    request,
    rule,
    signals,
    snapshot,
    task,
)

ONE, TWO, THREE = model("one"), model("two"), model("three")
SUM = Tasks(frozenset({"sum"}))


def test_all_conditions_of_a_rule_must_hold():
    rules = (
        rule(TWO, name="paid", conditions=(SUM, Tiers(frozenset({"paid"})))),
        rule(THREE, name="long", conditions=(SUM, InputTokens(2000, None))),
    )
    base = snapshot((ONE, TWO, THREE), rules=rules, tasks=(task(ONE),))

    def plan(**known):
        made = router.plan(request(), base, key(), signals(**known))
        return names(made), made.rule

    assert plan(tier="paid") == (["two"], "paid")
    assert plan(tier="paid", input_tokens=5000) == (["two"], "paid")
    assert plan(tier="free", input_tokens=5000) == (["three"], "long")
    assert plan(tier="free") == (["one"], "")


def test_a_rule_without_a_usable_target_takes_nothing():
    base = snapshot((ONE,), rules=(rule(name="dead", conditions=(Never(),)),))
    assert names(router.plan(request("one"), base, key(), signals())) == ["one"]


def test_rules_are_applied_once():
    rules = (
        rule(TWO, name="a", conditions=(Models.of(["one"]),)),
        rule(ONE, name="b", conditions=(Models.of(["two"]),)),
    )
    base = snapshot((ONE, TWO), rules=rules)
    assert names(router.plan(request("one"), base, key(), signals())) == ["two"]
    assert names(router.plan(request("two"), base, key(), signals())) == ["one"]


def test_a_rule_that_names_models_takes_names_that_the_catalog_does_not_have():
    retired = rule(ONE, conditions=(Models.of(["gpt-3.5*"]),), names_models=True)
    base = snapshot((ONE,), rules=(retired, rule(TWO, name="everything")))
    assert names(router.plan(request("gpt-3.5-turbo"), base, key(), signals())) == ["one"]
    with pytest.raises(NotFound):
        router.plan(request("gpt-typo"), base, key(), signals())


def test_what_a_rule_leaves_open_the_task_says():
    own = {"quality_floor": 50, "max_cost_nanousd": 10**9, "first_byte_seconds": 5.0, "may_replay": True}
    good, poor = model("good", quality=70), model("poor", quality=40)

    def plan(**choice):
        base = snapshot((good, poor), rules=(rule(poor, good, **choice),), tasks=(task(good, **own),))
        return router.plan(request(), base, key(), signals())

    made = plan()
    assert (names(made), made.first_byte_seconds, made.may_replay, made.escapes_refusals) == (
        ["good"],
        5.0,
        True,
        False,
    )
    made = plan(quality_floor=30, first_byte_seconds=1.5, escapes_refusals=True)
    assert names(made) == ["poor", "good"]
    assert (made.first_byte_seconds, made.may_replay, made.escapes_refusals) == (1.5, True, True)


def test_a_request_without_task_and_rule_is_promised_nothing():
    made = router.plan(request("one"), snapshot((ONE,)), key(), signals())
    assert (made.first_byte_seconds, made.may_replay, made.escapes_refusals, made.cascade) == (None, False, False, None)
    assert (made.strategy, made.rule, made.attempts[0].reason) == ("", "", "asked for")


def test_the_short_way_without_rules_says_what_the_long_way_says():
    base = snapshot((ONE, TWO))
    dead = snapshot((ONE, TWO), rules=(rule(TWO, conditions=(Never(),)),))
    assert router.plan(request("one"), base, key(), signals()) == router.plan(request("one"), dead, key(), signals())


CAPABILITIES = st.frozensets(st.sampled_from(["streaming", "tools", "vision", "json_schema"]))
MODELS = st.lists(
    st.builds(
        lambda name, more, cost, quality, window, provider: model(
            name,
            capabilities=frozenset({"chat"}) | more,
            cost=cost,
            quality=quality,
            context_window=window,
            provider=provider,
        ),
        st.sampled_from("abcdefgh"),
        CAPABILITIES,
        st.one_of(st.none(), st.builds(price, st.integers(0, 30), st.integers(0, 90))),
        st.one_of(st.none(), st.integers(0, 100)),
        st.one_of(st.none(), st.integers(1, 5000)),
        st.sampled_from([OPENAI, CLAUDE]),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda item: item.name,
)


@settings(max_examples=400, deadline=None)
@given(
    models=MODELS,
    strategy=st.sampled_from(["fixed", "cheapest", "fastest", "weighted", "cascade"]),
    weights=st.lists(st.integers(0, 5), min_size=6, max_size=6),
    floor=st.one_of(st.none(), st.integers(0, 100)),
    cap=st.one_of(st.none(), st.integers(0, 30_000_000)),
    allowed=st.one_of(st.just(set()), st.sets(st.sampled_from("abcdefgh"), min_size=1)),
    open_ones=st.sets(st.sampled_from("abcdefgh")),
    p95=st.dictionaries(st.sampled_from("abcdefgh"), st.floats(1, 10_000)),
    tokens=st.integers(0, 6000),
    asks=st.fixed_dictionaries({}, optional={"stream": st.just(True), "tools": st.just([{}])}),
    cheaper=st.one_of(st.none(), st.builds(Cheaper, st.just("B"), st.sampled_from(["", "a", "nothing"]))),
)
def test_every_plan_s_attempts_can_do_it_are_priced_allowed_and_there_once(
    models, strategy, weights, floor, cap, allowed, open_ones, p95, tokens, asks, cheaper
):
    choice = {"strategy": strategy, "quality_floor": floor, "max_cost_nanousd": cap}
    base = snapshot(
        tuple(models), rules=(rule(*models, weights=tuple(weights[: len(models)]), **choice),), tasks=(task(*models),)
    )
    health = {name: Health(name in open_ones, p95.get(name), p95.get(name)) for name in "abcdefgh"}
    known = signals(health=health, input_tokens=tokens, cheaper=cheaper, conversation=Conversation("c"))
    asked = request(**asks)
    made = router.decide(asked, base, key(allowed), known).plan
    if made is None:
        with pytest.raises((Unsupported, PermissionDenied, InvalidRequest)):
            router.plan(asked, base, key(allowed), known)
        return
    tried = [attempt.model for attempt in made.attempts]
    assert tried
    assert len(set(names(made))) == len(tried)
    for item in tried:
        assert asked.needs <= item.capabilities
        assert item.price is not None
        assert not allowed or item.name in allowed
    named = cheaper is not None and cheaper.model and [cheaper.model] == names(made)
    if not named:
        assert set(names(made)) | {item.model for item in made.dropped} == {item.name for item in models}
        assert not set(names(made)) & {item.model for item in made.dropped}
    is_open = [item.name in open_ones for item in tried]
    assert is_open == sorted(is_open)
    if made.cascade is not None:
        assert len(tried) > 1
        assert not any(is_open[:2])
