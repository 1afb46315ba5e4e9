"""The end of every request: release what was held, charge what was used, and record it. One atomic step, run once.

Whichever way a request ends (answered, refused, the provider failing, the client leaving mid-stream, this process being told to stop),
exactly one of these calls ends it. Where Redis is away the settlement waits in the spool.
"""

from __future__ import annotations

import logging

import msgspec

from billing import prices
from gateway import tokens
from gateway.errors import GatewayError, StoreUnavailable, UpstreamError
from gateway.pipeline import observability, record
from gateway.pipeline.exchange import Exchange
from gateway.providers.relay import Relay
from gateway.stores import usage_record
from gateway.stores.accounts import Accounts
from gateway.stores.counters import Settlement
from gateway.stores.usage_record import ESTIMATED, NONE, REPORTED
from gateway.types import Usage

logger = logging.getLogger(__name__)
_NOTHING = Usage()

CLIENT_CLOSED_REQUEST = 499  # nginx's status for a client that left; no such status is ever sent
OK, REFUSED, UPSTREAM_ERROR, CLIENT_LEFT, CUT, INTERNAL_ERROR = (
    "ok",
    "refused",
    "upstream_error",
    "client_left",
    "cut",
    "internal_error",
)
REPEATED = "repeat"  # in the log's column for caches: answered from what an idempotency key kept


async def settle_answer(
    exchange: Exchange, accounts: Accounts, *, usage: Usage | None, finish_reason: str, body: bytes
) -> int | None:
    """End an answered request; returns its cost in nano-dollars, None if the model has no price.

    What the provider does not report is estimated: the input as it was held, the output by the answer's size: rather too much.
    """
    source = REPORTED
    if usage is None:
        usage = Usage(input_tokens=exchange.input_bound, output_tokens=tokens.estimate(len(body)))
        source = ESTIMATED
    answer = _kept(exchange, body) if exchange.idempotency else b""
    return await _settle(
        exchange,
        accounts,
        status=200,
        outcome=OK,
        usage=usage,
        source=source,
        finish_reason=finish_reason,
        answer=answer,
    )


async def settle_error(exchange: Exchange, accounts: Accounts, error: GatewayError) -> None:
    """End a request that got no answer. What its failed call is thought to have used is charged."""
    outcome = (
        UPSTREAM_ERROR
        if isinstance(error, UpstreamError)
        else REFUSED
        if error.status < 500 or isinstance(error, StoreUnavailable)
        else INTERNAL_ERROR
    )
    usage: Usage | None = error.usage if isinstance(error, UpstreamError) else None
    await _settle(
        exchange,
        accounts,
        status=error.status,
        outcome=outcome,
        usage=usage or _NOTHING,
        source=ESTIMATED if usage else NONE,
        error=error,
    )


async def settle_repeat(exchange: Exchange, accounts: Accounts) -> None:
    """End a request that was answered from its idempotency key: it used nothing."""
    exchange.idempotency = ""
    await _settle(exchange, accounts, status=200, outcome=OK, usage=_NOTHING, source=NONE, cache=REPEATED)


async def settle_stream(
    exchange: Exchange, accounts: Accounts, relay: Relay, *, outcome: str, error: GatewayError | None = None
) -> int | None:
    """End a stream, whichever way it ended. What the provider has not reported is estimated from what it produced, never as nothing."""
    usage, source = relay.usage, REPORTED
    if not relay.is_complete or usage is None:
        source = ESTIMATED
        produced = max(relay.deltas, tokens.estimate(relay.produced_bytes))  # each delta is at least one token
        if usage is None:
            usage = Usage(input_tokens=exchange.input_bound, output_tokens=produced)
        else:
            usage = msgspec.structs.replace(usage, output_tokens=max(usage.output_tokens, produced))
    answer = b""
    if exchange.idempotency and outcome == OK and exchange.kept is not None:
        answer = _kept(exchange, b"".join(exchange.kept))
    return await _settle(
        exchange,
        accounts,
        status=CLIENT_CLOSED_REQUEST if outcome == CLIENT_LEFT else 200,
        outcome=outcome,
        usage=usage,
        source=source,
        finish_reason=relay.finish_reason,
        error=error,
        answer=answer,
    )


async def _settle(
    exchange: Exchange,
    accounts: Accounts,
    *,
    status: int,
    outcome: str,
    usage: Usage,
    source: str,
    finish_reason: str = "",
    cache: str = "",
    error: GatewayError | None = None,
    answer: bytes = b"",
) -> int | None:
    if exchange.is_settled:
        return None
    exchange.is_settled = True
    price = exchange.attempt.model.price if exchange.attempt else None
    cost = prices.cost_nanousd(price, usage) if price is not None else None
    line = record.record(
        exchange,
        status=status,
        outcome=outcome,
        usage=usage,
        source=source,
        finish_reason=finish_reason,
        cache=cache,
        error=error,
        cost=cost,
    )
    observability.count(line)
    exchange.cost_nanousd = cost or 0
    hold = exchange.hold
    await accounts.settle(
        Settlement(
            tenant_id=str(exchange.snapshot.tenant_id),
            end_user=line.end_user,
            idempotency=exchange.idempotency if hold is not None else "",
            request_id=exchange.request_id.hex,
            mode="settle",
            requests=1 if exchange.attempts_made else 0,
            tokens=usage.input_tokens + usage.output_tokens,
            nanousd=cost or 0,
            epoch=hold.epoch if hold is not None else "",
            demand=exchange.demand if hold is not None else b"",
            answer=answer,
            records=(usage_record.encode(line),),
        )
    )
    return cost


class KeptAnswer(msgspec.Struct, array_like=True, frozen=True):
    """An answer as an idempotency key keeps it. `body` None: it was too large to keep."""

    body: bytes | None
    is_stream: bool
    provider: str
    model: str


MAX_KEPT_BYTES = 2_000_000
_kept_decoder = msgspec.msgpack.Decoder(KeptAnswer)


def _kept(exchange: Exchange, body: bytes) -> bytes:
    model = exchange.attempt.model if exchange.attempt else None
    return msgspec.msgpack.encode(
        KeptAnswer(
            body=body if len(body) <= MAX_KEPT_BYTES else None,
            is_stream=bool(exchange.request and exchange.request.is_stream),
            provider=model.provider.name if model else "",
            model=model.name if model else "",
        )
    )


def kept_answer(data: bytes) -> KeptAnswer:
    """The answer that `settle_answer` or `settle_stream` kept."""
    return _kept_decoder.decode(data)
