"""Where only a cached answer will do, because the caller or a budget says so, the answer to a question that means the same is one."""

from __future__ import annotations

from tests.gateway.api.test_semantic_cache import OTHER, QUESTION, SIMILAR, asked, kept, semantic, user
from tests.gateway.budgets import budget, counter
from tests.gateway.caches import policy, said

ONLY = "only-if-cached"


def test_only_if_cached_is_given_it_without_a_call_and_counts_as_one_request(meaning, simulator):
    budget(meaning, 100, "requests")
    budget(meaning, 100, name="Money")
    first = asked(meaning, user(QUESTION))
    kept(meaning)
    spent = counter(meaning, "usd")
    given = asked(meaning, user(SIMILAR), cache_control=ONLY)
    assert (semantic(given), given.json()["choices"]) == ((200, "semantic"), first.json()["choices"])
    refused = asked(meaning, user(OTHER), cache_control=ONLY)
    assert (refused.status, refused.json()["error"]["message"]) == (
        504,
        "There is no cached answer (no entry; semantic: nothing near enough), and only-if-cached forbids asking a model.",
    )
    assert (counter(meaning, "requests"), counter(meaning, "usd"), spent[1]) == ((2, 0), spent, 0)
    assert simulator.totals()["requests"] == 1
    _, hit, miss = meaning.records(3)
    assert [(row.status, row.cache, row.cost_usd) for row in (hit, miss)] == [(200, "semantic", 0), (504, "miss", 0)]


def test_only_if_cached_is_given_it_where_the_exact_cache_is_off(world, simulator):
    policy(world, exact=False, semantic=True, semantic_threshold="0.8", target_false_percent=15)
    asked(world, user(QUESTION))
    kept(world)
    assert semantic(asked(world, user(SIMILAR), cache_control=ONLY)) == (200, "semantic")
    assert asked(world, user(OTHER), cache_control=ONLY).status == 504
    assert simulator.totals()["requests"] == 1


def test_the_last_step_of_a_budget_gives_it_and_refuses_the_rest(meaning, simulator):
    budget(meaning, 10, "requests", name="Frugal", cheaper_at=5, cached_only_at=10)
    asked(meaning, user(QUESTION))
    kept(meaning)
    assert semantic(asked(meaning, user(SIMILAR))) == (200, "semantic")
    refused = asked(meaning, user(OTHER))
    assert (refused.status, refused.json()["error"]["code"]) == (429, "cached_answers_only")
    assert counter(meaning, "requests") == (2, 0)
    assert simulator.totals()["requests"] == 1


def test_a_budget_that_is_used_up_refuses_it_and_nothing_is_counted(meaning):
    budget(meaning, 1, "requests")
    asked(meaning, user(QUESTION))
    kept(meaning)
    refused = asked(meaning, user(SIMILAR), cache_control=ONLY)
    assert (refused.status, refused.json()["error"]["code"]) == (429, "budget_spent")
    assert said(refused)[1:] == ("miss", None)
    assert counter(meaning, "requests") == (1, 0)
    assert (meaning.records(2)[1].cache, meaning.records(2)[1].status) == ("miss", 429)
