"""The short way of a request and its answer puts on the wire what ASGI's messages would, and stands back where it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from config import wire
from config.cycle import EXTENSION, LARGE_BYTES

EVENT_LOOPS = ("asyncio", "uvloop")
seen: list[dict[str, Any]] = []
arrived: list[int] = []  # bytes, read by read


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what it was sent; by the short way where the caller asks for it and it is there."""
    headers = dict(scope["headers"])
    cycle = scope.get("extensions", {}).get(EXTENSION) if headers.get(b"x-way") == b"short" else None
    body = cycle.body_here() if cycle is not None else None
    took = "short" if body is not None else "long"
    if body is None:
        message = await receive()
        body = message["body"]
        while message["more_body"]:
            message = await receive()
            body += message["body"]
    seen.append({"took": took, "client": scope["client"], "path": scope["path"], "query": scope["query_string"]})
    status = int(headers.get(b"x-status", b"200"))
    if cycle is not None and cycle.answer(status, b"x-test: yes\r\n", body):
        seen[-1]["gave"] = "short"
        return
    lines = [(b"x-test", b"yes"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})


class Protocol(wire.Protocol):
    def data_received(self, data: bytes) -> None:
        arrived.append(len(data))
        super().data_received(data)


@asynccontextmanager
async def serving(default_headers: list[tuple[bytes, bytes]]) -> AsyncIterator[tuple[str, int]]:
    config = Config(app, log_config=None, lifespan="off", access_log=False)
    config.load()
    state = ServerState()
    state.default_headers = default_headers
    seen.clear()
    server = await asyncio.get_running_loop().create_server(lambda: Protocol(config, state, {}), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[:2]
    finally:
        server.close()


async def answer_to(address: tuple[str, int], *parts: bytes) -> bytes:
    """All that comes until the connection ends. The last part asks for that. A part is sent when the one before has been read."""
    reader, writer = await asyncio.open_connection(*address)
    async with asyncio.timeout(30):
        for part in parts:
            arrived.clear()
            writer.write(part)
            while sum(arrived) < len(part):
                await asyncio.sleep(0.001)
        found = await reader.read(-1)
    writer.close()
    return found


def request(way: str, method: str, target: str, body: bytes, more: str, version: str = "1.1") -> bytes:
    head = f"{method} {target} HTTP/{version}\r\nhost: x\r\nx-way: {way}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


CLOSE = "connection: close\r\n"


@pytest.mark.parametrize("defaults", [[], [(b"date", b"today"), (b"server", b"x")], [(b"connection", b"close")]])
@pytest.mark.parametrize(
    ("method", "target", "body", "more", "version", "is_short"),
    [
        ("POST", "/v1/x", b"hello", "", "1.1", True),
        ("POST", "/v1/x", b"", "", "1.1", True),
        ("POST", "/", b"y" * (LARGE_BYTES * 3), "", "1.1", False),  # it comes in more than one piece, mostly
        ("POST", "/v1/x", b"hello", "x-status: 404\r\n", "1.1", True),
        ("POST", "/v1/x", b"hello", "x-status: 599\r\n", "1.1", True),
        ("GET", "/v1/x?a=b%20c", b"", "", "1.1", False),
        ("GET", "/v1/%41", b"", "", "1.1", False),
        ("HEAD", "/v1/x", b"", "", "1.1", None),
        ("POST", "/v1/x", b"hello", "", "1.0", False),
        ("POST", "/v1/x", b"hello", "upgrade: h2c\r\n", "1.1", None),
    ],
)
async def test_both_ways_say_the_same(method, target, body, more, version, is_short, defaults):
    async with serving(defaults) as address:
        short, long = [
            await answer_to(address, request(way, method, target, body, more + CLOSE, version))
            for way in ("short", "long")
        ]
    assert short.replace(b" \r\n", b"\r\n", 1) == long.replace(b" \r\n", b"\r\n", 1)
    assert long.startswith(b"HTTP/1.1 ")
    assert seen[0]["path"] == seen[1]["path"]
    assert seen[0]["query"] == seen[1]["query"]
    assert seen[1]["took"] == "long"
    if is_short:
        assert (seen[0]["took"], seen[0].get("gave")) == ("short", "short")
    elif is_short is False and len(body) < LARGE_BYTES:
        assert (seen[0]["took"], seen[0].get("gave")) == ("long", None)


async def test_a_body_that_comes_in_parts_is_waited_for():
    whole = request("short", "POST", "/v1/x", b"hello", CLOSE)
    async with serving([]) as address:
        found = await answer_to(address, whole[:-3], whole[-3:])
    assert found.endswith(b"\r\n\r\nhello")
    assert (seen[0]["took"], seen[0]["gave"]) == ("long", "short")


async def test_requests_one_after_the_other_on_a_connection_are_each_answered():
    some = request("short", "POST", "/v1/x", b"one", "")
    last = request("short", "POST", "/v1/x", b"two", CLOSE)
    async with serving([]) as address:
        apart = await answer_to(address, some, last)
        at_once = await answer_to(address, some + last)
    assert apart == at_once
    assert apart.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert apart.index(b"one") < apart.index(b"two")
    assert apart.count(b"connection: close") == 1


async def test_a_trusted_proxys_word_is_taken():
    async with serving([]) as address:
        await answer_to(address, request("short", "POST", "/v1/x", b"", f"x-forwarded-for: 203.0.113.9\r\n{CLOSE}"))
        await answer_to(address, request("short", "POST", "/v1/x", b"", CLOSE))
    assert [item["client"][0] for item in seen] == ["203.0.113.9", "127.0.0.1"]
    assert [item["gave"] for item in seen] == ["short", "short"]


async def test_who_has_a_body_to_send_is_told_to_go_on():
    async with serving([]) as address:
        whole = request("short", "POST", "/v1/x", b"hello", f"expect: 100-continue\r\n{CLOSE}")
        found = await answer_to(address, whole[:-5], whole[-5:])
    assert found.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
