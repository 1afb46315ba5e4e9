"""A gateway process that is told to stop: replaced by another one on the same socket, and by itself."""

from __future__ import annotations

import http.client
import json
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from config import listening
from config.embedded import process
from config.embedded.process import Child
from tests.gateway.live import ROOT, Gateway, World, test_environment, wait_until

CLIENTS = 6
TRIES = 8  # of each client, once the old process has been told to stop


@contextmanager
def started(folder: Path, name: str, listener: int) -> Iterator[Child]:
    """A gateway process on a socket that is there already."""
    command = [sys.executable, "manage.py", "serve", "--fd", str(listener)]
    child = process.start(name, command, log=folder / name, env=test_environment(), cwd=ROOT, pass_fds=(listener,))
    try:
        yield child
    finally:
        child.stop(seconds=15)


def serves(child: Child) -> bool:
    return any(f"serving as pid {child.pid}" in line for line in child.tail(50))


@dataclass
class Client:
    """Asks again and again, over one connection for as long as the gateway lets it; whole answers and streams by turns."""

    world: World
    ids: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def ask(self, told: threading.Event) -> None:
        host = self.world.gateway.url.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=30)
        left = TRIES
        while left:
            left -= told.is_set()
            body = {
                "model": "gpt-4o",
                "stream": len(self.ids) % 2 == 1,
                "messages": [{"role": "user", "content": "hi"}],
            }
            try:
                connection.request(
                    "POST",
                    "/v1/chat/completions",
                    json.dumps(body),
                    {"authorization": f"Bearer {self.world.secret}"},
                )
                reply = connection.getresponse()
                content = reply.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
                continue
            self.ids.append(reply.headers["x-request-id"])
            if reply.status != 200 or (body["stream"] and b"data: [DONE]" not in content):
                self.failures.append(f"{reply.status} {content!r}")
        connection.close()


def test_replaced_under_load_by_another_on_its_socket_it_fails_and_loses_nothing(
    world: World, simulator, tmp_path: Path
):
    simulator.behave(chunk_ms=10, output_tokens=25)
    told = threading.Event()
    with (
        listening.bound("127.0.0.1", 0) as listener,
        started(tmp_path, "old", listener.fileno()) as old,
        started(tmp_path, "new", listener.fileno()) as new,
    ):
        wait_until(lambda: serves(old) and serves(new), seconds=60)
        there = Gateway(f"http://127.0.0.1:{listener.getsockname()[1]}", old)
        clients = [Client(replace(world, gateway=there)) for _ in range(CLIENTS)]
        with ThreadPoolExecutor(CLIENTS) as pool:
            running = [pool.submit(client.ask, told) for client in clients]
            wait_until(lambda: all(len(client.ids) > 2 for client in clients))
            asked_before = sum(len(client.ids) for client in clients)
            old.retire(signal.SIGTERM)
            told.set()
            assert old.wait(30)
            for client in running:
                client.result()
            assert not new.has_ended()
    assert sum(len(client.ids) for client in clients) >= asked_before + CLIENTS * TRIES
    assert old.exit_status == -signal.SIGTERM
    assert [failure for client in clients for failure in client.failures] == []
    ids = {request_id for client in clients for request_id in client.ids}
    rows = world.records(len(ids))
    assert {f"req_{row.request_id.hex}" for row in rows} == ids
    assert {row.outcome for row in rows} == {"ok"}


@pytest.fixture
def alone(world: World, tmp_path: Path) -> Iterator[World]:
    """The world before a process of the test's own, which is given little time."""
    with Gateway.running(tmp_path, TOLLGATE_DRAIN_DELAY="2", TOLLGATE_DRAIN="3") as gateway:
        yield replace(world, gateway=gateway)


def test_it_says_that_it_is_not_ready_then_ends_what_takes_too_long(alone: World, simulator):
    assert alone.gateway.request("GET", "/readyz").status == 200
    simulator.behave(chunk_ms=100, output_tokens=400)
    with ThreadPoolExecutor(2) as pool:
        stream = pool.submit(alone.chat, prompt="a long stream", stream=True)
        wait_until(lambda: len(simulator.requests()) == 1)
        simulator.behave(latency_ms=30_000)
        whole = pool.submit(alone.message, prompt="a long answer")
        wait_until(lambda: len(simulator.requests()) == 2)
        simulator.behave(latency_ms=0, chunk_ms=0, output_tokens=5)
        child = alone.gateway.child
        child.retire(signal.SIGTERM)
        ready = wait_until(lambda: (reply := alone.gateway.request("GET", "/readyz")).status == 503 and reply)
        assert ready.json()["status"] == "draining"
        late = alone.chat(prompt="it still accepts")
        assert (late.status, late.headers["connection"]) == (200, "close")
        ended, refused = stream.result(), whole.result()
        assert child.wait(15)
    assert json.loads(ended.events()[-1].removeprefix(b"data: "))["error"]["code"] == "gateway_stopped"
    assert (refused.status, refused.json()["error"]["type"]) == (500, "api_error")
    with pytest.raises(OSError, match="refused"):
        alone.gateway.request("GET", "/healthz")
    rows = alone.records(3)
    assert sorted(row.outcome for row in rows) == ["cut", "internal_error", "ok"]
