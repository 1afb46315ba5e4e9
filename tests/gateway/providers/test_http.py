"""HTTP to providers, against servers that do as told over real sockets: whatever they send, an answer or a clear failure comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from uuid import uuid4

import pytest

from gateway import runtime
from gateway.errors import UpstreamFailed
from gateway.providers.http import Origin, Pool
from gateway.providers.response import BrokenOff, HttpFailure, Unreachable, Unreadable
from gateway.providers.transport import Timeouts, Transport
from gateway.types import Provider, Secret, WireRequest

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
EVENT_LOOPS = ("uvloop", "asyncio")  # the gateway runs on the former, other processes on the latter
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class Server:
    """Counts connections and keeps what it was sent."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.connections = 0
        self.heads: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await self.behaviour(Recording(self, reader), writer)  # type: ignore[arg-type]
        writer.close()


class Recording:
    def __init__(self, server: Server, reader: asyncio.StreamReader) -> None:
        self.server, self.reader = server, reader

    async def request(self) -> bool:
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        self.server.heads.append(head)
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        await self.reader.readexactly(length)
        return True


@asynccontextmanager
async def calling(behaviour: Behaviour, *, keep_alive_seconds: float = 30.0) -> AsyncIterator[tuple[Pool, Server]]:
    server = Server(behaviour)
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        origin = Origin.of(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1")
        pool = Pool(origin, connect_seconds=30.0, keep_alive_seconds=keep_alive_seconds)
        async with asyncio.timeout(60):
            yield pool, server
        pool.close()


def answering(*answers: bytes) -> Behaviour:
    """To each request the next of these, the last again and again."""
    left = list(answers)

    async def behaviour(reader, writer):
        while await reader.request():
            writer.write(left.pop(0) if len(left) > 1 else left[0])

    return behaviour


async def post(pool: Pool, body: bytes = b"{}") -> tuple[int, bytes]:
    response = await pool.post(b"/v1/x", b"Accept: */*\r\n", body)
    content = await response.read_all()
    return response.status, content


async def test_a_connection_is_used_again():
    async with calling(answering(OK)) as (pool, server):
        assert [await post(pool), await post(pool, b"x" * 100_000)] == [(200, b"hi")] * 2
        assert server.connections == 1
        assert server.heads[0] == b"POST /v1/x HTTP/1.1\r\nHost: %b\r\nAccept: */*\r\nContent-Length: 2\r\n\r\n" % (
            pool.origin.header
        )


async def test_requests_at_the_same_time_have_connections_of_their_own():
    async with calling(answering(OK)) as (pool, server):
        assert await asyncio.gather(*(post(pool) for _ in range(5))) == [(200, b"hi")] * 5
        assert server.connections == 5
        await asyncio.gather(*(post(pool) for _ in range(5)))
        assert server.connections == 5


async def test_a_connection_takes_answers_of_one_framing_after_another():
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    nothing = b"HTTP/1.1 204 No Content\r\n\r\n"
    refused = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nslow"
    async with calling(answering(chunked, early + OK, nothing, refused, OK)) as (pool, server):
        found = [await post(pool) for _ in range(5)]
        assert found == [(200, b"abc"), (200, b"hi"), (204, b""), (429, b"slow"), (200, b"hi")]
        assert server.connections == 1


async def test_headers_are_those_of_the_answer_and_not_of_hints_before_it_or_of_another_answer():
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nRetry-After: 1\r\n\r\n"
    refused = b"HTTP/1.1 429 Too Many Requests\r\nRETRY-After: 7\r\nX-Two: a\r\nContent-Length: 8\r\n\r\nX-No: 1\n"
    async with calling(answering(early + refused, OK)) as (pool, _):
        first = await pool.post(b"/v1/x", b"", b"{}")
        await first.read_all()
        second = await pool.post(b"/v1/x", b"", b"{}")
        await second.read_all()
        assert first.headers == {"retry-after": "7", "x-two": "a", "content-length": "8"}
        assert second.headers == {"content-length": "2"}


async def test_empty_lines_before_an_answer_hide_none_of_its_headers():
    packed = b"\r\n\r\nHTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi"
    async with calling(answering(packed)) as (pool, _):
        with pytest.raises(Unreadable, match="compressed"):
            await post(pool)
    early = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    async with calling(answering(early + b"\r\n\r\n" + OK)) as (pool, _):
        response = await pool.post(b"/v1/x", b"", b"{}")
        assert await response.read_all() == b"hi"
        assert response.headers == {"content-length": "2"}


async def test_an_answer_has_its_own_time_whatever_was_said_of_those_before_on_the_connection():
    gave_up = asyncio.Event()

    async def behaviour(reader, writer):
        await reader.request()
        writer.write(OK)
        await reader.request()
        await asyncio.sleep(0.3)  # past the first one's time
        writer.write(OK)
        await reader.request()
        await gave_up.wait()

    async with calling(behaviour) as (pool, server):
        now = asyncio.get_running_loop().time
        first = await pool.post(b"/v1/x", b"", b"{}")
        first.fail_at(now() + 0.1)
        assert await first.read_all() == b"hi"
        second = await pool.post(b"/v1/x", b"", b"{}")
        second.fail_at(now() + 30)
        first.fail_at(now())  # it is over, so this is nobody's
        assert await second.read_all() == b"hi"
        third = await pool.post(b"/v1/x", b"", b"{}")
        third.fail_at(now() + 60)
        third.fail_at(now() + 0.1)
        with pytest.raises(TimeoutError):
            await third.read_all()
        gave_up.set()
        assert server.connections == 1


async def test_what_was_given_time_is_not_failed_by_the_time_it_had_before():
    async def behaviour(reader, writer):
        await reader.request()
        writer.write(OK[:-1])
        await asyncio.sleep(0.3)
        writer.write(OK[-1:])

    async with calling(behaviour) as (pool, _):
        response = await pool.post(b"/v1/x", b"", b"{}")
        response.fail_at(asyncio.get_running_loop().time() + 0.1)
        await response.begin()
        response.fail_at(None)
        assert await response.read_all() == b"hi"


async def test_an_old_connection_is_not_used():
    async with calling(answering(OK), keep_alive_seconds=0.05) as (pool, server):
        await post(pool)
        await asyncio.sleep(0.1)
        assert await post(pool) == (200, b"hi")
        assert server.connections == 2


async def test_a_connection_that_the_other_side_has_closed_is_not_used():
    async def once(reader, writer):
        await reader.request()
        writer.write(OK)

    async with calling(once) as (pool, server):
        await post(pool)
        while pool._idle:
            await asyncio.sleep(0.01)
        assert await post(pool) == (200, b"hi")
        assert server.connections == 2


async def test_a_connection_that_says_close_is_not_used():
    async with calling(answering(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi")) as found:
        pool, server = found
        assert [await post(pool), await post(pool)] == [(200, b"hi")] * 2
        assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nextra",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\nHTTP/1.1 500 No\r\n",
    ],
)
async def test_what_comes_after_an_answer_is_nobody_s(answer):
    async with calling(answering(answer, OK)) as (pool, server):
        assert [await post(pool), await post(pool)] == [(200, b"hi")] * 2
        assert server.connections == 2


@pytest.mark.parametrize("cut", [1, 3, 1000])
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (OK, (200, b"hi")),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1;x=y\r\ni\r\n0\r\nT: 1\r\n\r\n",
            (200, b"hi"),
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, (200, b"hi")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"")),
        (b"HTTP/1.1 302 Found\r\nLocation: http://other/\r\nContent-Length: 0\r\n\r\n", (302, b"")),
        (b"HTTP/1.1 429 Slow\r\nRetry-After: 3\r\nContent-Length: 2\r\n\r\nno", (429, b"no")),
    ],
)
async def test_answers_of_every_framing_in_pieces_of_any_size(answer, expected, cut):
    async def drip(reader, writer):
        while await reader.request():
            for at in range(0, len(answer), cut):
                writer.write(answer[at : at + cut])
                await writer.drain()
                await asyncio.sleep(0)

    async with calling(drip) as (pool, server):
        assert [await post(pool), await post(pool)] == [expected] * 2
        assert server.connections == 1


