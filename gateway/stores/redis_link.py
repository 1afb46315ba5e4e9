"""One connection to one Redis server that all of the event loop's commands share: out in order, replies back in order.

A command leaves at once while there is little to do; else those of the same turn of the event loop leave in one write. No pool, no task
and no timer for each command: that is most of what a client costs. redis-py reads the URL (and makes the TLS context), hiredis packs and
parses.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from typing import Any

import hiredis
from redis._parsers.base import BaseParser
from redis.asyncio.connection import Connection, UnixDomainSocketConnection, parse_url

logger = logging.getLogger(__name__)
CLIENT_NAME = "tollgate"
_NOTHING = object()


class LinkDown(Exception):
    """The server cannot be reached, broke the connection twice, or did not answer in time. Commands may or may not have been done."""


class _Entry:
    """A command on its way."""

    __slots__ = ("packed", "reply", "sent_at", "tries")

    def __init__(self, packed: bytes, reply: asyncio.Future[Any]) -> None:
        self.packed = packed
        self.reply = reply
        self.sent_at = 0.0
        self.tries = 0


class Link:
    """Connects on first use, and again after the connection broke: commands that had no reply yet are then sent once more (each is one
    whose repetition does no harm)."""

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        options: dict[str, Any] = dict(parse_url(url))
        kind = options.pop("connection_class", Connection)
        self._target: Any = kind(**options)  # it is never connected itself: it knows address, credentials and TLS
        self._timeout = timeout_seconds
        self._wire: _Wire | None = None
        self._number = 0
        self._queue: list[_Entry] = []
        self._connecting: asyncio.Task[None] | None = None

    @property
    def connection(self) -> int:
        """The number of the connection that what is sent now leaves by, at the latest as the event loop's next turn begins; 0: one has to
        be made first."""
        return self._number if self._wire is not None else 0

    @property
    def is_idle(self) -> bool:
        """Whether what is sent now is on its way when `send` returns."""
        return self._wire is not None and self._wire.is_idle

    def send(self, command: tuple[Any, ...]) -> asyncio.Future[Any]:
        """The reply to come: a value, or as an exception `LinkDown` or redis-py's `ResponseError`."""
        entry = _Entry(hiredis.pack_command(command), asyncio.get_running_loop().create_future())
        if self._wire is not None:
            self._wire.send(entry)
        else:
            self._wait_for_wire(entry)
        return entry.reply

    async def quiet(self) -> None:
        """Wait until everything sent so far has been answered or has failed."""
        with contextlib.suppress(LinkDown):
            await self.send(("PING",))  # replies come in order

    async def close(self) -> None:
        """Break the connection; commands under way fail."""
        if self._connecting is not None:
            self._connecting.cancel()
        if self._wire is not None:
            self._wire.break_off(LinkDown("closed"))

    def _wait_for_wire(self, entry: _Entry) -> None:
        self._queue.append(entry)
        if self._connecting is None:
            self._connecting = asyncio.ensure_future(self._connect())

    async def _connect(self) -> None:
        failure: Exception | None = None
        try:
            async with asyncio.timeout(self._timeout):
                wire = await self._open()
                await wire.greet(self._greeting())
        except asyncio.CancelledError:
            failure = LinkDown("closed")
            raise
        except Exception as error:  # uvloop, for one, raises RuntimeError for a connection that is just being closed
            failure = error
        else:
            self._wire = wire
            self._number += 1
        finally:
            self._connecting = None
            waiting, self._queue = self._queue, []
            if failure is None:
                wire.send_all(waiting)
            else:
                _fail(waiting, failure)
                logger.warning("Redis: %s: %s", type(failure).__name__, failure)

    async def _open(self) -> _Wire:
        loop = asyncio.get_running_loop()
        target = self._target
        if isinstance(target, UnixDomainSocketConnection):
            _, wire = await loop.create_unix_connection(self._make_wire, target.path)
        else:
            _, wire = await loop.create_connection(self._make_wire, **target._connection_arguments())
        return wire

    def _make_wire(self) -> _Wire:
        return _Wire(self, self._timeout)

    def _greeting(self) -> list[tuple[Any, ...]]:
        target = self._target
        hello: tuple[Any, ...] = ("HELLO", 3)
        if target.password is not None or target.username is not None:
            hello += ("AUTH", target.username or "default", target.password or "")
        greeting = [(*hello, "SETNAME", CLIENT_NAME)]
        if target.db:
            greeting.append(("SELECT", target.db))
        return greeting

    def lost(self, wire: _Wire, error: Exception | None, *, may_repeat: bool) -> None:
        """What a wire says at its end: those of its commands that it has not answered go out again, or fail."""
        if self._wire is wire:
            self._wire = None
        for entry in wire.pending:
            if entry.reply.done():
                continue
            if may_repeat and entry.tries < 2:
                self._wait_for_wire(entry)
            else:
                entry.reply.set_exception(_down(error))
        wire.pending.clear()


