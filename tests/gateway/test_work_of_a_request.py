"""What a request takes, as far as it can be counted: the same on every machine, however busy. Regressions of it are seen here, those of
time by `make bench-against`.

The counts are of everything in force: a key and an end user with limits, budgets, the exact cache that misses and keeps, a record.
"""

from __future__ import annotations

import asyncio
import cProfile
import gc
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from config import wire
from gateway import runtime
from gateway.api.handler import LeanHandler
from tests.gateway.budgets import budget
from tests.gateway.caches import policy
from tests.gateway.live import World

EVENT_LOOPS = ("uvloop",)
PROJECT = Path(__file__).resolve().parents[2]
OURS = tuple(f"{PROJECT / name}/" for name in ("billing", "config", "gateway", "tenants"))
REQUESTS = 200
CALLS_OF_A_MISS, CALLS_OF_A_HIT = 331, 203  # of our functions, for a request; a tenth more is let pass


@pytest.fixture
def world(gateway: Any, simulator: Any, simulator_process: Any, settings: Any) -> World:
    settings.OUTBOUND_ALLOW = [ip_network("127.0.0.1/32")]
    made = World.build(gateway, simulator_process.base_url)
    policy(made)
    budget(made, 1_000_000)
    return made


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    """The data plane in this process, on a port."""
    config = Config(LeanHandler(), log_config=None, lifespan="off", access_log=False)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(lambda: wire.Protocol(config, state, {}), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await runtime.close()


class Client:
    """Asks one question after the other over one connection."""

    def __init__(self, world: World, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._world, self._reader, self._writer = world, reader, writer

    async def ask(self, prompt: str) -> str:
        """What the exact cache did."""
        body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": prompt}]}).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {self._world.secret}\r\n"
            f"x-tollgate-user: ann\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        lines = dict(line.lower().split(": ", 1) for line in answer.split("\r\n")[1:-2])
        await self._reader.readexactly(int(lines["content-length"]))
        assert answer.startswith("HTTP/1.1 200 ")
        return lines["x-tollgate-cache"]


@asynccontextmanager
async def asking(world: World) -> AsyncIterator[Client]:
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        client = Client(world, reader, writer)
        for number in range(10):  # what is made once is there
            await client.ask(f"warm {number}")
        for _ in range(3):
            await client.ask("the same")
        yield client
        writer.close()


def prompts(is_hit: bool) -> list[str]:
    return ["the same"] * REQUESTS if is_hit else [f"hello {number}" for number in range(REQUESTS)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("is_hit", "recorded"), [(False, CALLS_OF_A_MISS), (True, CALLS_OF_A_HIT)], ids=["miss", "hit"]
)
async def test_it_calls_hardly_more_of_our_functions_than_it_did(world: World, is_hit: bool, recorded: int):
    async with asking(world) as client:
        profile = cProfile.Profile()
        profile.enable()
        for prompt in prompts(is_hit):
            assert await client.ask(prompt) == ("hit" if is_hit else "miss")
        profile.disable()
    calls = sum(
        entry.callcount
        for entry in profile.getstats()
        if not isinstance(entry.code, str) and entry.code.co_filename.startswith(OURS)
    )
    assert calls / REQUESTS <= recorded * 1.1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_hit", [False, True], ids=["miss", "hit"])
async def test_it_asks_redis_twice(world: World, is_hit: bool):
    async with asking(world) as client:
        link: Any = runtime.current().redis._link
        sent: list[Any] = []
        send = link.send
        link.send = lambda command: (sent.append(command[0]), send(command))[1]
        for prompt in prompts(is_hit):
            await client.ask(prompt)
    assert sent.count("EVALSHA") - 2 * REQUESTS <= 20  # those of the books' beat, each second
    assert sent.count("EVALSHA") >= 2 * REQUESTS
    assert "EVAL" not in sent


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_hit", [False, True], ids=["miss", "hit"])
async def test_it_leaves_nothing_for_the_garbage_collector(world: World, is_hit: bool):
    async with asking(world) as client:
        gc.collect()
        gc.disable()
        try:
            for prompt in prompts(is_hit):
                await client.ask(prompt)
            assert gc.collect() < REQUESTS  # some objects of the threads' database connections, however many requests
        finally:
            gc.enable()
