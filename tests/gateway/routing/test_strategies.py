"""In which order a plan's attempts stand, by strategy."""

from __future__ import annotations

from collections import Counter

import pytest

from gateway.pipeline import router
from gateway.routing.conditions import Tasks
from gateway.routing.strategies import EXPLORE_ONE_IN
from gateway.types import Cascade, Cheaper, Conversation, Health
from tests.gateway.routing.ground import key, model, names, price, request, rule, signals, snapshot, task

# $ per million tokens in, out; with 1,000 in and 300 out they cost $0.0013, $0.0050, $0.0080.
CHEAP, MIDDLE, DEAR = (
    model("cheap", cost=price(1, 1)),
    model("middle", cost=price(2, 10, 0)),
    model("dear", cost=price(5, 10, 0)),
)
ALL = (CHEAP, MIDDLE, DEAR)


def plan(chain=ALL, *, asked=None, known=None, **choice):
    base = snapshot(ALL, tasks=(task(*chain, **choice),))
    return router.plan(asked or request(), base, key(), known or signals())


def test_fixed_keeps_the_order_given():
    made = plan((DEAR, CHEAP, MIDDLE))
    assert (names(made), made.strategy, made.cascade) == (["dear", "cheap", "middle"], "fixed", None)


class TestCheapest:
    def test_orders_by_expected_cost(self):
        assert names(plan((DEAR, CHEAP, MIDDLE), strategy="cheapest")) == ["cheap", "middle", "dear"]

    def test_output_weighs_with_the_task_s_likely_length(self):
        little_out = model("little-out", cost=price(6, 1))
        # 1,000 in, 300 out: $0.0063 against $0.0050; 2,000 out: $0.008 against $0.022
        assert names(plan((little_out, MIDDLE), strategy="cheapest")) == ["middle", "little-out"]
        long = {"strategy": "cheapest", "likely_output_tokens": 2000}
        assert names(plan((little_out, MIDDLE), **long)) == ["little-out", "middle"]
        capped = request(max_completion_tokens=300)
        assert names(plan((little_out, MIDDLE), asked=capped, **long)) == ["middle", "little-out"]

    def test_every_choice_asked_for_is_output(self):
        little_out = model("little-out", cost=price(6, 1))
        assert names(plan((little_out, MIDDLE), asked=request(n=3), strategy="cheapest"))[0] == "little-out"

    def test_a_conversation_stays_where_its_prefix_is_cached_while_that_is_cheaper(self):
        went_on = Conversation("c", model="dear", cached_tokens=950)
        # dear: 50 × $5 + 300 × $10 = $0.00325; middle: $0.005; cheap: $0.0013
        assert names(plan((MIDDLE, DEAR), known=signals(conversation=went_on), strategy="cheapest")) == [
            "dear",
            "middle",
        ]
        assert names(plan(known=signals(conversation=went_on), strategy="cheapest"))[0] == "cheap"

    def test_equal_costs_keep_their_order(self):
        twin = model("twin", cost=price(1, 1))
        assert names(plan((twin, CHEAP), strategy="cheapest")) == ["twin", "cheap"]


class TestFastest:
    HEALTH = {
        "cheap": Health(p95_first_byte_ms=900, p95_whole_ms=2000),
        "middle": Health(p95_first_byte_ms=300, p95_whole_ms=4000),
        "dear": Health(p95_first_byte_ms=600, p95_whole_ms=3000),
    }

    def test_streams_go_by_the_first_byte_and_answers_by_the_whole(self):
        known = signals(health=self.HEALTH)
        assert names(plan(strategy="fastest", asked=request(stream=True), known=known)) == ["middle", "dear", "cheap"]
        assert names(plan(strategy="fastest", known=known)) == ["cheap", "dear", "middle"]

    def test_a_model_not_measured_lately_is_tried_first_now_and_then_so_that_it_gets_measured(self):
        health = {name: self.HEALTH[name] for name in ("cheap", "dear")}
        firsts = Counter(
            names(plan(strategy="fastest", known=signals(health=health, at=1_800_000_000.0 + n)))[0]
            for n in range(2000)
        )
        assert set(firsts) == {"cheap", "middle"}
        assert 2000 / EXPLORE_ONE_IN * 0.7 < firsts["middle"] < 2000 / EXPLORE_ONE_IN * 1.3

    def test_the_same_signals_give_the_same_plan(self):
        health = {"cheap": self.HEALTH["cheap"]}
        for n in range(50):
            known = signals(health=health, at=1_800_000_000.0 + n)
            assert names(plan(strategy="fastest", known=known)) == names(plan(strategy="fastest", known=known))

    def test_unmeasured_models_stand_behind_in_their_order(self):
        health = {"dear": self.HEALTH["dear"]}
        plans = [plan(strategy="fastest", known=signals(health=health, at=float(n))) for n in range(200)]
        seen = {tuple(names(made)) for made in plans}
        assert seen == {("dear", "cheap", "middle"), ("cheap", "dear", "middle"), ("middle", "dear", "cheap")}


