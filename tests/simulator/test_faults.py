from __future__ import annotations

import http.client
import json
import socket
import time

import anthropic
import openai
import pytest

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello, who are you?"}]}
MESSAGE = {"model": "sim-claude", "max_tokens": 500, "messages": CHAT["messages"]}


def last_entry(simulator):
    return simulator.client.requests(limit=1)[0]


@pytest.mark.parametrize(
    ("status", "openai_type", "anthropic_type"),
    [
        (400, "invalid_request_error", "invalid_request_error"),
        (401, "invalid_request_error", "authentication_error"),
        (403, "request_forbidden", "permission_error"),
        (404, "invalid_request_error", "not_found_error"),
        (413, "invalid_request_error", "request_too_large"),
        (422, "invalid_request_error", "invalid_request_error"),
        (429, "requests", "rate_limit_error"),
        (500, "server_error", "api_error"),
        (502, "server_error", "api_error"),
        (503, "server_error", "api_error"),
        (504, "server_error", "timeout_error"),
        (529, "server_error", "overloaded_error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_answers_with_the_providers_error(post, simulator, status, openai_type, anthropic_type, stream):
    simulator.client.behave(fault=status)
    got, headers, raw = post("/v1/chat/completions", {**CHAT, "stream": stream})
    assert (got, json.loads(raw)["error"]["type"]) == (status, openai_type)
    assert ("retry-after" in headers) == (status == 429)
    got, headers, raw = post("/v1/messages", {**MESSAGE, "stream": stream})
    assert (got, json.loads(raw)["error"]["type"]) == (status, anthropic_type)
    entry = last_entry(simulator)
    assert (entry["outcome"], entry["status"], entry["usage"]) == (f"fault:{status}", status, None)


def test_says_when_to_come_back(post, simulator):
    simulator.client.behave(
        fault="429", retry_after=2.5, should_retry=False, error_message="Slow down", error_code="slow"
    )
    status, headers, raw = post("/v1/chat/completions", CHAT)
    assert (status, headers["retry-after"], headers["x-should-retry"]) == (429, "2.5", "false")
    assert json.loads(raw)["error"] == {"message": "Slow down", "type": "requests", "param": None, "code": "slow"}


def test_runs_out_of_quota(gpt, claude, simulator):
    simulator.client.behave(fault="insufficient_quota")
    with pytest.raises(openai.RateLimitError) as caught:
        gpt.chat.completions.create(**CHAT)
    assert caught.value.code == "insufficient_quota"
    with pytest.raises(anthropic.BadRequestError, match="credit balance"):
        claude.messages.create(**MESSAGE)


def test_echoes_the_credential(gpt, claude, simulator):
    simulator.client.behave(fault="credential_echo")
    with pytest.raises(openai.AuthenticationError, match="sk-test"):
        gpt.chat.completions.create(**CHAT)
    with pytest.raises(anthropic.AuthenticationError, match="sk-ant-test"):
        claude.messages.create(**MESSAGE)


def test_cuts_a_stream_after_some_chunks_and_counts_what_was_sent(post, simulator):
    simulator.client.behave(fault="cut", fault_after_chunks=4)
    for path, body in (("/v1/chat/completions", CHAT), ("/v1/messages", MESSAGE)):
        with pytest.raises(http.client.IncompleteRead) as caught:
            post(path, {**body, "stream": True})
        assert b"said" in caught.value.partial
        assert b"[DONE]" not in caught.value.partial
        entry = last_entry(simulator)
        assert (entry["outcome"], entry["chunks_sent"], entry["usage"]["output_tokens"]) == ("cut", 4, 4)


def test_cuts_a_whole_answer_short_of_its_length(post, simulator):
    simulator.client.behave(fault="cut")
    with pytest.raises(http.client.IncompleteRead) as caught:
        post("/v1/chat/completions", CHAT)
    assert caught.value.expected > 0
    assert last_entry(simulator)["outcome"] == "cut"


def test_closes_its_side_half_way_and_keeps_the_connection(simulator):
    simulator.client.behave(fault="half_close")
    for body in (CHAT, {**CHAT, "stream": True}):
        with socket.create_connection(("127.0.0.1", int(simulator.base_url.rpartition(":")[2])), timeout=10) as client:
            content = json.dumps(body).encode()
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: s\r\nauthorization: Bearer sk\r\ncontent-length: {len(content)}\r\n\r\n"
            client.sendall(head.encode() + content)
            received = b"".join(iter(lambda: client.recv(65_536), b""))
            assert received.startswith(b"HTTP/1.1 200")
            assert b"[DONE]" not in received
            client.sendall(b"x")  # it is still there
        assert last_entry(simulator)["outcome"] == "fault:half_close"


def test_sends_its_answers_byte_by_byte(post, simulator):
    simulator.client.behave(fault="trickle", trickle_ms=0.01, output_tokens=2)
    for body in (CHAT, {**CHAT, "stream": True}):
        status, _, _ = post("/v1/chat/completions", body)
        assert status == 200
        assert last_entry(simulator)["outcome"] == "fault:trickle"
        assert last_entry(simulator)["usage"]["output_tokens"] == 2


def test_reports_an_error_in_the_middle_of_a_stream(gpt, claude, simulator, post):
    simulator.client.behave(fault="error_event", fault_after_chunks=2)
    with pytest.raises(openai.APIError, match="had an error"):
        list(gpt.chat.completions.create(**CHAT, stream=True))
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        list(claude.messages.create(**MESSAGE, stream=True))
    assert last_entry(simulator)["usage"]["output_tokens"] == 2
    _, _, raw = post("/v1/messages", {**MESSAGE, "stream": True})
    assert (
        raw.decode()
        .strip()
        .split("\n\n")[-1]
        .startswith('event: error\ndata: {"type":"error","error":{"type":"overloaded_error"')
    )
    status, _, _ = post("/v1/messages", MESSAGE)
    assert status == 529


def test_sends_json_that_is_none(post, simulator):
    simulator.client.behave(fault="bad_json")
    status, headers, raw = post("/v1/chat/completions", CHAT)
    assert (status, headers["content-type"], int(headers["content-length"])) == (200, "application/json", len(raw))
    with pytest.raises(json.JSONDecodeError):
        json.loads(raw)
    for path, body in (("/v1/chat/completions", CHAT), ("/v1/messages", MESSAGE)):
        data = [
            line[6:]
            for line in post(path, {**body, "stream": True})[2].decode().split("\n")
            if line.startswith("data: {")
        ]
        broken = [line for line in data if not line.endswith("}")]
        assert len(broken) == 1


@pytest.mark.parametrize(
    ("fault", "status", "content_type", "start"),
    [
        ("empty", 200, "application/json", b""),
        ("garbage_content_type", 502, "text/html", b"<html>"),
        ("wrong_content_type", 200, "text/plain; charset=utf-8", b"{"),
    ],
)
def test_answers_like_a_broken_proxy(post, simulator, fault, status, content_type, start):
    simulator.client.behave(fault=fault)
    got, headers, raw = post("/v1/chat/completions", CHAT)
    assert (got, headers["content-type"]) == (status, content_type)
    assert raw.startswith(start)
    assert bool(raw) == bool(start)
    assert last_entry(simulator)["outcome"] == f"fault:{fault}"


def test_breaks_the_connection_before_any_byte(post, simulator):
    simulator.client.behave(fault="reset")
    with pytest.raises(ConnectionResetError):
        post("/v1/chat/completions", CHAT)
    assert last_entry(simulator)["outcome"] == "fault:reset"


def test_hangs_without_an_answer_or_in_the_middle_of_a_stream(gpt, simulator):
    simulator.client.behave(model="silent", fault="hang")
    simulator.client.behave(model="stalling", fault="hang", fault_after_chunks=2)
    impatient = gpt.with_options(timeout=1)  # time enough for the chunks before the silence
    with pytest.raises(openai.APITimeoutError):
        impatient.chat.completions.create(**{**CHAT, "model": "silent"})
    seen = []
    stream = impatient.chat.completions.create(**{**CHAT, "model": "stalling"}, stream=True)
    with pytest.raises(openai.APITimeoutError):  # noqa: PT012  # the chunks before the silence matter
        for chunk in stream:
            seen.append(chunk.choices[0].delta.content)
    assert seen == ["", "You", " said"]
    assert [entry["outcome"] for entry in simulator.client.requests()] == ["fault:hang", "fault:hang"]


def test_delays_the_first_byte(post, simulator):
    simulator.client.behave(fault="slow_first_byte", first_byte_ms=150)
    began = time.monotonic()
    assert post("/v1/chat/completions", CHAT)[0] == 200
    assert time.monotonic() - began >= 0.15
    assert last_entry(simulator)["outcome"] == "completed"


def test_takes_its_time_for_latency_and_for_each_chunk(post):
    began = time.monotonic()
    post(
        "/v1/chat/completions", {**CHAT, "model": "sim-gpt?latency_ms=50&chunk_ms=10&output_tokens=10", "stream": True}
    )
    assert time.monotonic() - began >= 0.14


def test_fails_every_fourth_time_at_a_rate_of_a_quarter(post, simulator):
    simulator.client.behave(fault="500", fault_rate=0.25)
    assert [post("/v1/chat/completions", CHAT)[0] for _ in range(8)] == [200, 200, 200, 500] * 2


def test_repeats_a_seeded_sequence_of_failures(post, simulator):
    def sequence():
        simulator.client.reset()
        simulator.client.behave(fault="500", fault_rate=0.5, fault_seed=1)
        return [post("/v1/chat/completions", CHAT)[0] for _ in range(12)]

    first = sequence()
    assert set(first) == {200, 500}
    assert sequence() == first


def test_notices_a_client_that_leaves_in_the_middle_of_a_stream(simulator):
    simulator.client.behave(chunk_ms=20, output_tokens=500)
    connection = http.client.HTTPConnection(simulator.base_url.removeprefix("http://"), timeout=10)
    connection.request(
        "POST", "/v1/chat/completions", json.dumps({**CHAT, "stream": True}), {"authorization": "Bearer k"}
    )
    response = connection.getresponse()
    while b"said" not in response.readline():
        pass
    response.close()
    connection.close()
    deadline = time.monotonic() + 10
    while (entry := last_entry(simulator))["outcome"] == "in_progress" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert entry["outcome"] == "client_disconnected"
    assert 2 <= entry["chunks_sent"] < 500
    assert entry["usage"]["output_tokens"] == entry["chunks_sent"]


def test_notices_a_client_that_does_not_wait_for_the_answer(gpt, simulator):
    simulator.client.behave(latency_ms=60_000)
    with pytest.raises(openai.APITimeoutError):
        gpt.with_options(timeout=0.2).chat.completions.create(**CHAT)
    deadline = time.monotonic() + 10
    while (entry := last_entry(simulator))["outcome"] == "in_progress" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert entry["outcome"] == "client_disconnected"
