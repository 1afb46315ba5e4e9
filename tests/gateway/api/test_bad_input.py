"""Bad input: a clear 4xx in the surface's format, never a 500."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"

BAD = {
    "empty": (b"", 400),
    "not JSON": (b"hello", 400),
    "cut JSON": (b'{"model": "gpt-4o", ', 400),
    "an array": (b"[]", 400),
    "invalid UTF-8": (b'{"model":"gpt-4o","max_tokens":5,"messages":[{"role":"user","content":"\xff"}]}', 400),
    "lone surrogate": (b'{"model":"gpt-4o","max_tokens":5,"messages":[{"role":"user","content":"\\ud800"}]}', 400),
    "NaN": (b'{"model":"gpt-4o","max_tokens":5,"messages":[{"role":"user","content":"x"}],"temperature":NaN}', 400),
    "deeply nested": (b'{"model":"gpt-4o","max_tokens":5,"messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
    "deeply nested where nobody looks": (
        b'{"model":"gpt-4o","max_tokens":5,"messages":[{"role":"user","content":"x"}],"x":'
        + b"[" * 100_000
        + b"]" * 100_000
        + b"}",
        400,
    ),
    "wrong type": (b'{"model":"gpt-4o","max_tokens":5,"messages":"hi"}', 400),
    "no messages": (b'{"model":"gpt-4o","max_tokens":5}', 400),
    "number for a model": (b'{"model":7,"max_tokens":5,"messages":[{"role":"user","content":"x"}]}', 400),
    "a cap beyond all reckoning": (
        b'{"model":"gpt-4o","max_tokens":9223372036854775808,"messages":[{"role":"user","content":"x"}]}',
        400,
    ),
    "unknown model": (b'{"model":"nope","max_tokens":5,"messages":[{"role":"user","content":"x"}]}', 404),
    "unknown task": (b'{"model":"task/nope","max_tokens":5,"messages":[{"role":"user","content":"x"}]}', 404),
    "too large": (b'{"model":"' + b"x" * 1_100_000 + b'"}', 413),
}


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize("name", BAD)
def test_is_refused_with_a_message(world, simulator, path, name):
    body, status = BAD[name]
    reply = world.post(path, body)
    assert reply.status == status
    error = reply.json()["error"]
    assert error["message"]
    expected = {404: "not_found_error", 413: "request_too_large"} if path == ANTHROPIC else {}
    assert error["type"] == expected.get(status, "invalid_request_error")
    assert reply.headers["x-request-id"].startswith("req_")
    assert simulator.requests() == []


PICTURE = b'{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}'


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC, "/v1/route/explain"])
@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"1" * 5000])
@pytest.mark.parametrize("model", [b"gpt-4o", b"claude-sonnet-4-5"])
def test_a_number_out_of_range_where_only_some_look_is_the_callers(world, simulator, gateway, path, number, model):
    """Of a conversation with pictures all is read, to count them; and of one that is translated."""
    before = len(gateway.log())
    turn = b'{"role":"user","content":[{"type":"text","text":"x"},' + PICTURE + b'],"x":' + number + b"}"
    body = b'{"model":"' + model + b'","max_tokens":5,"messages":[' + turn + b'],"y":' + number + b"}"
    reply = world.post(path, body)
    assert reply.status == 400
    assert "out of range" in reply.json()["error"]["message"]
    assert simulator.requests() == []
    assert "Traceback" not in gateway.log(since=before)


@pytest.mark.parametrize("depth", [200, 350, 500, 900, 5000])
@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC, "/v1/route/explain"])
def test_nesting_is_taken_or_refused_and_never_a_fault_of_ours(world, gateway, path, depth):
    before = len(gateway.log())
    deep = b'{"a":' * depth + b"0" + b"}" * depth
    turn = b'{"role":"user","content":[{"type":"text","text":"x"},' + PICTURE + b'],"x":' + deep + b"}"
    for model in (b"gpt-4o", b"claude-sonnet-4-5"):
        reply = world.post(path, b'{"model":"' + model + b'","max_tokens":5,"messages":[' + turn + b"]}")
        assert reply.status in (200, 400), reply.body
    assert "Traceback" not in gateway.log(since=before)


def test_says_where(world):
    reply = world.post(OPENAI, {"model": "gpt-4o", "messages": [{"role": "user", "content": [{"type": 1}]}]})
    assert reply.json()["error"]["param"] == "messages[0].content[0].type"


def test_a_body_over_the_limit_is_not_read_to_its_end(world):
    """Declared by nobody, it is refused as soon as it has grown too large."""
    address = urlsplit(world.gateway.url)
    with socket.create_connection((address.hostname, address.port)) as client:
        client.sendall(f"POST {OPENAI} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        sent = 0
        try:
            while sent < 64 * 1024 * 1024:
                client.sendall(piece)
                sent += len(piece)
        except OSError:
            pass
        assert sent < 64 * 1024 * 1024


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_method_that_is_not_possible_says_which_is(world, method):
    reply = world.gateway.request(method, OPENAI, authorization=f"Bearer {world.secret}")
    assert reply.status == 405
    assert reply.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "path", ["/v1/", "/v1/nothing", "/v1/models/a%0Ab", "/v1/%00", "/v1/chat/completions/", "/v1/%ff"]
)
def test_an_unknown_address_is_a_404_in_json(world, path):
    reply = world.get(path)
    assert reply.status == 404
    assert reply.json()["error"]["message"]


def test_a_refused_request_is_recorded_with_its_error(world):
    reply = world.post(OPENAI, {"model": "no\x00pe", "messages": [{"role": "user", "content": "x"}], "user": "ada"})
    assert reply.status == 404
    record = world.record(reply.headers["x-request-id"])
    assert (record.status, record.outcome, record.error_type) == (404, "refused", "model_not_found")
    assert (record.attempt, record.end_user, record.cost_usd, record.usage_source) == (0, "ada", 0, "none")
    assert record.model_asked == "no\ufffdpe"
