"""Requests that two readers could understand differently, and heads without end, over real sockets: one answer, and the end."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import pytest

from config import wire
from tests.gateway.live import Gateway, World

BODY = b'{"model":"gpt-4o","max_tokens":5,"messages":[{"role":"user","content":"x"}]}'
SMUGGLED = b"GET /v1/smuggled HTTP/1.1\r\nhost: x\r\n\r\n"


def connection(gateway: Gateway) -> socket.socket:
    address = urlsplit(gateway.url)
    return socket.create_connection((address.hostname or "", address.port or 0), timeout=30)


def told(gateway: Gateway, *pieces: bytes) -> bytes:
    """Everything that is answered until the connection is closed; a server that leaves it open fails the test."""
    with connection(gateway) as client:
        try:
            for piece in pieces:
                client.sendall(piece)
        except OSError:
            pass  # it was closed before all was sent
        received = b""
        try:
            while piece := client.recv(65536):
                received += piece
        except ConnectionResetError:
            pass
        return received


def statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def post(world: World, *headers: str) -> bytes:
    lines = [f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {world.secret}\r\n"]
    return "".join([*lines, *(f"{header}\r\n" for header in headers)]).encode() + b"\r\n"


AMBIGUOUS = {
    "a length and chunks": (["Content-Length: 6", "Transfer-Encoding: chunked"], b"0\r\n\r\n" + SMUGGLED),
    "chunks and a length": (["Transfer-Encoding: chunked", "Content-Length: 6"], b"0\r\n\r\n" + SMUGGLED),
    "two lengths": (["Content-Length: 6", "Content-Length: 5"], b"{}{}{}" + SMUGGLED),
    "the same length twice": (["Content-Length: 2", "Content-Length: 2"], b"{}" + SMUGGLED),
    "a list of lengths": (["Content-Length: 2, 2"], b"{}" + SMUGGLED),
    "a signed length": (["Content-Length: +2"], b"{}" + SMUGGLED),
    "a length below zero": (["Content-Length: -2"], b"{}" + SMUGGLED),
    "a hexadecimal length": (["Content-Length: 0x2"], b"{}" + SMUGGLED),
    "a length that overflows": (["Content-Length: 18446744073709551618"], b"{}" + SMUGGLED),
    "chunked twice": (["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], b"0\r\n\r\n" + SMUGGLED),
    "an encoding after chunks": (["Transfer-Encoding: chunked, identity"], b"0\r\n\r\n" + SMUGGLED),
    "an encoding that is none": (["Transfer-Encoding: xchunked"], b"0\r\n\r\n" + SMUGGLED),
    "a chunk size with a sign": (["Transfer-Encoding: chunked"], b"+2\r\n{}\r\n0\r\n\r\n" + SMUGGLED),
    "a chunk size with 0x": (["Transfer-Encoding: chunked"], b"0x2\r\n{}\r\n0\r\n\r\n" + SMUGGLED),
    "a chunk size that is none": (["Transfer-Encoding: chunked"], b"z\r\n{}\r\n0\r\n\r\n" + SMUGGLED),
    "a chunk size that overflows": (["Transfer-Encoding: chunked"], b"ffffffffffffffff1\r\n{}\r\n0\r\n\r\n" + SMUGGLED),
    "a chunk longer than it says": (["Transfer-Encoding: chunked"], b"1\r\n{}\r\n0\r\n\r\n" + SMUGGLED),
    "a line folded": (["Content-Length: 2", "X-Folded: a\r\n b"], b"{}" + SMUGGLED),
    "a length folded": (["Content-Length:\r\n 2"], b"{}" + SMUGGLED),
    "a blank before the colon": (["Content-Length : 2"], b"{}" + SMUGGLED),
    "a name with a control character": (["Content-Length\x01: 2"], b"{}" + SMUGGLED),
    "a value with a NUL": (["Content-Length: 2", "X-A: a\0b"], b"{}" + SMUGGLED),
    "a bare line feed": (["X-A: a\nContent-Length: 2"], b"{}" + SMUGGLED),
    "a bare carriage return": (["X-A: a\rContent-Length: 2"], b"{}" + SMUGGLED),
    "fields after the body": (
        ["Transfer-Encoding: chunked"],
        b"2\r\n{}\r\n0\r\nX-A: a\r\nX-Tollgate-User: b\r\n\r\n" + SMUGGLED,
    ),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_two_readers_could_understand_differently_is_refused(world, simulator, name):
    headers, rest = AMBIGUOUS[name]
    answer = told(world.gateway, post(world, *headers) + rest)
    assert statuses(answer) == [400]
    assert b"connection: close" in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["type"] == "invalid_request_error"
    assert simulator.requests() == []


def test_one_field_after_a_body_gets_into_no_request(world, simulator):
    """Not into its own, of which it is too late to be part, nor into the next one on the connection."""
    first = post(world, "Transfer-Encoding: chunked") + b"%x\r\n%b\r\n0\r\nx-tollgate-user: mallory\r\n\r\n" % (
        len(BODY),
        BODY,
    )
    told(world.gateway, first, post(world, f"Content-Length: {len(BODY)}", "connection: close") + BODY)
    assert "mallory" not in {row.end_user for row in world.records_so_far()}


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v1/models HTTP/1.1\r\nhost: x\r\nx-long: " + b"a" * 1_000_000,
        b"GET /v1/models HTTP/1.1\r\nhost: x\r\n" + b"a" * 1_000_000,
        b"GET /v1/models?" + b"a" * 1_000_000,
        b"GET /v1/models HTTP/1.1\r\nhost: x\r\n" + b"x-many: a\r\n" * 100_000,
        b"GET /v1/models HTTP/1.1\r\nhost: x\r\n" + b"x-many: a\r\n" * (wire.MAX_HEADERS + 1) + b"\r\n",
        b"GET /v1/models HTTP/1.1\r\nhost: x\r\nx-long: " + b"a" * wire.MAX_HEAD_BYTES + b"\r\n\r\n",
    ],
    ids=["value", "name", "address", "headers", "a header too many", "a byte too many"],
)
def test_a_head_without_end_is_read_no_further_than_it_may_be_long(world, head):
    pieces = [head[start : start + 20_000] for start in range(0, len(head), 20_000)]
    answer = told(world.gateway, *pieces)
    assert statuses(answer) in ([431], [])  # nothing, where the reset of what is still being sent overtakes it


def test_a_head_of_a_usual_size_is_taken_in_pieces(world):
    long = "x-long: " + "a" * 30_000
    request = post(world, f"Content-Length: {len(BODY)}", long, "connection: close") + BODY
    assert statuses(told(world.gateway, *(request[at : at + 9_000] for at in range(0, len(request), 9_000)))) == [200]


@pytest.mark.parametrize(
    "name", ["authorization", "x-api-key", "x-tollgate-user", "x-tollgate-tags", "idempotency-key", "host"]
)
def test_a_header_that_says_who_asks_comes_once(world, simulator, name):
    request = post(world, f"{name}: a", f"{name}: b", f"Content-Length: {len(BODY)}", "connection: close") + BODY
    answer = told(world.gateway, request)
    assert statuses(answer) == [400]
    assert f"The header {name} came more than once." in answer.decode()
    assert simulator.requests() == []


def test_other_headers_may_come_twice(world):
    request = post(world, "accept: a", "accept: b", f"Content-Length: {len(BODY)}", "connection: close") + BODY
    assert statuses(told(world.gateway, request)) == [200]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, gzip", "zstd"])
def test_a_compressed_body_is_not_unpacked(world, simulator, encoding):
    """Of a small one nobody knows how large it is."""
    reply = world.post("/v1/chat/completions", BODY, content_encoding=encoding)
    assert (reply.status, reply.json()["error"]["code"]) == (415, "body_encoded")
    assert simulator.requests() == []
    assert world.post("/v1/chat/completions", BODY, content_encoding="identity").status == 200


def test_pages_take_no_header_that_only_looks_like_a_proxys(world):
    """`X_Forwarded_Proto` is no header that a proxy would take away."""
    head = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nX_Forwarded_Proto: https\r\nX_Forwarded_Host: evil\r\nconnection: close\r\n\r\n"
    assert statuses(told(world.gateway, head)) == [200]
