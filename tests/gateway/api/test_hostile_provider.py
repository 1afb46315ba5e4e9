"""A provider that means harm, or that somebody has broken into: what it sends stays its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from gateway.models import Provider
from tests.gateway.budgets import budget, counter
from tests.gateway.live import CREDENTIAL, World

Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
def hostile(world: World) -> Iterator[Callable[[Answer], None]]:
    """The world's model `odd` answers what is told."""
    told: list[Answer] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            status, headers, body = told[-1]
            self.send_response(status)
            for name, value in {
                "content-type": "application/json",
                "content-length": str(len(body)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    Provider.objects.filter(pk=world.providers["openai-compatible"].pk).update(
        base_url=f"http://127.0.0.1:{server.server_port}/v1"
    )
    world.model("odd", "openai-compatible")
    yield told.append
    server.shutdown()
    server.server_close()


def answer(**fields: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
    return json.dumps({"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage, **fields}).encode()


PRETENDED = {
    "x-tollgate-cost-usd": "0", "x-tollgate-cache": "hit", "x-tollgate-provider": "someone", "x-tollgate-feedback-token": "mine",
    "x-request-id": "req_theirs", "request-id": "req_theirs", "x-ratelimit-remaining-tokens": "1", "set-cookie": "sessionid=theirs",
    "content-security-policy": "default-src *", "access-control-allow-origin": "*", "location": "https://evil.example/",
    "strict-transport-security": "max-age=0", "www-authenticate": "Basic", "clear-site-data": "*", "connection": "x-tollgate-cost-usd",
    "trailer": "x-a", "x-accel-redirect": "/etc/passwd", "x-sendfile": "/etc/passwd",
}  # fmt: skip


@pytest.mark.parametrize("surface", ["chat", "message"])
@pytest.mark.parametrize("status", [200, 400])
def test_its_headers_do_not_pretend_to_be_ours(world, hostile, surface, status):
    body = answer() if status == 200 else b'{"error": {"message": "no", "type": "x"}}'
    hostile((status, PRETENDED, body))
    reply = getattr(world, surface)("odd")
    assert reply.status == status
    for name, value in PRETENDED.items():
        assert reply.headers.get(name) != value, name
    assert not {"set-cookie", "location", "clear-site-data", "x-accel-redirect", "x-sendfile"} & reply.headers.keys()


def test_its_comments_in_a_stream_do_not_pretend_to_be_ours(world, hostile):
    said = json.dumps({"id": "x", "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]})
    stream = f": x-tollgate-cost-usd 0.000000000\n\ndata: {said}\n\n: x-tollgate-cost-usd 7\ndata: {said}\n\ndata: [DONE]\n\n"
    hostile((200, {"content-type": "text/event-stream"}, stream.encode()))
    told = [
        line for line in world.chat("odd", stream=True).body.split(b"\n") if line.startswith(b": x-tollgate-cost-usd")
    ]
    assert len(told) == 1
    assert told[0] not in (b": x-tollgate-cost-usd 0.000000000", b": x-tollgate-cost-usd 7")


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": -1_000_000, "completion_tokens": -1_000_000},
        {"prompt_tokens": 10**30, "completion_tokens": 10**30},
        {"prompt_tokens": 2**63, "completion_tokens": 2**63 - 1},
        {"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": -(10**30)}},
        {"prompt_tokens": 10, "completion_tokens": 2, "completion_tokens_details": {"reasoning_tokens": 10**30}},
    ],
    ids=["below zero", "enormous", "past 64 bits", "cached below zero", "enormous reasoning"],
)
@pytest.mark.parametrize("surface", ["chat", "message"])
def test_what_it_counts_neither_gives_a_budget_back_nor_breaks_the_books(world, hostile, surface, usage):
    budget(world, 10**15, "tokens")
    hostile((200, {}, answer()))
    assert getattr(world, surface)("odd").status == 200
    used, _held = counter(world, "tokens")
    hostile((200, {}, answer(usage=usage)))
    assert getattr(world, surface)("odd").status == 200
    after, held = counter(world, "tokens")
    assert used <= after <= used + 4 * 10**9
    assert held == 0
    rows = world.records(2)
    assert all(
        0 <= count <= 4 * 10**9
        for row in rows
        for count in (row.input_tokens, row.output_tokens, row.cache_read_tokens)
    )
    assert all(row.cost_usd >= 0 for row in rows)


@pytest.mark.parametrize("surface", ["chat", "message"])
@pytest.mark.parametrize("place", ["message", "type", "code", "param"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_error_that_repeats_the_credential_shows_it_to_nobody(world, hostile, gateway, surface, place, stream):
    error = {
        "message": "no",
        "type": "invalid_request_error",
        "code": "x",
        "param": "y",
        place: f"bad key {CREDENTIAL}",
    }
    hostile((400, {"x-error": CREDENTIAL}, json.dumps({"error": error}).encode()))
    reply = getattr(world, surface)("odd", stream=stream)
    assert reply.status == 400
    assert CREDENTIAL not in reply.body.decode() + str(reply.headers)
    (row,) = world.records()
    assert CREDENTIAL not in str(vars(row))
    assert CREDENTIAL not in gateway.log()


def test_an_error_in_a_stream_that_repeats_the_credential_shows_it_to_nobody(world, hostile, gateway):
    error = dict.fromkeys(("message", "type", "code"), f"bad key {CREDENTIAL}")
    said = json.dumps({"choices": [{"index": 0, "delta": {"content": "hi"}}]})
    hostile(
        (
            200,
            {"content-type": "text/event-stream"},
            f"data: {said}\n\ndata: {json.dumps({'error': error})}\n\n".encode(),
        )
    )
    for surface in (world.chat, world.message):
        assert CREDENTIAL not in surface("odd", stream=True).body.decode()
    assert not [row for row in world.records(2) if CREDENTIAL in str(vars(row))]
    assert CREDENTIAL not in gateway.log()


def test_words_that_it_makes_up_do_not_grow_the_metrics(world, hostile):
    for number in range(230):
        hostile((400, {}, json.dumps({"error": {"message": "no", "code": f"made_up_{number}"}}).encode()))
        assert world.chat("odd").status == 400
    lines = world.gateway.request("GET", "/metrics").body.decode().splitlines()
    series = [line for line in lines if "made_up_" in line and "_total{" in line]
    assert 0 < len(series) <= 200


@pytest.mark.parametrize(
    "body",
    [
        answer(choices=[]),
        answer(choices="none"),
        answer(choices=[{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "\0" * 500}]),
        b"[" * 200_000 + b"]" * 200_000,
        b'{"choices": [{"message": {"content": "\xff\xfe"}}]}',
        b'{"choices": [{"index": 0, "message": {"content": "\\ud800"}, "finish_reason": "stop"}]}',
        b"\0" * 1000,
        b"{}",
        b"null",
    ],
    ids=["no choices", "odd choices", "odd reason", "deep", "not UTF-8", "surrogate", "NUL", "empty", "null"],
)
@pytest.mark.parametrize("surface", ["chat", "message"])
def test_what_is_no_answer_is_its_fault_and_the_books_go_on(world, hostile, gateway, surface, body):
    before = len(gateway.log())
    hostile((200, {}, body))
    reply = getattr(world, surface)("odd")
    assert reply.status in (200, 502)
    hostile((200, {}, answer()))
    assert getattr(world, surface)("odd").status == 200
    assert len(world.records(2)) == 2
    assert "Traceback" not in gateway.log(since=before)
