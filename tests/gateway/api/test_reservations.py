"""What is held and what is charged: output caps, overruns, estimates, streams that end early, answers asked for twice."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest

from billing import prices
from gateway.types import Usage
from tests.gateway.budgets import NANO, budget, counter, error, plan
from tests.gateway.live import World, wait_until


def leave_mid_stream(world: World, **fields: Any) -> None:
    """Begin a stream, read its first bytes, hang up."""
    address = urlsplit(world.gateway.url)
    client = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    body = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "hello"}], **fields}
    client.request("POST", "/v1/chat/completions", json.dumps(body), {"authorization": f"Bearer {world.secret}"})
    assert client.getresponse().read(20)
    client.close()


def test_the_output_cap_always_goes_upstream_and_is_what_the_caller_asked_for(world, simulator):
    reply = world.chat(max_tokens=77)
    assert reply.headers["x-tollgate-max-tokens"] == "77"
    assert simulator.requests()[-1]["body"]["max_tokens"] == 77
    assert world.message(max_tokens=88).status == 200
    assert simulator.requests()[-1]["body"]["max_tokens"] == 88
    assert world.chat("claude-sonnet-4-5", max_completion_tokens=99).status == 200
    assert simulator.requests()[-1]["body"]["max_tokens"] == 99
    assert [row.output_cap for row in world.records(3)] == [77, 88, 99]


def test_a_plan_s_cap_is_kept_to(world, simulator):
    plan(world, max_output_tokens=60)
    reply = world.chat(max_tokens=500)
    assert (reply.status, reply.headers["x-tollgate-max-tokens"]) == (200, "60")
    assert simulator.requests()[-1]["body"]["max_tokens"] == 60


def test_too_much_input_is_refused(world, simulator):
    plan(world, max_input_tokens=100)
    assert world.chat().status == 200
    assert error(world.chat(prompt="word " * 500)) == (400, "input_too_long")
    assert simulator.totals()["requests"] == 1


def test_input_is_counted_exactly_where_the_vocabulary_is_public(world):
    plan(world, max_input_tokens=508)
    assert world.chat(prompt="word " * 500).status == 200  # 501 tokens, and 7 that wrap them
    assert error(world.chat(prompt="word " * 501)) == (400, "input_too_long")
    fewer = world.chat(prompt="aaaaaaaa" * 240)  # 240 tokens, though half of its bound is more than is allowed
    assert fewer.status == 200


def test_elsewhere_input_counts_as_the_provider_has_counted_others(world, simulator):
    model, prompt = "claude-sonnet-4-5", "seldom " * 3000
    simulator.behave(input_tokens=9_000)  # more than half of the bound, which is about 10 000
    plan(world, max_input_tokens=7_000)
    assert world.chat(model, prompt=prompt).status == 200

    def is_learnt() -> bool:
        time.sleep(1.0)
        return world.chat(model, prompt=prompt).status == 400

    wait_until(is_learnt)
    assert error(world.chat(model, prompt=prompt)) == (400, "input_too_long")


def test_a_request_that_may_cost_too_much_is_capped_or_refused(world):
    plan(world, max_request_usd=Decimal("0.005"))
    reply = world.chat(max_tokens=5000)
    assert reply.status == 200
    assert 32 <= int(reply.headers["x-tollgate-max-tokens"]) < 500  # gpt-4o's output is 10 USD per million tokens
    assert error(world.chat(prompt="word " * 5000)) == (400, "request_too_expensive")


def test_the_cap_is_lowered_to_what_the_budget_can_pay_for(world, simulator):
    budget(world, 1000, "tokens", name="Thousand")
    reply = world.chat(max_tokens=5000)
    cap = int(reply.headers["x-tollgate-max-tokens"])
    assert 500 < cap < 1000
    assert reply.headers["x-tollgate-max-tokens-lowered-by"] == "Thousand"
    assert simulator.requests()[-1]["body"]["max_tokens"] == cap


def test_a_request_larger_than_a_whole_budget_is_told_that_waiting_does_not_help(world):
    budget(world, 100, "tokens", name="Hundred")
    refused = world.chat(prompt="word " * 300)
    assert error(refused) == (429, "budget_spent")
    message = refused.json()["error"]["message"]
    assert "“Hundred” is smaller than this request" in message
    assert "begins anew" not in message
    assert "retry-after" not in refused.headers
    assert refused.headers["x-should-retry"] == "false"


def test_what_others_hold_is_waited_for(world, simulator):
    simulator.behave(latency_ms=60_000, times=1)
    budget(world, 1500, "tokens")
    waits = hold_waits(world)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(world.chat, max_tokens=1400)
        wait_until(lambda: counter(world, "tokens")[1] > 0)
        second = pool.submit(world.chat, max_tokens=900)
        wait_until(lambda: hold_waits(world) > waits)
        simulator.reset()
        assert [first.result().status, second.result().status] == [200, 200]


def hold_waits(world: World) -> float:
    found = re.search(r"^tollgate_hold_waits_total (\S+)", world.gateway.request("GET", "/metrics").body.decode(), re.M)
    return float(found[1]) if found else 0.0


def test_what_others_hold_for_long_is_refused_as_held_and_may_be_retried(world, simulator):
    simulator.behave(latency_ms=60_000, times=1)
    budget(world, 1500, "tokens")
    slow = threading.Thread(target=lambda: world.chat(max_tokens=1490))
    slow.start()
    wait_until(lambda: counter(world, "tokens")[1] > 0)
    refused = world.chat(max_tokens=900)
    assert error(refused) == (429, "budget_held")
    assert refused.headers["retry-after"] == "1"
    assert "x-should-retry" not in refused.headers
    simulator.reset()
    slow.join()


def test_an_overrun_is_charged_in_full_and_stops_the_next_request(world, simulator):
    budget(world, 1000, "tokens")
    simulator.behave(input_tokens=3000, reported_output_tokens=2000)
    assert world.chat(max_tokens=100).status == 200
    assert counter(world, "tokens") == (5000, 0)
    assert error(world.chat(max_tokens=100)) == (429, "budget_spent")
    row = world.records(2)[0]
    assert (row.input_tokens, row.output_tokens) == (3000, 2000)


def test_without_reported_usage_the_charge_is_estimated_and_never_nothing(world, simulator):
    budget(world, 100_000, "tokens")
    simulator.behave(omit_usage=True)
    assert world.chat(max_tokens=100).status == 200
    assert world.chat(max_tokens=100, stream=True).status == 200
    whole, streamed = world.records(2)
    for row in (whole, streamed):
        assert row.usage_source == "estimated"
        assert row.input_tokens > 0
        assert row.output_tokens > 0
        assert row.cost_usd > 0
    assert counter(world, "tokens") == (sum(r.input_tokens + r.output_tokens for r in (whole, streamed)), 0)


def test_a_client_that_leaves_is_charged_what_was_really_used_if_the_stream_ends_soon(world, simulator):
    budget(world, 100_000, "tokens")
    simulator.behave(chunk_ms=20)
    leave_mid_stream(world)
    row = world.records(1)[0]
    assert (row.outcome, row.usage_source) == ("client_left", "reported")
    usage = simulator.totals()["usage"]
    assert row.input_tokens + row.output_tokens == usage["input_tokens"] + usage["output_tokens"]
    assert counter(world, "tokens") == (row.input_tokens + row.output_tokens, 0)


def test_a_client_that_leaves_a_long_stream_is_charged_what_was_produced(left, simulator):
    budget(left, 100_000, "tokens")
    simulator.behave(chunk_ms=100, output_tokens=400)
    leave_mid_stream(left, max_tokens=500)
    row = left.records(1)[0]
    assert (row.outcome, row.usage_source) == ("client_left", "estimated")
    assert row.input_tokens > 0
    assert 0 < row.output_tokens < 400
    assert counter(left, "tokens") == (row.input_tokens + row.output_tokens, 0)


def test_a_refused_translation_gives_everything_back(world, simulator):
    budget(world, 100, "requests")
    budget(world, 10_000, "tokens")
    reply = world.chat("claude-sonnet-4-5", logit_bias={"1": 2})
    assert error(reply) == (400, "untranslatable")
    assert (counter(world, "requests"), counter(world, "tokens")) == ((0, 0), (0, 0))
    assert simulator.totals()["requests"] == 0


def test_a_provider_s_error_charges_the_request_and_no_tokens(world, simulator):
    budget(world, 100, "requests")
    budget(world, 10_000, "tokens")
    simulator.behave(fault="500")
    assert world.chat().status == 502
    assert (counter(world, "requests"), counter(world, "tokens")) == ((1, 0), (0, 0))
    assert simulator.totals()["requests"] == 3  # two retries are the same request


def test_a_stream_costs_what_the_same_answer_costs_whole(world):
    for ask in (world.chat, world.message):
        ask(prompt="Tell me", max_tokens=100)
        ask(prompt="Tell me", max_tokens=100, stream=True)
    rows = world.records(4)
    assert rows[0].cost_usd == rows[1].cost_usd > 0
    assert rows[2].cost_usd == rows[3].cost_usd > 0


@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_s_cached_tokens_are_counted_once(world, simulator, stream):
    """By hand, claude-sonnet-4-5 (USD per million): input 3, cache read 0.30, 5-minute write 3.75, 1-hour write 6, output 15.

    2,000 input tokens of which 1,000 read, 300 and 200 written: 500 x 3 + 1000 x 0.3 + 300 x 3.75 + 200 x 6 + 40 x 15 = 4725 USD
    per million.
    """
    simulator.behave(
        input_tokens=2000,
        cached_tokens=1000,
        cache_write_tokens=300,
        cache_write_1h_tokens=200,
        reported_output_tokens=40,
    )
    budget(world, 1, "usd")
    assert world.message(stream=stream).status == 200
    row = world.records(1)[0]
    assert (row.input_tokens, row.cache_read_tokens, row.cache_write_5m_tokens, row.cache_write_1h_tokens) == (
        2000,
        1000,
        300,
        200,
    )
    assert row.cost_usd == Decimal("0.004725")
    assert counter(world, "usd") == (4_725_000, 0)


@pytest.mark.parametrize("stream", [False, True])
def test_openai_s_cached_tokens_are_counted_once(world, simulator, stream):
    """By hand, gpt-4o (USD per million): input 2.50, cached input 1.25, output 10: 1000 x 2.5 + 1000 x 1.25 + 40 x 10 = 4150."""
    simulator.behave(input_tokens=2000, cached_tokens=1000, reported_output_tokens=40)
    budget(world, 1, "usd")
    assert world.chat(stream=stream).status == 200
    row = world.records(1)[0]
    assert (row.input_tokens, row.cache_read_tokens) == (2000, 1000)
    assert row.cost_usd == Decimal("0.00415")
    assert counter(world, "usd") == (4_150_000, 0)


def test_reasoning_tokens_are_part_of_the_output(world, simulator):
    simulator.behave(reported_output_tokens=500, reasoning_tokens=450)
    assert world.chat().status == 200
    row = world.records(1)[0]
    assert (row.output_tokens, row.reasoning_tokens) == (500, 450)
    price = prices.resolve(kind="openai", upstream_id="gpt-4o", at=row.accepted_at)
    assert price is not None
    usage = Usage(input_tokens=row.input_tokens, output_tokens=500, reasoning_tokens=450)
    assert int(row.cost_usd * NANO) == prices.cost_nanousd(price, usage)