async def test_an_answer_may_end_with_its_connection():
    async def once(reader, writer):
        await reader.request()
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nhi")

    async with calling(once) as (pool, _):
        assert await post(pool) == (200, b"hi")


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"", BrokenOff),
        (b"HTTP/1.1 200 OK\r\nContent-", BrokenOff),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", BrokenOff),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", BrokenOff),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Unreadable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi", Unreadable),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Unreadable),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi", Unreadable),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", HttpFailure),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n", Unreadable),
    ],
)
async def test_what_is_no_whole_answer_fails(answer, failure):
    async def once(reader, writer):
        await reader.request()
        writer.write(answer)

    async with calling(once) as (pool, _):
        with pytest.raises(failure):
            await post(pool)
        assert not pool._idle


async def test_nobody_listening_fails_at_once():
    pool = Pool(Origin.of("http://127.0.0.1:1"), connect_seconds=2.0, keep_alive_seconds=1.0)
    with pytest.raises(Unreachable):
        await post(pool)


@pytest.mark.parametrize("url", ["ftp://x/", "http://", "http://x:99999/", "x"])
def test_a_url_that_leads_nowhere_is_unreachable(url):
    with pytest.raises(Unreachable):
        Origin.of(url)


def test_an_origin_is_named_as_the_url_has_it():
    assert Origin.of("https://api.example.com/v1") == ("api.example.com", 443, True, b"api.example.com")
    assert Origin.of("http://[::1]:8000/v1") == ("::1", 8000, False, b"[::1]:8000")