class _Wire(asyncio.Protocol):
    """A connection from its beginning to its end."""

    def __init__(self, link: Link, timeout_seconds: float) -> None:
        self.pending: deque[_Entry] = deque()
        self._link = link
        self._timeout = timeout_seconds
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(replyError=BaseParser.parse_error, notEnoughData=_NOTHING)
        self._transport: Any = None
        self._unsent: list[_Entry] = []
        self._watch: asyncio.TimerHandle | None = None
        self._broken: Exception | None = None
        self._is_greeted = False
        self._is_calm = True  # the last write had one command: others rarely come in the same turn

    @property
    def is_idle(self) -> bool:
        return self._is_calm and not self.pending

    async def greet(self, commands: list[tuple[Any, ...]]) -> None:
        """Authenticate and choose the database; raises what the server says."""
        entries = [_Entry(hiredis.pack_command(command), self._loop.create_future()) for command in commands]
        self.send_all(entries)
        try:
            for entry in entries:
                await entry.reply
        except BaseException:
            self.break_off(LinkDown("not greeted"))
            raise
        self._is_greeted = True

    def send(self, entry: _Entry) -> None:
        if self._broken is not None:
            entry.reply.set_exception(_down(self._broken))
            return
        is_idle = self.is_idle
        self._unsent.append(entry)
        self.pending.append(entry)
        if is_idle:
            self._flush()
        elif len(self._unsent) == 1:
            self._loop.call_soon(self._flush)

    def send_all(self, entries: list[_Entry]) -> None:
        """As `send`, in one write."""
        if self._broken is not None:
            _fail(entries, self._broken)
            return
        self._unsent += entries
        self.pending += entries
        self._flush()

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self._broken is not None or not unsent:
            return
        now = self._loop.time()
        self._is_calm = len(unsent) == 1
        for entry in unsent:
            entry.sent_at = now
            entry.tries += 1
        packed = unsent[0].packed if self._is_calm else b"".join([entry.packed for entry in unsent])
        with contextlib.suppress(
            RuntimeError
        ):  # uvloop's, of a connection that is ending: `connection_lost` will say so
            self._transport.write(packed)
        if self._watch is None:
            self._watch = self._loop.call_later(self._timeout, self._look)

    def _look(self) -> None:
        """The oldest command's time is up, or the next one's will be."""
        self._watch = None
        if not self.pending:
            return
        left = self.pending[0].sent_at + self._timeout - self._loop.time()
        if self.pending[0].sent_at and left <= 0:
            self.break_off(LinkDown(f"no reply within {self._timeout} s"))
        else:
            self._watch = self._loop.call_later(max(left, 0.01), self._look)

    def break_off(self, error: Exception) -> None:
        """End the connection; what is under way fails and is not repeated."""
        if self._broken is None:
            self._broken = error
            self._link.lost(self, error, may_repeat=False)
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        reader, pending = self._reader, self.pending
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not _NOTHING:
                entry = pending.popleft()
                if entry.reply.done():
                    continue  # its request is gone
                if isinstance(reply, Exception):
                    entry.reply.set_exception(reply)
                else:
                    entry.reply.set_result(reply)
        except (hiredis.HiredisError, IndexError) as error:
            logger.exception("Redis sent what cannot be understood")
            self.break_off(error)

    def connection_lost(self, error: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._broken is None:
            self._broken = error or LinkDown("the server closed the connection")
            self._link.lost(self, self._broken, may_repeat=self._is_greeted)


def _fail(entries: list[_Entry], error: Exception) -> None:
    for entry in entries:
        if not entry.reply.done():  # else its request is gone
            entry.reply.set_exception(_down(error))


def _down(error: Exception | None) -> LinkDown:
    if isinstance(error, LinkDown):
        return LinkDown(*error.args)
    down = LinkDown(f"{type(error).__name__}: {error}")
    down.__cause__ = error
    return down
