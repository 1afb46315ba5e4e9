"""A request's way, in order. This file alone knows the order; each step is a module of this folder."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

import msgspec

from gateway.errors import (
    BudgetSpent,
    Conflict,
    GatewayError,
    InternalError,
    InvalidRequest,
    NotCached,
    NotFound,
    PermissionDenied,
    RateLimited,
    UpstreamError,
)
from gateway.pipeline import (
    cached_only,
    context_optimizer,
    context_summary,
    credentials,
    exact_cache,
    judge_keeping,
    kept_answers,
    last_resort,
    prefix_cache,
    provider_client,
    refusals,
    reservation,
    router,
    semantic_cache,
    semantic_keeping,
    settlement,
    signals,
    unpriced,
    validator,
)
from gateway.pipeline.exchange import Cached, Exchange
from gateway.pipeline.response_processor import AnswerStream
from gateway.runtime import Runtime
from gateway.types import Plan, ProviderAnswer, Request

logger = logging.getLogger(__name__)
MAX_REPLANS = 5


class Answer(msgspec.Struct, frozen=True):
    """A whole answer. `cost_nanousd` None: the model has no price. `settled`: its settlement, which is on its way; to be awaited once the
    answer has been sent, and in any case. None: it has been settled."""

    body: bytes
    cost_nanousd: int | None
    settled: Awaitable[None] | None


class Repeat(msgspec.Struct, frozen=True):
    """An answer that was given before: to the first request under the same idempotency key, or out of a cache (`exchange.cached`). It costs
    nothing itself."""

    body: bytes
    is_stream: bool
    provider: str
    model: str
    settled: Awaitable[None] | None = None  # as an answer's


async def run(
    exchange: Exchange, content: bytes, headers: dict[str, str], runtime: Runtime
) -> Answer | AnswerStream | Repeat:
    """Answer the request, or raise a `GatewayError`. Either way it is settled, but for a stream: its `close` settles it."""
    answer = await begin(exchange, content, headers, runtime)
    if not isinstance(answer, AnswerStream) and answer.settled is not None:
        await answer.settled
    return answer


async def begin(
    exchange: Exchange, content: bytes, headers: dict[str, str], runtime: Runtime
) -> Answer | AnswerStream | Repeat:
    """As `run`, for a caller who is not to wait for the end: what is left of it is the answer's `settled`."""
    accounts = runtime.accounts
    try:
        request = exchange.request = validator.validate(exchange.endpoint, content, headers)
        if runtime.refuses_unpriced:
            unpriced.refuse(request)
        validator.identify(exchange, content, headers)
        exchange.lap("validate")
        try:
            plan, request = await _admit(exchange, request, runtime)
        except (NotCached, BudgetSpent) as refused:
            plan, request = await cached_only.admit(exchange, refused, runtime, content)
        if exchange.cached is None:  # the exact cache is asked while reserving
            await semantic_cache.ask(exchange, request, plan, runtime, content)
        found = exchange.cached
        if found is not None:
            settling = settlement.start_cached(exchange, accounts)
            if exchange.semantic_hit is not None:
                await asyncio.gather(settling.done, semantic_cache.note(exchange, runtime))
            elif settling.is_sent:
                return _cached(found, request, settling.done)
            else:
                await settling.done
            return _cached(found, request)
        context_summary.start(exchange, runtime, run)
        try:
            if request.is_stream:
                return await _stream(exchange, request, plan, runtime)
            answer: ProviderAnswer = await provider_client.ask(exchange, request, plan, runtime)
        except UpstreamError as error:
            earlier = await last_resort.find(exchange, request, plan, runtime) if error.may_fall_back else None
            if earlier is None:
                raise
            await settlement.settle_replayed(exchange, accounts, error)
            return _cached(earlier, request)
    except reservation.Repeated as repeated:
        await settlement.settle_repeat(exchange, accounts)
        return _repeat(repeated.answer)
    except GatewayError as error:
        await settlement.settle_error(exchange, accounts, error)
        raise
    except asyncio.CancelledError:
        stopped = InternalError("The gateway was stopped before the answer came.")
        await asyncio.shield(settlement.settle_error(exchange, accounts, stopped))
        raise
    except Exception as error:
        failure: GatewayError | None = validator.fault_of(content, error)
        if failure is None:
            logger.exception("%s failed", exchange.public_id)
            failure = InternalError("Tollgate failed. The log has it under the request id.")
        await settlement.settle_error(exchange, accounts, failure)
        raise failure from error
    signals.note_turn(exchange, runtime, answer.usage.input_tokens if answer.usage else 0)
    settling = settlement.start_answer(
        exchange, accounts, usage=answer.usage, finish_reason=answer.finish_reason, body=answer.body
    )
    if semantic_keeping.is_kept(exchange):
        await asyncio.gather(settling.done, semantic_keeping.keep(exchange, runtime))
    elif settling.is_sent:
        judge_keeping.keep(exchange, runtime)
        return Answer(answer.body, settling.cost_nanousd, settling.done)
    else:
        await settling.done
    judge_keeping.keep(exchange, runtime)
    return Answer(answer.body, settling.cost_nanousd, None)