async def test_a_stream_is_read_as_it_comes_and_given_up_in_the_middle():
    has_read = asyncio.Event()

    async def stream(reader, writer):
        await reader.request()
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await has_read.wait()
        writer.write(b"3\r\ntwo\r\n")
        await reader.request()  # until it is closed

    async with calling(stream) as (pool, _):
        response = await pool.post(b"/", b"", b"")
        await response.begin()
        assert await response.read() == b"one"
        has_read.set()
        assert await response.read() == b"two"
        response.close()
        with pytest.raises(BrokenOff):
            await response.read()
        assert not pool._idle


async def test_a_read_that_is_cancelled_loses_nothing():
    was_cancelled = asyncio.Event()

    async def stream(reader, writer):
        await reader.request()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none")
        await was_cancelled.wait()
        writer.write(b"two")
        await reader.request()

    async with calling(stream) as (pool, _):
        response = await pool.post(b"/", b"", b"")
        assert await response.read() == b"one"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await response.read()
        was_cancelled.set()
        assert [await response.read(), await response.read()] == [b"two", b""]


async def test_who_does_not_read_holds_the_other_side_up():
    sent = 0

    async def flood(reader, writer):
        nonlocal sent
        await reader.request()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(1000):
            writer.write(b"x" * 100_000)
            await writer.drain()
            sent += 100_000

    async with calling(flood) as (pool, _):
        response = await pool.post(b"/", b"", b"")
        await response.begin()
        while not response.is_held_up:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert response.received < 5_000_000
        assert response.is_held_up
        assert sent < 20_000_000
        size = 0
        while chunk := await response.read():
            size += len(chunk)
        assert size == 100_000_000


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]"])
async def test_a_provider_that_a_tenant_names_leads_nowhere_inside(settings, host):
    settings.OUTBOUND_ALLOW = []
    async with calling(answering(OK)) as (pool, server):
        url = f"http://{host}:{pool.origin.port}/v1"
        transport = Transport(Timeouts(30.0, 30.0, 30.0), connect_guarded=runtime._connect_guarded)
        guarded = Provider(id=uuid4(), name="own", kind="openai", base_url=url, credential=Secret(""))
        with pytest.raises(UpstreamFailed) as found:
            await transport.whole(guarded, WireRequest(url=f"{url}/x", headers={}, body=b"{}"))
        assert found.value.code == "upstream_not_allowed"
        assert server.connections == 0
        settings.OUTBOUND_ALLOW = [ip_network("127.0.0.0/8")]
        if host in ("127.0.0.1", "127.1", "2130706433"):
            assert await transport.whole(guarded, WireRequest(url=f"{url}/x", headers={}, body=b"{}")) == b"hi"
        await transport.close()
