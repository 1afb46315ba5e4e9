"""PostgreSQL away, hanging or too slow, and Redis away: a miss, in time, and nobody piles up."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from gateway.caching import semantic
from gateway.stores import nearest
from gateway.stores.nearest import AWAY, BUSY, FAILED, FOUND, LATE, NONE, Search
from gateway.stores.redis import RedisStore
from gateway.stores.semantic import SemanticStore
from tests.e2e.own_stores import Cable
from tests.gateway.live import test_environment
from tests.gateway.semantic.memory import SCOPE, Memory, at_angle
from tests.ports import free_port

Use = Callable[[SemanticStore], Awaitable[Any]]


@pytest.fixture
def cable() -> Iterator[Cable]:
    made = Cable(test_environment()["DATABASE_URL"])
    yield made
    made.cut()


def using(conninfo: str, work: Use, *, most_connections: int = 4, budget_seconds: float = 0.3) -> Any:
    async def run() -> Any:
        redis = RedisStore(settings.REDIS_URL, timeout_seconds=30.0)
        store = SemanticStore(
            redis, conninfo=conninfo, most_connections=most_connections, budget_seconds=budget_seconds
        )
        try:
            return await work(store)
        finally:
            await store.close()
            await redis.close()

    return asyncio.run(run())


def through(cable: Cable) -> str:
    return f"{cable.url}/{connection.settings_dict['NAME']}"


async def searched(store: SemanticStore, memory: Memory, **more: Any) -> Search:
    return await store.nearest(memory.id, SCOPE, at_angle(0), least=0.9, **more)


async def until(store: SemanticStore, memory: Memory, wanted: str) -> None:
    async with asyncio.timeout(60):
        while (await searched(store, memory)).outcome != wanted:
            await asyncio.sleep(0.05)


def test_away_from_the_beginning_it_is_a_miss_and_then_one_at_once(memory: Memory):
    conninfo = f"postgresql://postgres@127.0.0.1:{free_port()}/nowhere"

    async def work(store: SemanticStore) -> tuple[set[str], int]:
        outcomes = {(await searched(store, memory)).outcome for _ in range(200)}
        assert store._pool is not None
        return outcomes, store._pool.get_stats()["requests_num"]

    outcomes, attempts = using(conninfo, work)
    assert outcomes <= {AWAY, LATE}
    assert attempts < 20  # most of them did not even try


def test_cut_off_it_is_a_miss_and_mended_it_finds_again(memory: Memory, cable: Cable):
    memory.keep("0")

    async def work(store: SemanticStore) -> None:
        await until(store, memory, FOUND)
        cable.cut()
        await until(store, memory, AWAY)
        cable.mend()
        await until(store, memory, FOUND)

    using(through(cable), work, budget_seconds=5.0)


def test_a_server_that_hangs_holds_nobody_up(memory: Memory):
    """It takes the connection, and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        conninfo = f"postgresql://postgres@127.0.0.1:{listener.getsockname()[1]}/x"

        async def work(store: SemanticStore) -> set[str]:
            async with asyncio.timeout(60):
                found = await asyncio.gather(*(searched(store, memory) for _ in range(30)))
            return {one.outcome for one in found}

        assert using(conninfo, work) <= {AWAY, LATE, BUSY}


def test_a_backend_that_hangs_is_too_late_and_is_not_waited_for(memory: Memory):
    memory.keep("0")

    async def work(store: SemanticStore) -> str:
        await until(store, memory, FOUND)
        assert store._pool is not None
        async with store._pool.connection() as one:
            pid = one.info.backend_pid
        os.kill(pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(60):
                return (await searched(store, memory)).outcome
        finally:
            os.kill(pid, signal.SIGCONT)

    assert using(_here(), work, most_connections=1, budget_seconds=0.5) == LATE


def test_a_search_that_takes_too_long_is_ended_by_the_server_and_nobody_is_thought_to_be_away(
    memory: Memory, monkeypatch
):

    memory.keep("0")
    slow = nearest.SEARCH.replace(
        "tenant_id = '{tenant}' AND", "pg_sleep(30) IS NOT NULL AND tenant_id = '{tenant}' AND"
    )

    async def work(store: SemanticStore) -> list[str]:
        await until(store, memory, FOUND)
        with monkeypatch.context() as changed:
            changed.setattr(nearest, "SEARCH", slow)
            late = [(await searched(store, memory)).outcome for _ in range(5)]
        return [*late, (await searched(store, memory, budget_seconds=10)).outcome]

    assert using(_here(), work, budget_seconds=1.0) == [LATE] * 5 + [FOUND]


def test_more_than_can_wait_are_told_so(memory: Memory, monkeypatch):
    from gateway.stores import semantic as module

    monkeypatch.setattr(module, "MOST_WAITING", 2)

    async def work(store: SemanticStore) -> set[str]:
        await until(store, memory, NONE)
        found = await asyncio.gather(*(searched(store, memory, budget_seconds=10) for _ in range(50)))
        after = await searched(store, memory)
        return {one.outcome for one in (*found, after)}

    assert using(_here(), work, most_connections=1, budget_seconds=10.0) == {BUSY, NONE}


def test_what_the_server_refuses_is_a_failure_of_that_search_alone(memory: Memory):
    memory.keep("0")

    async def work(store: SemanticStore) -> list[str]:
        await until(store, memory, FOUND)
        bad = [(await store.nearest(memory.id, SCOPE, [float("nan")] * 3, least=0.9)).outcome for _ in range(5)]
        return [*bad, (await searched(store, memory)).outcome]

    assert using(_here(), work, budget_seconds=10.0) == [FAILED] * 5 + [FOUND]


def test_a_request_that_goes_away_takes_its_search_along(memory: Memory):
    async def work(store: SemanticStore) -> str:
        await until(store, memory, NONE)
        leaving = asyncio.ensure_future(searched(store, memory, budget_seconds=10))
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        return (await searched(store, memory, budget_seconds=10)).outcome

    assert using(_here(), work, most_connections=1, budget_seconds=10.0) == NONE


def test_with_redis_away_nothing_is_kept_and_nothing_fails(memory: Memory):
    memory.keep("0")

    async def work() -> tuple[bool, bool]:
        redis = RedisStore(f"redis://127.0.0.1:{free_port()}/0", timeout_seconds=0.5)
        store = SemanticStore(redis, conninfo=_here(), most_connections=1, budget_seconds=1)
        (row,) = memory_rows
        kept = await store.give(memory.id, memory.given("1")), await store.note_hit(memory.id, memory.hit(row))
        await store.close()
        await redis.close()
        return kept

    memory_rows = memory.rows()
    assert asyncio.run(work()) == (False, False)


def test_what_is_too_large_is_not_handed_over(memory: Memory):
    async def work(store: SemanticStore) -> list[bool]:
        return [
            await store.give(memory.id, memory.given(body=b"x" * (semantic.MOST_BODY_BYTES + 1))),
            await store.give(memory.id, memory.given("q" * (semantic.MOST_QUESTION_CHARACTERS + 1))),
            await store.give(memory.id, memory.given("0")),
        ]

    assert using(_here(), work) == [False, False, True]
    assert memory.work_off() == 1


def _here() -> str:
    from gateway import runtime

    return runtime._conninfo()
