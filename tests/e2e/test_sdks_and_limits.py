"""What the official SDKs make of a refusal: they retry what may succeed, and leave a spent budget alone."""

from __future__ import annotations

import anthropic
import openai
import pytest

from tests.gateway.budgets import budget, plan

MESSAGES = [{"role": "user", "content": "hello"}]


def test_openai_s_sdk_does_not_hammer_a_spent_budget(world):
    budget(world, 0, name="Nothing")
    client = openai.OpenAI(base_url=f"{world.gateway.url}/v1", api_key=world.secret, max_retries=3)
    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert refused.value.code == "budget_spent"
    assert refused.value.body["detail"]["budget"] == "Nothing"
    assert len(world.records(1)) == 1


def test_anthropic_s_sdk_does_not_hammer_a_spent_budget(world):
    budget(world, 0, name="Nothing")
    client = anthropic.Anthropic(base_url=world.gateway.url, api_key=world.secret, max_retries=3)
    with pytest.raises(anthropic.RateLimitError) as refused:
        client.messages.create(model="claude-sonnet-4-5", max_tokens=50, messages=MESSAGES)
    assert refused.value.body["error"]["detail"]["budget"] == "Nothing"
    assert len(world.records(1)) == 1


def test_a_limit_of_the_last_minute_is_retried_by_the_sdk(world):
    plan(world, requests_per_minute=1)
    client = openai.OpenAI(base_url=f"{world.gateway.url}/v1", api_key=world.secret, max_retries=0)
    client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert refused.value.response.headers.get("x-should-retry") is None
    assert 1 <= int(refused.value.response.headers["retry-after"]) <= 63


def test_the_sdk_s_idempotency_header_charges_once(world, simulator):
    client = openai.OpenAI(base_url=f"{world.gateway.url}/v1", api_key=world.secret)
    headers = {"Idempotency-Key": "order-7"}
    answers = [
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES, extra_headers=headers) for _ in range(2)
    ]
    assert answers[0].id == answers[1].id
    assert simulator.totals()["requests"] == 1
