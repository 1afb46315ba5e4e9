"""The end of every request: release what was held, and record what was used and what it cost. One atomic step, run once.

Whichever way a request ends (answered, refused, the provider failing, the client leaving mid-stream, this process being told to stop),
exactly one of these calls ends it.
"""

from __future__ import annotations

import logging
import time

import msgspec

from billing import prices
from gateway import tokens
from gateway.errors import GatewayError, StoreUnavailable, UpstreamError
from gateway.pipeline import observability
from gateway.pipeline.exchange import Exchange
from gateway.providers.relay import Relay
from gateway.stores import usage_record
from gateway.stores.redis import RedisStore, Script
from gateway.stores.usage_record import UsageRecord
from gateway.types import Request, Usage
from tenants import redis_keys

logger = logging.getLogger(__name__)
_SETTLE = Script("settle")
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


async def settle_answer(
    exchange: Exchange, redis: RedisStore, *, usage: Usage | None, finish_reason: str
) -> int | None:
    """End an answered request; returns its cost in nano-dollars, None if the model has no price."""
    if usage is None and exchange.request is not None:
        usage, source = _estimate(exchange.request, produced_bytes=0, deltas=0), "estimated"
    else:
        source = "reported"
    return await _settle(
        exchange, redis, status=200, outcome=OK, usage=usage or _NOTHING, source=source, finish_reason=finish_reason
    )


async def settle_error(exchange: Exchange, redis: RedisStore, error: GatewayError) -> None:
    """End a request that got no answer."""
    outcome = (
        UPSTREAM_ERROR
        if isinstance(error, UpstreamError)
        else REFUSED
        if error.status < 500 or isinstance(error, StoreUnavailable)
        else INTERNAL_ERROR
    )
    await _settle(exchange, redis, status=error.status, outcome=outcome, usage=_NOTHING, source="none", error=error)


async def settle_stream(
    exchange: Exchange, redis: RedisStore, relay: Relay, *, outcome: str, error: GatewayError | None = None
) -> int | None:
    """End a stream, whichever way it ended. What the provider has not reported is estimated from what it produced."""
    usage, source = relay.usage, "reported"
    if not relay.is_complete or usage is None:
        assert exchange.request is not None
        estimate = _estimate(exchange.request, produced_bytes=relay.produced_bytes, deltas=relay.deltas)
        source = "estimated"
        usage = estimate if usage is None else _at_least(usage, estimate.output_tokens)
    status = CLIENT_CLOSED_REQUEST if outcome == CLIENT_LEFT else 200
    return await _settle(
        exchange,
        redis,
        status=status,
        outcome=outcome,
        usage=usage,
        source=source,
        finish_reason=relay.finish_reason,
        error=error,
    )


async def _settle(
    exchange: Exchange,
    redis: RedisStore,
    *,
    status: int,
    outcome: str,
    usage: Usage,
    source: str,
    finish_reason: str = "",
    error: GatewayError | None = None,
) -> int | None:
    if exchange.is_settled:
        return None
    exchange.is_settled = True
    price = exchange.attempt.model.price if exchange.attempt else None
    cost = prices.cost_nanousd(price, usage) if price is not None else None
    record = _record(exchange, status, outcome, usage, source, finish_reason, error, cost)
    observability.count(record)
    tenant_id = exchange.snapshot.tenant_id
    try:
        await redis.run(
            _SETTLE,
            [redis_keys.usage_stream(tenant_id), redis_keys.key_concurrency(tenant_id, exchange.key.id)],
            [exchange.request_id.hex, usage_record.encode(record)],
        )
    except StoreUnavailable:
        observability.UNSETTLED.inc()
        logger.error("%s could not be settled: %s", exchange.public_id, record)
    return cost


def _record(
    exchange: Exchange,
    status: int,
    outcome: str,
    usage: Usage,
    source: str,
    finish_reason: str,
    error: GatewayError | None,
    cost: int | None,
) -> UsageRecord:
    request, model = exchange.request, exchange.attempt.model if exchange.attempt else None
    first = exchange.first_token_ns
    return UsageRecord(
        id=exchange.record_id,
        request_id=exchange.request_id,
        attempt=exchange.attempts_made,
        accepted_ms=exchange.accepted_ms,
        tenant_id=exchange.snapshot.tenant_id,
        api_key_id=exchange.key.id,
        endpoint=exchange.endpoint.value,
        end_user=request.labels.end_user if request else "",
        task=exchange.plan.task if exchange.plan else "",
        feature=request.labels.feature if request else "",
        tags=request.labels.tags if request else (),
        model_asked=_clean(request.model_asked, 120) if request else "",
        model_served=model.name if model else "",
        provider=model.provider.name if model else "",
        is_stream=request.is_stream if request else False,
        status=status,
        outcome=outcome,
        error_type=_clean(error.code, 64) if error else "",
        error_message=_clean(error.message, 500) if error else "",
        finish_reason=_clean(finish_reason, 40),
        cache="bypass" if model else "",
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_5m_tokens=usage.cache_write_5m_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        usage_source=source,
        cost_nanousd=cost or 0,
        is_priced=cost is not None or source == "none",
        latency_ms=(time.perf_counter_ns() - exchange.started_ns) / 1e6,
        ttft_ms=(first - exchange.started_ns) / 1e6 if first else None,
        steps_us=exchange.steps_us,
    )


def _estimate(request: Request, *, produced_bytes: int, deltas: int) -> Usage:
    """Tokens by size: each delta is at least one token."""
    return Usage(
        input_tokens=tokens.of_request(request.body),
        output_tokens=max(deltas, tokens.estimate(produced_bytes)),
    )


def _at_least(usage: Usage, output_tokens: int) -> Usage:
    return msgspec.structs.replace(usage, output_tokens=max(usage.output_tokens, output_tokens))


def _clean(text: str, limit: int) -> str:
    """As PostgreSQL can store it: no NUL, not too long."""
    return text.replace("\x00", "�")[:limit]
