"""Puts a stream on the wire, event by event: pauses, faults in the middle, and a client that leaves. Counts what was really sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec

from simulator import delivery, errors, faults
from simulator.behaviour import Behaviour
from simulator.exchange import EVENT_STREAM, Exchange
from simulator.stream_event import StreamEvent
from simulator.usage import Usage

BROKEN_EVENTS = {
    "openai": b'data: {"id":"broken","choices":[{"index":0,"delta":{"content":"unfin\n\n',
    "anthropic": b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_de\n\n',
}
_WRITES_PER_TURN = 16
"""Writes before other requests, and the news that a client left, get their turn."""


class Stream:
    """One stream being sent. Its log entry has, whichever way it ends, the chunks and the output tokens that were written."""

    def __init__(self, exchange: Exchange, behaviour: Behaviour, usage: Usage) -> None:
        self._exchange = exchange
        self._connection = exchange.connection
        self._behaviour = behaviour
        self._usage = usage
        self._events_per_write = behaviour.chunks_per_write or 1
        self._chunk_ms = behaviour.chunk_ms or 0
        self._buffer: list[StreamEvent] = []
        self._tokens_sent = 0
        self._writes = 0

    async def send(self, events: Iterable[StreamEvent]) -> None:
        """Sends the whole stream, or as much of it as the behaviour and the client allow."""
        self._connection.watch()
        is_faulty = self._exchange.is_fault_due
        content_type = (
            b"application/json" if is_faulty and self._behaviour.fault == "wrong_content_type" else EVENT_STREAM
        )
        self._exchange.entry.status = 200
        await self._connection.start(200, self._exchange.response_headers(content_type))
        if (wait := delivery.first_byte_ms(self._exchange, self._behaviour)) and not await self._connection.pause(wait):
            self._close("client_disconnected")
            return
        if is_faulty and self._behaviour.fault == "trickle":
            delivery.trickle(self._exchange, self._behaviour)
        fault_at = self._fault_at() if is_faulty and self._behaviour.fault in faults.MID_STREAM_FAULTS else None
        waiting = list(events)
        content_seen = 0
        for event in waiting[:-1]:
            if fault_at is not None and event.is_content and content_seen >= fault_at:
                if await self._is_over_after_the_fault():
                    return
                fault_at = None
            elif not await self._push(event):
                return
            content_seen += event.is_content
        if fault_at is not None and await self._is_over_after_the_fault():
            return
        await self._finish(waiting[-1])

    async def _push(self, event: StreamEvent) -> bool:
        """Queues an event and writes what is due. False when the client has left."""
        self._buffer.append(event)
        return len(self._buffer) < self._events_per_write or await self._flush()

    async def _flush(self) -> bool:
        chunks = sum(event.is_content for event in self._buffer)
        if self._buffer and not self._connection.is_gone:
            if not await self._connection.write(b"".join([event.data for event in self._buffer])):
                self._close("client_disconnected")
                return False
            self._tokens_sent += sum(event.tokens for event in self._buffer)
            self._exchange.entry.chunks_sent += chunks
            self._writes += 1
        self._buffer.clear()
        if chunks and self._chunk_ms:
            await self._connection.pause(self._chunk_ms * chunks)
        elif self._writes % _WRITES_PER_TURN == 0:
            await asyncio.sleep(0)
        if self._connection.is_gone:
            self._close("client_disconnected")
            return False
        return True

    async def _finish(self, last: StreamEvent) -> None:
        if self._connection.is_gone:
            self._close("client_disconnected")
            return
        self._exchange.entry.chunks_sent += sum(event.is_content for event in self._buffer)
        fault = self._behaviour.fault if self._exchange.is_fault_due else None
        self._exchange.close(
            f"fault:{fault}" if fault in ("bad_json", "trickle", "wrong_content_type") else "completed", self._usage
        )
        await self._connection.end(b"".join([event.data for event in self._buffer]) + last.data)

    def _fault_at(self) -> int:
        after = self._behaviour.fault_after_chunks
        return faults.DEFAULT_AFTER_CHUNKS if after is None else after

    async def _is_over_after_the_fault(self) -> bool:
        """Carries out the fault in the middle of the stream; only bad JSON lets the stream go on."""
        if not await self._flush():
            return True
        fault = self._behaviour.fault
        if fault == "bad_json":
            await self._connection.write(BROKEN_EVENTS[self._exchange.surface])
            return False
        self._close("cut" if fault == "cut" else f"fault:{fault}")
        if fault == "error_event":
            await self._connection.end(self._error_event())
        elif fault == "hang":
            await self._connection.wait_until_gone()
        elif fault == "reset":
            await self._connection.reset()
        elif fault == "half_close":
            await self._connection.half_close()
        else:
            await self._connection.cut()
        return True

    def _error_event(self) -> bytes:
        exchange = self._exchange
        error = faults.error_of(self._behaviour, exchange.surface, model=exchange.model, api_key=exchange.api_key)
        if error is None:
            raise AssertionError("an error event has an error")
        data = b"data: " + msgspec.json.encode(errors.payload(error, exchange.surface, exchange.request_id)) + b"\n\n"
        return data if exchange.surface == "openai" else b"event: error\n" + data

    def _close(self, outcome: str) -> None:
        self._exchange.close(outcome, self._usage.with_output(self._tokens_sent))
