"""What the request log says of a request."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.utils import timezone

from gateway.admin import request_trace
from gateway.admin.request_log import tone, usd
from simulator import tokens


def test_has_who_what_where_and_how_long(world):
    reply = world.post(
        "/v1/chat/completions",
        {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]},
        x_tollgate_user="ada",
        x_tollgate_feature="search",
        x_tollgate_tags="a,b",
    )
    record = world.record(reply.headers["x-request-id"])
    assert record.tenant_id == world.tenant.id
    assert (record.end_user, record.feature, record.tags) == ("ada", "search", ["a", "b"])
    assert (record.endpoint, record.model_asked, record.model_served, record.provider) == (
        "chat.completions", "gpt-4o", "gpt-4o", "openai",
    )  # fmt: skip
    assert (record.status, record.outcome, record.attempt, record.finish_reason) == (200, "ok", 1, "stop")
    assert abs(timezone.now() - record.accepted_at) < dt.timedelta(minutes=1)
    assert set(record.steps_us) == {"authenticate", "validate", "route", "reserve", "prepare", "provider", "process"}
    assert sum(record.steps_us.values()) / 1000 <= record.latency_ms + 1


def test_costs_what_the_tokens_cost_to_the_nanodollar(world):
    answer = world.chat().json()
    (record,) = world.records()
    assert record.input_tokens == answer["usage"]["prompt_tokens"]
    assert (
        record.output_tokens
        == answer["usage"]["completion_tokens"]
        == tokens.count(answer["choices"][0]["message"]["content"])
    )
    # gpt-4o: 2.50 and 10 USD per million tokens
    assert record.cost_usd == (record.input_tokens * Decimal("2.5") + record.output_tokens * 10) / 1_000_000


def test_tells_how_it_came_about_and_at_which_prices(world, simulator):
    """The page of a request multiplies these, and comes to what was charged."""
    simulator.behave(
        input_tokens=4400, cached_tokens=4000, cache_write_tokens=200, cache_write_1h_tokens=100, output_tokens=20
    )
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    body = {"model": "claude-sonnet-4-5", "max_tokens": 500, "messages": [{"role": "user", "content": "hello"}]}
    assert world.post("/v1/messages", body, traceparent=parent).status == 200
    (record,) = world.records()
    # claude-sonnet-4-5: 3, read 0.30, writes 3.75 and 6, output 15 USD per million tokens
    assert record.trail["rates"] == [3_000_000, 300_000, 3_750_000, 6_000_000, 15_000_000]
    assert (record.trail["reason"], record.trail["traceparent"]) == ("asked for", parent)
    (call,) = request_trace.trace([record], usd=usd, tones=tone).calls
    assert [line.amount for line in call.cost.lines] == ["$0.0003", "$0.0012", "$0.00075", "$0.0006", "$0.0003"]
    assert (call.cost.exact, call.cost.charged, call.cost.note) == ("$0.00315", "$0.00315", "")


@pytest.mark.parametrize("stream", [False, True])
def test_counts_anthropic_s_cached_tokens_once(world, simulator, stream):
    simulator.behave(
        input_tokens=4400, cached_tokens=4000, cache_write_tokens=200, cache_write_1h_tokens=100, output_tokens=20
    )
    world.message(stream=stream)
    (record,) = world.records()
    assert (record.input_tokens, record.cache_read_tokens, record.cache_write_5m_tokens, record.cache_write_1h_tokens) == (
        4400, 4000, 200, 100,
    )  # fmt: skip
    # claude-sonnet-4-5: 3 / 15, read 0.30, writes 3.75 and 6 USD per million tokens
    assert record.cost_usd == Decimal("0.000300") + Decimal("0.001200") + Decimal("0.000750") + Decimal(
        "0.000600"
    ) + Decimal("0.000300")


@pytest.mark.parametrize("stream", [False, True])
def test_counts_openai_s_cached_and_reasoning_tokens_once(world, simulator, stream):
    simulator.behave(input_tokens=2000, cached_tokens=1024, reasoning_tokens=64, output_tokens=36)
    world.chat(stream=stream)
    (record,) = world.records()
    assert (record.input_tokens, record.cache_read_tokens, record.output_tokens, record.reasoning_tokens) == (
        2000,
        1024,
        100,
        64,
    )
    assert record.cost_usd == Decimal("0.00472")


def test_a_model_without_a_price_is_refused_rather_than_free(world, simulator):
    world.model("unheard-of", "openai", price_ref="")
    refused = world.chat("unheard-of")
    assert (refused.status, refused.json()["error"]["code"]) == (400, "model_unpriced")
    assert simulator.totals()["requests"] == 0
    assert world.records(1)[0].outcome == "refused"


def test_an_operator_s_price_goes_before_the_catalog_s(world):
    world.model("gpt-4o-mini", "openai", input_usd_per_mtok="1", output_usd_per_mtok="2")
    reply = world.chat("gpt-4o-mini")
    usage = reply.json()["usage"]
    expected = Decimal(usage["prompt_tokens"] + 2 * usage["completion_tokens"]) / 1_000_000
    assert Decimal(reply.headers["x-tollgate-cost-usd"]) == expected == world.records()[0].cost_usd


def test_embeddings_are_recorded(world):
    reply = world.post(
        "/v1/embeddings", {"model": "text-embedding-3-small", "input": ["one two", "three"], "user": "ada"}
    )
    assert reply.status == 200
    (record,) = world.records()
    assert (record.endpoint, record.end_user, record.input_tokens) == (
        "embeddings",
        "ada",
        reply.json()["usage"]["prompt_tokens"],
    )
    assert record.cost_usd == record.input_tokens * Decimal("0.00000002")


def test_counting_tokens_is_free(world):
    body = {"messages": [{"role": "user", "content": "count these words"}]}
    theirs = world.post("/v1/messages/count_tokens", {"model": "claude-sonnet-4-5", **body})
    assert theirs.json()["input_tokens"] > 0
    assert "is_estimate" not in theirs.json()
    exact = world.post("/v1/messages/count_tokens", {"model": "gpt-4o", **body})
    assert exact.json() == {"input_tokens": 10, "is_estimate": False}
    tool = {"name": "f", "input_schema": {"type": "object"}}
    estimate = world.post("/v1/messages/count_tokens", {"model": "gpt-4o", "tools": [tool], **body})
    assert estimate.json() == {"input_tokens": 20, "is_estimate": True}
    assert [(record.cost_usd, record.input_tokens) for record in world.records(3)] == [(0, 0)] * 3
