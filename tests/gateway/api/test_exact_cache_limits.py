"""What an answer from the exact cache counts: a request of no tokens and no money, and never more than the limits leave."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django_redis import get_redis_connection

from tenants import redis_keys
from tests.gateway.budgets import NANO, budget, counter, plan
from tests.gateway.caches import FIRST, HIT, books, entries, said
from tests.gateway.live import wait_until


def test_a_hit_counts_as_a_request_of_no_tokens_and_the_ledger_says_the_same(cached):
    budget(cached, 100, "requests")
    budget(cached, 1_000_000, "tokens")
    budget(cached, 100, "usd")
    budget(cached, 100, "requests", scope="model", name="of a model")
    replies = [cached.chat(user="ada") for _ in range(3)]
    assert [reply.headers["x-tollgate-cache"] for reply in replies] == ["miss", "hit", "hit"]
    miss, *hits = cached.records(3)
    used = miss.input_tokens + miss.output_tokens
    assert counter(cached, "requests") == (3, 0)
    assert counter(cached, "tokens") == (used, 0)
    assert counter(cached, "usd") == (int(miss.cost_usd * NANO), 0)
    assert counter(cached, "requests", dimension="model", subject="gpt-4o") == (1, 0)
    for row in hits:
        assert (row.cache, row.cache_reason, row.attempt, row.status, row.outcome) == ("hit", "", 1, 200, "ok")
        assert (row.model_served, row.provider, row.end_user) == ("gpt-4o", "openai", "ada")
        assert (row.input_tokens, row.output_tokens, row.cost_usd, row.usage_source) == (0, 0, 0, "none")
        assert (row.saved_usd, row.cache_similarity, row.opens_model) == (miss.cost_usd, None, False)
        assert row.cache_age_ms < 10_000
        assert "fingerprint" in row.steps_us
    # Redis forgets; what it reads from the ledger is what it counted.
    redis = get_redis_connection("default")
    redis.delete(redis_keys.counters(cached.tenant.id))
    wait_until(lambda: cached.chat(user="ada").status == 200)
    assert counter(cached, "requests") == (4, 0)
    assert counter(cached, "tokens") == (used, 0)
    assert counter(cached, "requests", dimension="model", subject="gpt-4o") == (1, 0)
    assert books(cached)["hits"] == 3
    assert books(cached)["saved"] == 3 * int(miss.cost_usd * NANO)


def test_a_hit_takes_no_place_among_the_requests_under_way(cached, simulator):
    plan(cached, max_concurrency=1)
    assert said(cached.chat()) == FIRST
    redis, key = get_redis_connection("default"), redis_keys.counters(cached.tenant.id)
    (slot,) = (name for name in redis.hkeys(key) if name.startswith(b"slot|"))
    redis.hset(key, slot, 1)  # as if one were under way
    assert said(cached.chat()) == HIT
    assert cached.chat(prompt="other").status == 429
    assert redis.hget(key, slot) == b"1"


@pytest.mark.parametrize("metric", ["requests", "tokens", "usd"])
def test_a_hit_does_not_hide_that_a_budget_is_used_up(cached, simulator, metric):
    row = budget(cached, 1000, metric)
    assert cached.chat().status == 200
    (record,) = cached.records()
    used = {
        "requests": Decimal(1),
        "tokens": Decimal(record.input_tokens + record.output_tokens),
        "usd": record.cost_usd,
    }
    row.amount = used[metric]
    row.save()
    refused = cached.chat()
    assert (refused.status, refused.json()["error"]["code"]) == (429, "budget_spent")
    assert "x-tollgate-cache" not in refused.headers
    row.amount = (
        used[metric] * 2 if metric == "requests" else used[metric] + Decimal("0.0001" if metric == "usd" else 1)
    )
    row.save()
    assert said(cached.chat()) == HIT  # what is left pays for no call, but for this
    assert cached.chat(prompt="other").status == 429
    assert simulator.totals()["requests"] == 1


def test_hits_count_in_the_limits_per_minute(cached):
    plan(cached, requests_per_minute=3, tokens_per_minute=100_000)
    replies = [cached.chat() for _ in range(4)]
    assert [reply.status for reply in replies] == [200, 200, 200, 429]
    assert [reply.headers.get("x-ratelimit-remaining-requests") for reply in replies[:3]] == ["2", "1", "0"]
    left = [int(reply.headers["x-ratelimit-remaining-tokens"]) for reply in replies[:3]]
    assert left[1] == left[2] > left[0]  # the first one shows what is held for it


def test_where_only_cached_answers_are_left_hits_are_given_and_misses_refused(cached, simulator):
    budget(cached, 10, name="Frugal", cheaper_at=10, cached_only_at=20)
    assert [said(cached.chat(prompt=prompt)) for prompt in ("a", "b")] == [
        FIRST,
        (200, "miss", "no entry; not kept: a budget runs low"),
    ]
    assert said(cached.chat(prompt="a")) == HIT
    refused = cached.chat(prompt="b")
    assert (refused.status, refused.json()["error"]["code"]) == (429, "cached_answers_only")
    assert simulator.totals()["requests"] == 2


def test_a_budget_that_runs_low_gives_the_answer_of_the_better_model_and_keeps_none_of_the_cheaper(cached, simulator):
    cached.model("gpt-4o-mini", "openai")
    better = cached.chat()
    row = budget(cached, 1000, cheaper_at=50, cheaper_model="gpt-4o-mini")
    row.amount = 4
    row.save()
    again, other = cached.chat(), cached.chat(prompt="other")
    assert (said(again), again.body) == (HIT, better.body)
    assert (other.headers["x-tollgate-model"], said(other)[2]) == (
        "gpt-4o-mini",
        "no entry; not kept: a budget runs low",
    )
    assert len(entries(cached)) == 1
