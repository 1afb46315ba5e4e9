"""Clients that send or read so slowly that they would keep what their requests hold."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django_redis import get_redis_connection

from tenants import redis_keys
from tests.gateway.live import Gateway, World, wait_until


@pytest.fixture(scope="module")
def impatient(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway.running(tmp_path_factory.mktemp("gateway"), TOLLGATE_CLIENT_TIMEOUT="1") as gateway:
        yield gateway


@pytest.fixture
def world(impatient: Gateway, simulator: Any, simulator_process: Any, django_db_blocker: Any) -> Iterator[World]:
    with django_db_blocker.unblock():
        yield World.build(impatient, simulator_process.base_url)


def connect(world: World, *, receive_bytes: int = 0) -> socket.socket:
    client = socket.socket()
    if receive_bytes:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    client.settimeout(15)
    client.connect(("127.0.0.1", int(world.gateway.url.rpartition(":")[2])))
    return client


def head(world: World, size: int) -> bytes:
    lines = ["POST /v1/chat/completions HTTP/1.1", "host: t", f"authorization: Bearer {world.secret}"]
    return "\r\n".join([*lines, f"content-length: {size}", "", ""]).encode()


@pytest.mark.parametrize("sent", [b"", b'{"model": "gpt-4o", '], ids=["nothing", "half"])
def test_a_body_that_does_not_come_is_not_waited_for(world, simulator, sent):
    with connect(world) as client:
        client.sendall(head(world, 100) + sent)
        answer = b"".join(iter(lambda: client.recv(65_536), b""))  # and the connection is closed
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "body_too_slow"
    assert simulator.totals()["requests"] == 0


def test_a_body_that_comes_byte_by_byte_is_not_waited_for_either(world, simulator):
    with connect(world) as client:
        client.sendall(head(world, 100))
        with pytest.raises(ConnectionError):  # noqa: PT012
            for _ in range(100):
                client.sendall(b" ")
                time.sleep(0.1)
    assert simulator.totals()["requests"] == 0


def test_a_client_that_reads_nothing_of_its_stream_counts_as_one_that_has_left(world, simulator):
    simulator.behave(output_tokens=30_000)
    body = {"model": "gpt-4o", "stream": True, "max_tokens": 30_000, "messages": [{"role": "user", "content": "on"}]}
    content = json.dumps(body).encode()
    with connect(world, receive_bytes=4096) as client:
        client.sendall(head(world, len(content)) + content)
        row = world.records()[0]
        wait_until(lambda: not get_redis_connection("default").hlen(redis_keys.holds(world.tenant.id)))
        received = b"".join(iter(lambda: client.recv(65_536), b""))
    assert b"[DONE]" not in received
    assert (row.outcome, row.status) == ("client_left", 499)
    assert 0 < row.output_tokens <= 30_000
    wait_until(lambda: simulator.requests()[-1]["outcome"] in ("client_disconnected", "completed"))


def test_a_client_that_reads_slowly_but_reads_gets_its_whole_stream(world, simulator):
    simulator.behave(output_tokens=40, chunk_ms=60)
    body = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "on"}]}
    content = json.dumps(body).encode()
    received = b""
    with connect(world, receive_bytes=4096) as client:
        client.sendall(head(world, len(content)) + content)
        while b"[DONE]" not in received:
            received += client.recv(512)
            time.sleep(0.02)
    assert world.records()[0].outcome == "ok"
