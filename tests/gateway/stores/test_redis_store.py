"""Commands that leave together: whatever goes wrong, nobody is left waiting."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django_redis import get_redis_connection
from redis.exceptions import ResponseError

from gateway.errors import StoreUnavailable
from gateway.stores import counters
from gateway.stores.redis import RedisStore
from tenants import redis_keys

EVENT_LOOPS = ("uvloop", "asyncio")  # the gateway runs on the former, other processes on the latter
HELLO = b"%1\r\n+proto\r\n:3\r\n"
Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]


@asynccontextmanager
async def serving(behaviour: Behaviour, *, timeout_seconds: float = 30.0) -> AsyncIterator[RedisStore]:
    """A store whose server greets, and then does as told; it is told the number of the connection."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        number = connections
        assert b"HELLO" in await reader.read(1000)
        writer.write(HELLO)
        await behaviour(reader, writer, number)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        store = RedisStore(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", timeout_seconds=timeout_seconds)
        try:
            async with asyncio.timeout(60):
                yield store
        finally:
            await store.close()


async def three(store: RedisStore) -> list[object]:
    return await asyncio.gather(*(store.call("INCR", name) for name in "abc"), return_exceptions=True)


async def test_an_error_reply_reaches_only_who_asked():
    store = RedisStore(settings.REDIS_URL, timeout_seconds=30.0)
    wrong, right = await asyncio.gather(store.call("GET"), store.call("ECHO", "a"), return_exceptions=True)
    assert isinstance(wrong, ResponseError)
    assert "wrong number of arguments" in str(wrong)
    assert right == b"a"
    await store.close()


async def test_replies_come_to_who_asked_however_they_are_cut_up():
    async def drip(reader, writer, _):
        await reader.read(1000)
        for byte in b":1\r\n:2\r\n:3\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.001)
        await reader.read(1000)

    async with serving(drip) as store:
        assert await three(store) == [1, 2, 3]


class Written:
    """A transport that notes how many commands each write has."""

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        self.commands: list[int] = []

    def write(self, data: bytes) -> None:
        self.commands.append(data.count(b"ECHO"))
        self.transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)


async def test_a_command_leaves_at_once_where_nothing_is_under_way_and_else_with_those_of_its_turn():
    store = RedisStore(settings.REDIS_URL, timeout_seconds=30.0)
    await store.call("PING")
    assert store.is_idle
    link: Any = store._link
    written = link._wire._transport = Written(link._wire._transport)
    replies = [link.send(("ECHO", 1))]
    assert written.commands == [1]
    assert not store.is_idle
    replies += [link.send(("ECHO", number)) for number in (2, 3, 4)]
    assert written.commands == [1]
    assert await asyncio.gather(*replies) == [b"1", b"2", b"3", b"4"]
    assert written.commands == [1, 3]
    assert not store.is_idle  # what came last came in company, so the next one waits for more
    later = link.send(("ECHO", 5))
    assert written.commands == [1, 3]
    assert await later == b"5"
    assert written.commands == [1, 3, 1]
    assert store.is_idle
    await store.close()


async def test_a_script_is_sure_to_be_done_once_redis_has_run_it_on_the_connection_that_is_there():
    store = RedisStore(settings.REDIS_URL, timeout_seconds=30.0)
    assert not store.is_sure(counters.IS_OPEN)
    number = await store.call("CLIENT", "ID")
    assert not store.is_sure(counters.IS_OPEN)
    await store.run(counters.IS_OPEN, [redis_keys.counters(uuid4())], [])
    assert store.is_sure(counters.IS_OPEN)
    assert not store.is_sure(counters.SETTLE)
    get_redis_connection("default").client_kill_filter(_id=number)
    while await store.call("CLIENT", "ID") == number:
        pass
    assert not store.is_sure(counters.IS_OPEN)  # another server may be there now
    await store.run(counters.IS_OPEN, [redis_keys.counters(uuid4())], [])
    assert store.is_sure(counters.IS_OPEN)
    await store.close()


async def test_a_connection_that_breaks_is_made_again_and_what_had_no_reply_is_sent_once_more():
    got: list[bytes] = []

    async def break_once(reader, writer, number):
        got.append(await reader.read(1000))
        writer.write(b":1\r\n" if number == 1 else b":2\r\n:3\r\n")
        if number > 1:
            await reader.read(1000)

    async with serving(break_once) as store:
        assert await three(store) == [1, 2, 3]
        assert [packed.count(b"INCR") for packed in got] == [3, 2]


async def test_a_server_that_breaks_every_connection_is_given_up_after_the_second():
    numbers: list[int] = []

    async def break_off(reader, writer, number):
        await reader.read(1000)
        numbers.append(number)

    async with serving(break_off) as store:
        assert [type(item) for item in await three(store)] == [StoreUnavailable] * 3
        assert numbers == [1, 2]


async def test_a_server_that_does_not_answer_fails_everybody_in_time_and_is_called_anew_afterwards():
    async def hang_once(reader, writer, number):
        await reader.read(1000)
        if number > 1:
            writer.write(b":7\r\n")
        await reader.read(1000)

    async with serving(hang_once, timeout_seconds=0.5) as store:
        assert [type(item) for item in await three(store)] == [StoreUnavailable] * 3
        answered: object = None
        while answered is None:  # half a second may be too short even for one who answers
            with contextlib.suppress(StoreUnavailable):
                answered = await store.call("INCR", "a")
        assert answered == 7


async def test_what_is_no_reply_fails_everybody():
    async def babble(reader, writer, _):
        await reader.read(1000)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read(1000)

    async with serving(babble) as store:
        assert [type(item) for item in await three(store)] == [StoreUnavailable] * 3


async def test_a_request_that_goes_away_does_not_take_another_s_reply():
    were_asked, has_gone = asyncio.Event(), asyncio.Event()

    async def count(reader, writer, _):
        asked = b""
        while asked.count(b"INCR") < 2:
            asked += await reader.read(1000)
        were_asked.set()
        await has_gone.wait()
        writer.write(b":1\r\n:2\r\n")
        await reader.read(1000)

    async with serving(count) as store:
        first, second = (asyncio.ensure_future(store.call("INCR", name)) for name in "ab")
        await were_asked.wait()
        first.cancel()
        has_gone.set()
        assert await second == 2


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "unix:///nowhere/redis.sock"])
async def test_a_server_that_is_not_there_is_told_at_once(url):
    store = RedisStore(url, timeout_seconds=3600.0)
    async with asyncio.timeout(60):
        assert [type(item) for item in await three(store)] == [StoreUnavailable] * 3
    await store.close()


async def test_a_name_and_a_password_and_a_database_are_taken_from_the_url():
    sent = []

    async def serve(reader, writer):
        sent.append(await reader.read(1000))
        writer.write(HELLO + b"+OK\r\n")
        await reader.read(1000)
        writer.write(b":1\r\n")
        await reader.read(1000)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        store = RedisStore(f"redis://ann:p%40ss@127.0.0.1:{server.sockets[0].getsockname()[1]}/3", timeout_seconds=30.0)
        assert await store.call("INCR", "a") == 1
        await store.close()
    words = sent[0].split(b"\r\n")
    assert words[words.index(b"AUTH") :: 2][:3] == [b"AUTH", b"ann", b"p@ss"]
    assert words[words.index(b"SELECT") :: 2][:2] == [b"SELECT", b"3"]
