"""Limits of the last minute and of what is under way, for keys, end users and the tenant, and how headers tell of them."""

from __future__ import annotations

import threading

from django_redis import get_redis_connection

from tenants import api_keys, redis_keys
from tests.gateway.budgets import error, plan
from tests.gateway.live import wait_until


def test_openai_s_headers_tell_what_is_left(world):
    secret = api_keys.create(world.tenant, name="k", requests_per_minute=3, tokens_per_minute=1000).secret
    body = {"model": "gpt-4o", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}
    headers = world.post("/v1/chat/completions", body, secret=secret).headers
    assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == ("3", "2")
    assert headers["x-ratelimit-limit-tokens"] == "1000"
    assert 700 < int(headers["x-ratelimit-remaining-tokens"]) < 900
    assert headers["x-ratelimit-reset-requests"] == "1m3s"


def test_anthropic_s_headers_tell_what_is_left(world):
    secret = api_keys.create(world.tenant, name="k", requests_per_minute=3).secret
    body = {"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}
    headers = world.post("/v1/messages", body, secret=secret).headers
    assert headers["anthropic-ratelimit-requests-limit"] == "3"
    assert headers["anthropic-ratelimit-requests-remaining"] == "2"
    assert headers["anthropic-ratelimit-requests-reset"].endswith("Z")
    assert "anthropic-ratelimit-tokens-limit" not in headers


def test_tokens_per_minute_are_given_back_when_less_was_used(world, simulator):
    plan(world, tokens_per_minute=1000)
    for _ in range(4):
        assert world.chat(max_tokens=800).status == 200
    simulator.behave(input_tokens=500, reported_output_tokens=500)
    assert world.chat(max_tokens=500).status == 200
    refused = world.chat(max_tokens=100)
    assert error(refused) == (429, "tokens_per_minute_exceeded")
    assert 1 <= int(refused.headers["retry-after"]) <= 63


def test_a_request_larger_than_a_minute_s_tokens_can_never_be_let_in(world):
    plan(world, tokens_per_minute=100)
    assert error(world.chat(prompt="word " * 300)) == (400, "exceeds_tokens_per_minute")


def test_each_end_user_of_a_tier_has_a_pace_of_its_own(world):
    plan(world).tiers.create(tier="free", requests_per_minute=2)
    statuses = [world.chat(user=name).status for name in ("ada", "ada", "ada", "bob", "bob", "bob")]
    assert statuses == [200, 200, 429, 200, 200, 429]
    assert world.chat().status == 200


def test_the_tenant_s_pace_is_shared_by_all_keys(world):
    plan(world, requests_per_minute=3)
    other = api_keys.create(world.tenant, name="other").secret
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
    assert [world.chat().status for _ in range(2)] == [200, 200]
    assert [world.post("/v1/chat/completions", body, secret=other).status for _ in range(2)] == [200, 429]


def test_concurrency_of_an_end_user(world, simulator):
    simulator.behave(latency_ms=60_000, times=1)
    plan(world).tiers.create(tier="free", max_concurrency=1)
    slow = threading.Thread(target=lambda: world.chat(user="ada"))
    slow.start()
    wait_until(lambda: simulator.requests())
    assert error(world.chat(user="ada")) == (429, "concurrency_exceeded")
    assert world.chat(user="bob").status == 200
    simulator.reset()
    slow.join()
    assert world.chat(user="ada").status == 200


def test_requests_under_way_stay_in_the_last_minute_when_redis_has_lost_its_counters(world, simulator):
    plan(world, requests_per_minute=3)
    assert world.chat().status == 200
    simulator.behave(latency_ms=60_000, times=1)
    slow = threading.Thread(target=world.chat)
    slow.start()
    wait_until(lambda: len(simulator.requests()) == 2)
    get_redis_connection("default").delete(redis_keys.counters(world.tenant.id))
    assert [world.chat().status for _ in range(2)] == [200, 429]
    simulator.reset()
    slow.join()
    assert error(world.chat()) == (429, "requests_per_minute_exceeded")


def test_a_refusal_says_what_is_left_too(world, simulator):
    secret = api_keys.create(world.tenant, name="k", requests_per_minute=1).secret
    body = {"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}
    assert world.post("/v1/messages", body, secret=secret).status == 200
    openai, anthropic = (world.post(path, body, secret=secret) for path in ("/v1/chat/completions", "/v1/messages"))
    assert (openai.status, anthropic.status) == (429, 429)
    limit, left = (openai.headers[f"x-ratelimit-{name}-requests"] for name in ("limit", "remaining"))
    assert (limit, left, openai.headers["x-ratelimit-reset-requests"]) == ("1", "0", "1m3s")
    assert anthropic.headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert f"Try again in {openai.headers['retry-after']} s" in openai.json()["error"]["message"]


def test_a_refusal_for_tokens_says_how_many_are_left(world, simulator):
    plan(world, tokens_per_minute=1000)
    simulator.behave(input_tokens=500, reported_output_tokens=400)
    assert world.chat(max_tokens=500).status == 200
    refused = world.chat(prompt="word " * 100, max_tokens=100)
    assert error(refused) == (429, "tokens_per_minute_exceeded")
    assert refused.headers["x-ratelimit-limit-tokens"] == "1000"
    assert refused.headers["x-ratelimit-remaining-tokens"] == "100"
    assert "x-ratelimit-limit-requests" not in refused.headers
