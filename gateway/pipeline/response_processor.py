"""Turns a provider's stream into the caller's and settles at its end, whichever way it ends.

A generator's own `finally` would run whenever the garbage collector gets to it; so the one who sends the stream calls `close`, and the
settling happens there or where the stream ends by itself, once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from gateway.errors import GatewayError, InternalError, UpstreamFailed
from gateway.pipeline import settlement
from gateway.pipeline.exchange import Exchange
from gateway.providers.relay import Relay
from gateway.providers.sse import EventTooLarge, Splitter
from gateway.providers.transport import ByteStream
from gateway.stores.redis import RedisStore

logger = logging.getLogger(__name__)


class AnswerStream:
    """A stream on its way to the caller. Iterate `chunks`, then always `await close(...)`."""

    def __init__(self, exchange: Exchange, upstream: ByteStream, relay: Relay, redis: RedisStore) -> None:
        self.exchange = exchange
        self._upstream = upstream
        self._relay = relay
        self._redis = redis
        self._error: GatewayError | None = None
        self._has_ended = False

    async def chunks(self) -> AsyncIterator[bytes]:
        """The caller's bytes: what one read from the provider gives leaves as one chunk. Ends with an error raised, not swallowed."""
        relay, splitter = self._relay, Splitter()
        try:
            async for chunk in self._upstream.chunks():
                self.exchange.saw_first_token()
                out = b"".join([relay.feed(event) for event in splitter.feed(chunk)])
                if out:
                    yield out
            if not relay.is_complete:
                provider = self.exchange.attempt.model.provider.name if self.exchange.attempt else "The provider"
                raise UpstreamFailed(f"{provider} broke off its answer.", code="upstream_broke_off")
            rest = relay.finish()
            if rest:
                yield rest
            self._has_ended = True
        except GatewayError as error:
            self._error = error
            raise
        except EventTooLarge as error:
            self._error = UpstreamFailed("The provider sent an event larger than 16 MiB.")
            raise self._error from error
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except Exception as error:
            logger.exception("%s failed mid-stream", self.exchange.public_id)
            self._error = InternalError("Tollgate failed while relaying the stream.")
            raise self._error from error

    async def close(self, *, client_left: bool) -> int | None:
        """Close the upstream call and settle; returns the cost in nano-dollars, None if unknown. Idempotent."""
        self._upstream.close()
        self.exchange.lap("stream")
        if self._has_ended or (self._relay.is_complete and self._error is None):
            outcome = settlement.OK  # SDKs hang up as soon as they have the last event
        elif self._error is not None:
            outcome = settlement.CUT
        else:
            outcome = settlement.CLIENT_LEFT if client_left else settlement.CUT
        return await settlement.settle_stream(
            self.exchange, self._redis, self._relay, outcome=outcome, error=self._error
        )
