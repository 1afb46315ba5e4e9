"""Clients that are too slow are not waited for, at a server with a clock of the test's."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from config import wire
from config.cycle import Cycle


class Loop:
    """As much of an event loop as the protocol asks for, with a clock that is set."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[tuple[float, Any]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Any, *args: Any) -> Any:
        self.timers.append((self.now + seconds, lambda: call(*args)))

    def call_soon(self, call: Any, *args: Any) -> Any:
        self.call_later(0, call, *args)

    def create_task(self, coroutine: Any, **_: Any) -> Any:
        coroutine.close()

        class Task:
            def add_done_callback(self, call: Any) -> None:
                pass

        return Task()

    def wait(self, seconds: float) -> None:
        self.now += seconds
        due = [call for at, call in self.timers if at <= self.now]
        self.timers = [(at, call) for at, call in self.timers if at > self.now]
        for call in due:
            call()


class Transport:
    def __init__(self) -> None:
        self.written = b""
        self.is_closed = False

    def get_extra_info(self, name: str) -> Any:
        return None

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def connected(loop: Loop) -> tuple[wire.Protocol, Transport]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError

    config = Config(app, log_config=None, lifespan="off")
    config.load()
    protocol = wire.Protocol(config, ServerState(), {}, _loop=loop)  # type: ignore[arg-type]
    transport = Transport()
    protocol.connection_made(transport)
    return protocol, transport


HEAD = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n"


def test_a_connection_over_which_nothing_comes_is_closed_without_a_word(loop, connected):
    _protocol, transport = connected
    loop.wait(wire.HEAD_SECONDS - 1)
    assert not transport.is_closed
    loop.wait(wire.LOOK_SECONDS + 1)
    assert transport.is_closed
    assert transport.written == b""


def test_a_head_that_comes_byte_by_byte_is_refused(loop, connected):
    protocol, transport = connected
    for byte in HEAD[:35]:
        protocol.data_received(bytes([byte]))
        loop.wait(1)
    assert transport.is_closed
    assert transport.written.startswith(b"HTTP/1.1 408 ")


def test_a_body_that_stops_is_refused_and_one_that_goes_on_is_waited_for(loop, connected):
    protocol, transport = connected
    protocol.data_received(HEAD)
    for _ in range(5):
        protocol.data_received(b"x")
        loop.wait(wire.IDLE_SECONDS - wire.LOOK_SECONDS)
    assert not transport.is_closed
    loop.wait(wire.LOOK_SECONDS * 2 + 1)
    assert transport.written.startswith(b"HTTP/1.1 408 ")


def test_who_waits_for_an_answer_is_left_alone(loop, connected):
    protocol, transport = connected
    protocol.data_received(HEAD + b"x" * 10)
    for _ in range(100):
        loop.wait(wire.LOOK_SECONDS)
    assert not transport.is_closed


def test_a_server_without_connections_is_not_looked_at(loop, connected):
    protocol, transport = connected
    transport.close()
    protocol.connection_lost(None)
    loop.wait(wire.LOOK_SECONDS)
    assert loop.timers == []
    protocol.connection_made(Transport())
    assert len(loop.timers) == 1


def test_a_refusal_says_what_is_taken(connected):
    protocol, transport = connected
    protocol.data_received(b"GET / HTTP/1.1\r\n" + b"x-a: b\r\n" * (wire.MAX_HEADERS + 2))
    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    assert transport.written.startswith(b"HTTP/1.1 %d " % status)
    assert b"at most 65536 bytes and 200 headers" in transport.written


LONG = b"x-long: " + b"a" * (wire.MAX_HEAD_BYTES - 100) + b"\r\n"
WITH_BODY = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 200000\r\n\r\n" + b"x" * 200_000
HEADS = {
    "a byte too many, at once": (WITH_BODY.replace(b"host: x\r\n", LONG + b"x-more: " + b"a" * 100 + b"\r\n"), 431),
    "as many as there may be, and a body": (WITH_BODY.replace(b"host: x\r\n", LONG), None),
    "a header too many, at once": (WITH_BODY.replace(b"host: x\r\n", b"x-a: b\r\n" * wire.MAX_HEADERS), 431),
    "as many headers as there may be": (
        WITH_BODY.replace(b"host: x\r\n", b"x-a: b\r\n" * (wire.MAX_HEADERS - 1)),
        None,
    ),
}


@pytest.mark.parametrize(("came", "status"), HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("before", [b"", WITH_BODY], ids=["first", "after a large body"])
@pytest.mark.parametrize("size", [1_000_000, 30_000, 1_000], ids=["at once", "in pieces", "in small pieces"])
def test_a_head_is_measured_without_the_bodies_around_it(connected, before, came, status, size):
    protocol, transport = connected
    sent = before + came
    for at in range(0, len(sent), size):
        if transport.is_closed:
            break
        protocol.data_received(sent[at : at + size])
        if isinstance(protocol.cycle, Cycle) and not protocol.cycle.more_body and not protocol.cycle.response_complete:
            protocol.cycle.answer(200, b"", b"")
    protocol.transport.flush()
    assert (b"HTTP/1.1 431 " in transport.written) is (status == 431)
    assert transport.is_closed is (status == 431)


def test_a_connection_over_which_nothing_more_is_asked_is_closed_in_time(loop, connected):
    protocol, transport = connected
    protocol.data_received(HEAD + b"x" * 10)
    assert protocol.cycle.answer(200, b"", b"")
    loop.wait(protocol.timeout_keep_alive - 1)
    assert not transport.is_closed
    loop.wait(wire.LOOK_SECONDS + 1)
    assert transport.is_closed
    assert transport.written.endswith(b"content-length: 0\r\n\r\n")
