"""Turns a provider's stream into the caller's and settles at its end, whichever way it ends.

A generator's own `finally` would run whenever the garbage collector gets to it; so the one who sends the stream calls `close`, and the
settling happens there or where the stream ends by itself, once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from gateway.errors import GatewayError, InternalError, UpstreamError, UpstreamFailed
from gateway.pipeline import content_keeping, judge_keeping, semantic_keeping, settlement, signals
from gateway.pipeline.calls import OpenedStream
from gateway.pipeline.exchange import Exchange
from gateway.runtime import Runtime

logger = logging.getLogger(__name__)


class AnswerStream:
    """A stream on its way to the caller. Iterate `chunks`, then always `await close(...)`."""

    def __init__(self, exchange: Exchange, opened: OpenedStream, runtime: Runtime) -> None:
        self.exchange = exchange
        self._opened = opened
        self._runtime = runtime
        if exchange.idempotency:
            exchange.kept = []
        semantic_keeping.assemble(exchange)
        content_keeping.listen(exchange)
        self._error: GatewayError | None = None
        self._has_ended = False

    async def chunks(self) -> AsyncIterator[bytes]:
        """The caller's bytes: what one read from the provider gives leaves as one chunk. Ends with an error raised, not swallowed."""
        opened = self._opened
        try:
            is_open = True
            while is_open:
                if out := self._taken():
                    yield out
                is_open = await opened.take_in()
            if not opened.relay.is_complete:
                provider = self.exchange.attempt.model.provider.name if self.exchange.attempt else "The provider"
                raise UpstreamFailed(f"{provider} broke off its answer.", code="upstream_broke_off")
            opened.out.append(opened.relay.finish())
            if rest := self._taken():
                yield rest
            self._has_ended = True
        except GatewayError as error:
            self._error = error
            if out := self._taken():  # what came before it
                yield out
            raise
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except Exception as error:
            logger.exception("%s failed mid-stream", self.exchange.public_id)
            self._error = InternalError("Tollgate failed while relaying the stream.")
            raise self._error from error

    def fail(self, error: GatewayError) -> None:
        """Nothing more will be sent of it, for a reason of ours; `close` settles it as cut."""
        if not self._has_ended and self._error is None:
            self._error = error

    def _taken(self) -> bytes:
        """What has been read and not passed on yet."""
        out = b"".join(self._opened.out)
        self._opened.out.clear()
        if out and self.exchange.kept is not None:
            self.exchange.kept.append(out)
        if out and self.exchange.assembly is not None:
            self.exchange.assembly.feed(out)
        if out and self.exchange.heard is not None:
            self.exchange.heard.add(out)
        return out

    async def close(self, *, client_left: bool) -> int | None:
        """Close the upstream call and settle; returns the cost in nano-dollars, None if unknown. Idempotent.

        When a client leaves, the provider is listened to for a moment longer: if the answer ends by then, its real usage is known. It is
        listened to until the end where others wait for the same answer.
        """
        opened = self._opened
        has_all = self._has_ended or (opened.relay.is_complete and self._error is None)
        if client_left and not self._knows_all() and self._error is None and not self.exchange.is_settled:
            await self._listen_on()
        opened.upstream.close()
        self.exchange.lap("stream")
        if has_all or opened.relay.is_complete:
            opened.permit.went_well()
        elif isinstance(self._error, UpstreamError):
            opened.permit.went_badly()
        else:
            opened.permit.is_unknown()
        if has_all:
            outcome = settlement.OK  # SDKs hang up as soon as they have the last event
        elif self._error is not None:
            outcome = settlement.CUT
        else:
            outcome = settlement.CLIENT_LEFT if client_left else settlement.CUT
        is_first = not self.exchange.is_settled
        cost = await settlement.settle_stream(
            self.exchange, self._runtime.accounts, opened.relay, outcome=outcome, error=self._error
        )
        usage = opened.relay.usage
        signals.note_turn(self.exchange, self._runtime, usage.input_tokens if usage else 0)
        if is_first and semantic_keeping.is_kept(self.exchange):
            await semantic_keeping.keep(self.exchange, self._runtime)
        if is_first:
            judge_keeping.keep(self.exchange, self._runtime)
        return cost

    def _knows_all(self) -> bool:
        """Whether there is nothing more to learn from the provider: it has said how the answer ends, and what it used."""
        relay = self._opened.relay
        return self._has_ended or (relay.is_complete and relay.usage is not None)

    async def _listen_on(self) -> None:
        """Take in what the provider still says, for the books, and for those who wait for the same answer."""
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._runtime.left_stream_seconds):
                    await self._take_rest()
            if not self._knows_all() and await self._is_awaited():
                await self._take_rest()
        except GatewayError:
            pass  # what has come until then counts
        except Exception:
            logger.exception("%s failed after its client had left", self.exchange.public_id)
        if self._opened.relay.is_complete:
            self._opened.out.append(self._opened.relay.finish())
            self._taken()

    async def _take_rest(self) -> None:
        is_open = True
        while is_open and not self._knows_all():
            is_open = await self._opened.take_in()
            self._taken()

    async def _is_awaited(self) -> bool:
        flight, assembly = self.exchange.flight, self.exchange.assembly
        return flight is not None and assembly is not None and not assembly.is_lost and await flight.is_awaited()
