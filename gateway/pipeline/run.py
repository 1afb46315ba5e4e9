"""A request's way, in order. This file alone knows the order; each step is a module of this folder."""

from __future__ import annotations

import asyncio
import logging
from typing import NamedTuple

from gateway.errors import GatewayError, InternalError
from gateway.pipeline import credentials, provider_client, reservation, router, settlement, validator
from gateway.pipeline.exchange import Exchange
from gateway.pipeline.response_processor import AnswerStream
from gateway.runtime import Runtime
from gateway.types import Plan, ProviderAnswer, Request

logger = logging.getLogger(__name__)
MAX_REPLANS = 3


class Answer(NamedTuple):
    """A whole answer. `cost_nanousd` None: the model has no price."""

    body: bytes
    cost_nanousd: int | None


async def run(exchange: Exchange, content: bytes, headers: dict[str, str], runtime: Runtime) -> Answer | AnswerStream:
    """Answer the request, or raise a `GatewayError`. Either way it is settled, but for a stream: its `close` settles it."""
    try:
        request = exchange.request = validator.validate(exchange.endpoint, content, headers)
        exchange.lap("validate")
        plan = await _admit(exchange, request, runtime)
        if request.is_stream:
            return await _stream(exchange, request, plan, runtime)
        answer: ProviderAnswer = await provider_client.ask(exchange, request, plan, runtime.transport)
    except GatewayError as error:
        await settlement.settle_error(exchange, runtime.redis, error)
        raise
    except asyncio.CancelledError:
        stopped = InternalError("The gateway was stopped before the answer came.")
        await asyncio.shield(settlement.settle_error(exchange, runtime.redis, stopped))
        raise
    except Exception as error:
        logger.exception("%s failed", exchange.public_id)
        failure = InternalError("Tollgate failed. The log has it under the request id.")
        await settlement.settle_error(exchange, runtime.redis, failure)
        raise failure from error
    cost = await settlement.settle_answer(
        exchange, runtime.redis, usage=answer.usage, finish_reason=answer.finish_reason
    )
    return Answer(answer.body, cost)


async def _admit(exchange: Exchange, request: Request, runtime: Runtime) -> Plan:
    """Plan and reserve, again from the start whenever the configuration turns out to have changed."""
    for _ in range(MAX_REPLANS):
        refused: GatewayError | None = None
        try:
            plan = exchange.plan = router.plan(request, exchange.snapshot, exchange.key)
        except GatewayError as error:
            # The snapshot may just be old: what it lacks may have been made a moment ago.
            if await runtime.snapshots.is_current(exchange.snapshot):
                raise
            refused = error
        exchange.lap("route")
        if refused is None:
            try:
                await reservation.reserve(exchange, runtime.redis, lease_ms=runtime.lease_ms)
                exchange.lap("reserve")
                return plan
            except reservation.StaleSnapshot:
                pass
        digest = exchange.secret_sha256
        scope = exchange.endpoint.scope
        exchange.snapshot = await credentials.renewed(exchange.snapshot, digest, scope, runtime.snapshots)
        exchange.key = exchange.snapshot.keys[digest]
        exchange.lap("reserve")
    raise reservation.too_many_changes()


async def _stream(exchange: Exchange, request: Request, plan: Plan, runtime: Runtime) -> AnswerStream:
    upstream = await provider_client.open_stream(exchange, request, plan, runtime.transport)
    model = plan.attempts[0].model
    relay = provider_client.provider_module(model.provider.kind).relay(request, model)
    return AnswerStream(exchange, upstream, relay, runtime.redis)
