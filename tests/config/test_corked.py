"""What is written within one turn of the event loop leaves in one piece, in order, and nothing is lost when the connection is closed."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from config.corked import SEND_AT_ONCE_BYTES, Corked


class Pipe:
    """A transport that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def write(self, data: bytes) -> None:
        self.told.append(data)

    def close(self) -> None:
        self.told.append("closed")

    def abort(self) -> None:
        self.told.append("aborted")

    def get_write_buffer_size(self) -> int:
        return sum(len(data) for data in self.told)

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.told.append(name)


def corked() -> tuple[Corked, Pipe]:
    pipe = Pipe()
    return Corked(cast(asyncio.Transport, pipe), asyncio.get_running_loop()), pipe


async def test_head_and_body_are_one_write_at_the_end_of_the_turn():
    transport, pipe = corked()
    transport.write(b"head ")
    transport.write(b"body")
    assert pipe.told == []
    await asyncio.sleep(0)
    assert pipe.told == [b"head body"]
    transport.write(b"next")
    await asyncio.sleep(0)
    assert pipe.told == [b"head body", b"next"]


async def test_closing_sends_what_waits_first_and_aborting_does_not():
    transport, pipe = corked()
    transport.write(b"last words")
    transport.close()
    assert pipe.told == [b"last words", "closed"]
    await asyncio.sleep(0)
    assert pipe.told == [b"last words", "closed"]
    transport, pipe = corked()
    transport.write(b"nobody reads it")
    transport.abort()
    await asyncio.sleep(0)
    assert pipe.told == ["aborted"]


async def test_a_large_piece_goes_at_once_after_what_came_before():
    transport, pipe = corked()
    large = b"x" * (SEND_AT_ONCE_BYTES + 1)
    transport.write(b"head ")
    transport.write(large)
    assert pipe.told == [b"head " + large]
    await asyncio.sleep(0)
    assert len(pipe.told) == 1
    for _ in range(5):
        transport.write(b"y" * (SEND_AT_ONCE_BYTES // 4))
    assert len(pipe.told) == 2


async def test_whatever_else_is_asked_of_a_transport_comes_after_what_was_written():
    transport, pipe = corked()
    transport.write(b"four")
    assert transport.get_write_buffer_size() == 4
    transport.pause_reading()
    assert pipe.told == [b"four", "pause_reading"]
