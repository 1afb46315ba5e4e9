"""Clients that behave badly, on sockets of their own: they never read, leave, or send a byte a second."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
from urllib.parse import urlsplit

from tests.chaos.cast import FLOOD
from tests.chaos.clients import Ask, Load, ask

NEVER_READING, LEAVING, SLOW = 12, 8, 30
FLOOD_TOKENS = 20_000  # about 4 MB of events, more than sockets and gateway keep for a client that does not read
BYTE_SECONDS = 1.0


async def never_read(load: Load) -> None:
    """Ask for long streams and read nothing of them, until cancelled."""
    asks = [ask(load.cast.steady, 2, model=FLOOD, max_tokens=FLOOD_TOKENS) for _ in range(NEVER_READING)]
    await asyncio.gather(*(_never_read(load, one) for one in asks))


async def leave(load: Load) -> None:
    """Ask on and on, and leave: before the answer, or right after a stream's first event."""

    async def client(number: int) -> None:
        member = load.cast.budgeted[number % len(load.cast.budgeted)]
        for turn in itertools.count(number):
            one = ask(member, turn)
            load.owners[one.id] = one.tenant_id
            reader, writer = await _connected(load)
            writer.write(_request(one))
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                if one.body["stream"]:
                    await reader.readuntil(b"data: ")
                else:
                    await asyncio.sleep(0.01)
            writer.transport.abort()
            await asyncio.sleep(0.1)

    await asyncio.gather(*(client(number) for number in range(LEAVING)))


async def send_slowly(load: Load) -> None:
    """Send a request's body byte by byte, until the server has had enough of it."""

    async def client(number: int) -> None:
        one = ask(load.cast.steady, number)
        _, writer = await _connected(load)
        head, _, body = _request(one).partition(b"\r\n\r\n")
        writer.write(head + b"\r\n\r\n")
        for at in range(len(body)):
            writer.write(body[at : at + 1])
            await asyncio.sleep(BYTE_SECONDS)
            if writer.transport.is_closing():
                load.let_go += 1
                return

    await asyncio.gather(*(client(number) for number in range(SLOW)))


async def _never_read(load: Load, one: Ask) -> None:
    load.owners[one.id] = one.tenant_id
    address = urlsplit(load.url)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_connect(client, (address.hostname, address.port))
        await loop.sock_sendall(client, _request(one))
        await asyncio.Event().wait()
    finally:
        client.close()


async def _connected(load: Load) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(load.url)
    return await asyncio.open_connection(address.hostname, address.port)


def _request(one: Ask) -> bytes:
    body = json.dumps(one.body).encode()
    lines = [f"POST {one.path} HTTP/1.1", "host: chaos", f"content-length: {len(body)}"]
    lines += ["content-type: application/json", *(f"{name}: {value}" for name, value in one.headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