class TestWeighted:
    def first(self, conversation, weights=(1, 1, 1), name="rule", targets=ALL):
        made = rule(*targets, name=name, strategy="weighted", weights=weights)
        base = snapshot(ALL, rules=(made,), tasks=(task(*ALL),))
        return names(router.plan(request(), base, key(), signals(conversation=Conversation(conversation))))

    def test_a_conversation_keeps_its_model_whatever_the_time(self):
        made = rule(*ALL, strategy="weighted", weights=(1, 1, 1))
        base = snapshot(ALL, rules=(made,), tasks=(task(*ALL),))
        for conversation in map(str, range(30)):
            orders = {
                tuple(
                    names(router.plan(request(), base, key(), signals(conversation=Conversation(conversation), at=at)))
                )
                for at in (1.0, 2.0, 3.0)
            }
            assert len(orders) == 1

    def test_conversations_spread_by_weight(self):
        firsts = Counter(self.first(str(n), (6, 3, 1))[0] for n in range(3000))
        assert firsts["cheap"] == pytest.approx(1800, abs=120)
        assert firsts["middle"] == pytest.approx(900, abs=120)
        assert firsts["dear"] == pytest.approx(300, abs=80)

    def test_the_others_follow_as_fallbacks_and_weight_0_only_comes_last(self):
        for n in range(200):
            order = self.first(str(n), (1, 0, 1))
            assert sorted(order) == ["cheap", "dear", "middle"]
            assert order[-1] == "middle"

    def test_a_changed_weight_moves_only_the_conversations_that_must_move(self):
        before = {n: self.first(str(n), (1, 1, 1))[0] for n in range(500)}
        after = {n: self.first(str(n), (1, 1, 2))[0] for n in range(500)}
        moved = {n for n in before if before[n] != after[n]}
        assert moved
        assert {after[n] for n in moved} == {"dear"}

    def test_two_rules_spread_independently(self):
        same = sum(self.first(str(n), name="one")[0] == self.first(str(n), name="two")[0] for n in range(600))
        assert 120 < same < 280  # a third, by chance


class TestCascade:
    def test_the_first_answer_is_judged(self):
        made = plan((CHEAP, DEAR), strategy="cascade", cascade_threshold=0.7)
        assert (names(made), made.cascade) == (["cheap", "dear"], Cascade(threshold=0.7))

    def test_there_is_nothing_to_judge_with_one_model_left(self):
        small = model("small", capabilities=frozenset({"chat"}))
        made = plan((small, DEAR), strategy="cascade", asked=request(tools=[{}]))
        assert (names(made), made.cascade) == (["dear"], None)

    @pytest.mark.parametrize("name", ["cheap", "dear"])
    def test_nor_with_one_of_the_two_out_of_reach(self, name):
        made = plan((CHEAP, DEAR), strategy="cascade", known=signals(health={name: Health(is_open=True)}))
        assert made.cascade is None
        assert names(made)[-1] == name

    def test_a_budget_that_runs_low_asks_the_cheapest_alone(self):
        made = plan((DEAR, CHEAP), strategy="cascade", known=signals(cheaper=Cheaper("B", "")))
        assert (names(made), made.cascade) == (["cheap", "dear"], None)


@pytest.mark.parametrize("strategy", ["fixed", "cheapest", "fastest", "weighted"])
def test_an_open_breaker_puts_a_model_last_but_keeps_it(strategy):
    health = {"cheap": Health(is_open=True, p95_whole_ms=1, p95_first_byte_ms=1)}
    made = rule(*ALL, strategy=strategy, weights=(10**9, 1, 1), conditions=(Tasks(frozenset({"sum"})),))
    base = snapshot(ALL, rules=(made,), tasks=(task(*ALL),))
    order = names(router.plan(request(), base, key(), signals(health=health)))
    assert sorted(order) == ["cheap", "dear", "middle"]
    assert order[-1] == "cheap"


def test_a_budget_s_wish_for_a_cheaper_model():
    assert names(plan((DEAR, MIDDLE, CHEAP), known=signals(cheaper=Cheaper("B", "")))) == ["cheap", "middle", "dear"]
    named = plan((DEAR, MIDDLE), known=signals(cheaper=Cheaper("B", "cheap")))
    assert (names(named), named.attempts[0].reason) == (["cheap"], "budget B")


def test_a_budget_s_cheaper_model_that_the_key_may_not_use_is_passed_over():
    base = snapshot(ALL, tasks=(task(DEAR, MIDDLE),))
    wish = signals(cheaper=Cheaper("B", "cheap"))
    assert names(router.plan(request(), base, key({"dear", "middle"}), wish)) == ["middle", "dear"]
