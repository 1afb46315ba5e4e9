"""Streams: passed on as they come, recorded however they end."""

from __future__ import annotations

import dataclasses
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from simulator import tokens
from tests.gateway.budgets import budget, counter
from tests.gateway.live import Gateway, wait_until

SURFACES = ["openai", "anthropic"]
MODELS = ["gpt-4o", "claude-sonnet-4-5"]


def call(world, surface: str, model: str, **fields):
    return (
        world.chat(model, stream=True, **fields) if surface == "openai" else world.message(model, stream=True, **fields)
    )


def raw_post(path: str, content: bytes, secret: str) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {secret}\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def text_of(reply, surface: str) -> str:
    pieces = []
    for event in reply.events():
        data = event.rpartition(b"data: ")[2]
        if data == b"[DONE]":
            continue
        parsed = json.loads(data)
        if surface == "openai":
            pieces += [choice["delta"].get("content") or "" for choice in parsed["choices"]]
        elif parsed["type"] == "content_block_delta":
            pieces.append(parsed["delta"].get("text", ""))
    return "".join(pieces)


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("model", MODELS)
def test_carries_the_same_text_and_cost_as_a_whole_answer(world, surface, model):
    reply = call(world, surface, model)
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/event-stream")
    whole = world.chat(model) if surface == "openai" else world.message(model)
    answer = whole.json()
    expected = answer["choices"][0]["message"]["content"] if surface == "openai" else answer["content"][0]["text"]
    assert text_of(reply, surface) == expected
    streamed, unstreamed = world.records(2)
    assert streamed.is_stream
    assert streamed.cost_usd == unstreamed.cost_usd > 0
    assert streamed.output_tokens == unstreamed.output_tokens == tokens.count(expected)
    assert streamed.usage_source == "reported"
    assert f": x-tollgate-cost-usd {streamed.cost_usd}".encode() in reply.body
    assert 0 < streamed.ttft_ms < streamed.latency_ms


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("model", MODELS)
def test_one_that_the_provider_cuts_ends_with_an_error_event_and_is_charged(world, simulator, surface, model):
    simulator.behave(fault="cut", fault_after_chunks=5, output_tokens=40)
    reply = call(world, surface, model)
    assert reply.status == 200
    last = json.loads(reply.events()[-1].rpartition(b"data: ")[2])
    assert "broke off" in last["error"]["message"]
    assert b"[DONE]" not in reply.body
    assert b"message_stop" not in reply.body
    (record,) = world.records()
    assert (record.outcome, record.error_type, record.usage_source) == ("cut", "upstream_broke_off", "estimated")
    assert record.output_tokens >= 4
    assert record.cost_usd > 0


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("model", MODELS)
def test_an_error_event_of_the_provider_s_reaches_the_caller_in_its_own_format(world, simulator, surface, model):
    simulator.behave(fault="error_event", fault_after_chunks=5, chunk_ms=10, error_message="the provider's own words")
    reply = call(world, surface, model)
    event = reply.events()[-1]
    last = json.loads(event.rpartition(b"data: ")[2])
    assert last["error"]["message"] == "the provider's own words"
    assert event.startswith(b"event: error\n") == (surface == "anthropic")
    assert world.records()[0].outcome == "cut"


@pytest.mark.parametrize("model", MODELS)
def test_one_that_falls_silent_is_ended(hasty, simulator, model):
    simulator.behave(fault="hang", fault_after_chunks=3, output_tokens=40)
    reply = hasty.chat(model, stream=True)
    assert "in time" in json.loads(reply.events()[-1].removeprefix(b"data: "))["error"]["message"]
    assert hasty.records()[0].error_type == "upstream_timeout"


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("model", MODELS)
def test_a_client_that_leaves_closes_the_upstream_call_and_pays_for_what_was_produced(left, simulator, surface, model):
    simulator.behave(chunk_ms=50, output_tokens=400)
    path = "/v1/chat/completions" if surface == "openai" else "/v1/messages"
    body = {"model": model, "max_tokens": 500, "stream": True, "messages": [{"role": "user", "content": "hello"}]}
    address = urlsplit(left.gateway.url)
    with socket.create_connection((address.hostname, address.port)) as client:
        content = json.dumps(body).encode()
        client.sendall(raw_post(path, content, left.secret))
        got = b""
        while got.count(b"data: ") < 8:
            got += client.recv(65536)
    (upstream,) = wait_until(
        lambda: [seen for seen in simulator.requests() if seen["outcome"] == "client_disconnected"]
    )
    assert upstream["chunks_sent"] < 400
    (record,) = left.records()
    assert (record.status, record.outcome, record.usage_source) == (499, "client_left", "estimated")
    assert 5 <= record.output_tokens < 400
    assert record.input_tokens > 0
    assert record.cost_usd > 0