async def _admit(exchange: Exchange, validated: Request, runtime: Runtime) -> tuple[Plan, Request]:
    """The plan, and the request as it goes on. Made and reserved again from the start whenever the configuration turns out to have
    changed, or a budget calls for another plan."""
    request = validated
    for _ in range(MAX_REPLANS):
        refused: GatewayError | None = None
        policy = context_optimizer.policy_of(exchange, validated)
        if policy != exchange.context_policy:
            request = exchange.request = await context_optimizer.optimise(exchange, validated, policy, runtime)
            exchange.lap("context")
        try:
            plan = exchange.plan = router.plan(
                request, exchange.snapshot, exchange.key, signals.of(exchange, request, runtime)
            )
            exchange.lap("route")
            prefix_cache.decide(exchange, request, plan, runtime)
            exact_cache.consider(exchange, request, plan, runtime)
            await reservation.reserve(exchange, request, plan, runtime)
            exchange.lap("reserve")
            return plan, request
        except reservation.Degraded:
            exchange.lap("reserve")
            continue
        except reservation.StaleSnapshot:
            pass
        except RateLimited:
            raise  # reservation compares versions itself
        except (InvalidRequest, NotFound, NotCached, PermissionDenied) as error:
            refused = error
        if refused is not None and await runtime.snapshots.is_current(exchange.snapshot):
            # Had the snapshot been old, what it lacks might have been made a moment ago.
            try:
                raise refused
            finally:
                refused = None  # else it and this frame would keep each other, and the snapshot, until the garbage collector comes by
        digest = exchange.secret_sha256
        scope = exchange.endpoint.scope
        exchange.snapshot = await credentials.renewed(exchange.snapshot, digest, scope, runtime.snapshots)
        exchange.key = exchange.snapshot.keys[digest]
        exchange.lap("reserve")
    raise refusals.too_many_changes()


async def _stream(exchange: Exchange, request: Request, plan: Plan, runtime: Runtime) -> AnswerStream:
    opened = await provider_client.open_stream(exchange, request, plan, runtime)
    return AnswerStream(exchange, opened, runtime)


def _cached(found: Cached, request: Request, settled: Awaitable[None] | None = None) -> Repeat:
    return Repeat(found.body, request.is_stream, found.provider, found.model, settled)


def _repeat(data: bytes) -> Repeat:
    kept = kept_answers.unpack(data)
    if kept.body is None:
        raise Conflict(
            "The request with this Idempotency-Key was answered, but its answer was too large to keep.",
            code="idempotency_answer_not_kept",
            may_retry=False,
        )
    return Repeat(kept.body, kept.is_stream, kept.provider, kept.model)