def test_a_slow_stream_is_passed_on_as_it_comes(left, simulator):
    """Chunk after chunk reaches the caller while the provider still speaks."""
    simulator.behave(chunk_ms=100, output_tokens=400)
    body = json.dumps({"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "hello"}]}).encode()
    address = urlsplit(left.gateway.url)
    with socket.create_connection((address.hostname, address.port)) as client:
        client.sendall(raw_post("/v1/chat/completions", body, left.secret))
        for _ in range(4):
            piece = b""
            while b'"content"' not in piece:
                piece = client.recv(65536)
                assert piece
            (entry,) = simulator.requests()
            assert (entry["outcome"], b"[DONE]" in piece) == ("in_progress", False)
    wait_until(lambda: simulator.requests()[0]["outcome"] == "client_disconnected")


def test_a_client_that_left_gives_its_place_back(left, simulator):
    from tenants import api_keys

    made = api_keys.create(left.tenant, name="one at a time", max_concurrency=1)
    simulator.behave(chunk_ms=50, output_tokens=400)
    body = json.dumps({"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "hello"}]}).encode()
    address = urlsplit(left.gateway.url)
    with socket.create_connection((address.hostname, address.port)) as client:
        client.sendall(raw_post("/v1/chat/completions", body, made.secret))
        client.recv(65536)
        assert left.post("/v1/chat/completions", body, secret=made.secret).status == 429
    simulator.reset()
    wait_until(lambda: left.post("/v1/chat/completions", body, secret=made.secret).status == 200)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("surface", SURFACES)
def test_what_was_produced_in_chinese_counts_a_token_a_character(world, simulator, surface, model):
    """Though the provider packs many characters into an event, and is cut before it tells what it counted."""
    text = "我们今天去学校看书" * 20
    simulator.behave(output_text=text, tokens_per_chunk=40, fault="cut", fault_after_chunks=2, chunk_ms=50)
    reply = call(world, surface, model)
    (row,) = world.records()
    produced = text_of(dataclasses.replace(reply, body=b"\n\n".join(reply.events()[:-1])), surface)
    assert (row.outcome, row.usage_source) == ("cut", "estimated")
    assert len(produced) >= 40
    assert row.output_tokens == len(produced)


@pytest.mark.parametrize("surface", SURFACES)
def test_a_connection_that_breaks_when_all_has_come_is_no_fault(world, simulator, surface):
    """The simulator cuts it after the last chunk, before [DONE]."""
    simulator.behave(output_tokens=10, tokens_per_chunk=10, fault="cut", fault_after_chunks=2, chunk_ms=20)
    reply = call(world, surface, "gpt-4o")
    assert reply.events()[-1].startswith(b"data: [DONE]" if surface == "openai" else b"event: message_stop")
    assert b"error" not in reply.body
    (row,) = world.records()
    assert (row.outcome, row.finish_reason) == ("ok", "stop")


def test_streams_under_way_when_the_process_is_stopped_end_with_an_error_event(world, simulator, tmp_path):
    """It waits for them for a while first."""
    simulator.behave(chunk_ms=100, output_tokens=400)
    budget(world, 1_000_000, "tokens")
    message = {"max_tokens": 500, "stream": True, "messages": [{"role": "user", "content": "hello"}]}
    asks = {
        "/v1/chat/completions": {"model": "gpt-4o", **message},
        "/v1/messages": {"model": "claude-sonnet-4-5", **message},
    }
    with Gateway.running(tmp_path) as stopped, ThreadPoolExecutor(2) as pool:
        beside = dataclasses.replace(world, gateway=stopped)
        streams = [pool.submit(beside.post, path, body) for path, body in asks.items()]
        wait_until(lambda: len(simulator.requests()) == 2)
        stopped.child.stop(seconds=20)
        openai, anthropic = (stream.result() for stream in streams)
    assert json.loads(openai.events()[-1].removeprefix(b"data: "))["error"]["code"] == "gateway_stopped"
    assert anthropic.events()[-1].startswith(b"event: error\n")
    rows = world.records(2)
    assert {(row.outcome, row.error_type, row.usage_source) for row in rows} == {
        ("cut", "gateway_stopped", "estimated")
    }
    assert all(0 < row.output_tokens < 400 for row in rows)
    assert counter(world, "tokens") == (sum(row.input_tokens + row.output_tokens for row in rows), 0)
