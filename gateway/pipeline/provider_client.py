"""Walks a plan: calls one model after the other until one answers. Knows timeouts, retries, circuit breakers and the chain's order.

Once the caller has had a byte nothing is tried again. Where no model can answer, the error says what was tried.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container, Sequence
from typing import TypeVar

from gateway.errors import (
    AllModelsFailed,
    ContentRefused,
    ContextOverflow,
    GatewayError,
    InvalidRequest,
    NotGoodEnough,
    RateLimited,
    StoreUnavailable,
    UpstreamError,
    UpstreamRejected,
)
from gateway.pipeline import calls, cascade, top_up
from gateway.pipeline.calls import OpenedStream
from gateway.pipeline.exchange import Exchange
from gateway.pipeline.observability import BREAKER_SKIPS, FALLBACKS, RETRIES
from gateway.resilience import retries
from gateway.resilience.breakers import Permit
from gateway.runtime import Runtime
from gateway.types import Attempt, Plan, ProviderAnswer, Request

T = TypeVar("T")
Call = Callable[[Attempt, Permit], Awaitable[T]]
NO_ROOM = "its budget is used up"
BREAKER_OPEN = "its circuit breaker is open"
NO_LARGER = "its context window is no larger"


async def ask(exchange: Exchange, request: Request, plan: Plan, runtime: Runtime) -> ProviderAnswer:
    """A whole answer. Raises `UpstreamError`, or `InvalidRequest` for what cannot be said in the only model's format."""
    kept: dict[int, ProviderAnswer] = {}  # by attempt; given all the same if nobody has a better one

    async def call(attempt: Attempt, permit: Permit) -> ProviderAnswer:
        if top_up.is_needed(exchange, plan):
            await top_up.reserve(exchange, request, plan, runtime)
        answer = await calls.whole(exchange, request, plan, attempt, permit, runtime.transport)
        permit.went_well()
        error: UpstreamError | None = None
        if plan.escapes_refusals and answer.finish_reason in calls.REFUSED:
            error = _refused(attempt)
        elif _is_judged(plan, attempt) and not await _is_good(exchange, request, plan, answer.body, runtime):
            error = NotGoodEnough(exchange.cascade)
        if error is None:
            return answer
        kept[exchange.attempts_made] = answer
        error.usage, error.is_reported = answer.usage, answer.usage is not None
        error.finish_reason = answer.finish_reason
        raise error

    try:
        return await _walk(exchange, attempts_of(exchange, plan), plan, runtime, call)
    except (UpstreamError, RateLimited, StoreUnavailable) as error:
        number = _to_make_do_with(exchange, error, kept)
        if number is None:
            raise
        return kept[number]


async def open_stream(exchange: Exchange, request: Request, plan: Plan, runtime: Runtime) -> OpenedStream:
    """A stream whose first token has come. Raises as `ask`. Whoever reads it ends its permit.

    A cascade's first answer is read to its end and judged before the caller gets any of it.
    """

    kept: dict[int, OpenedStream] = {}

    async def call(attempt: Attempt, permit: Permit) -> OpenedStream:
        if top_up.is_needed(exchange, plan):
            await top_up.reserve(exchange, request, plan, runtime)
        opened = await calls.open_stream(exchange, request, plan, attempt, permit, runtime.transport)
        refuses = plan.escapes_refusals and opened.relay.finish_reason in calls.REFUSED
        if not refuses and not _is_judged(plan, attempt):
            return opened
        error: UpstreamError
        try:
            await calls.read_whole(exchange, opened)
            if refuses:
                error = _refused(attempt)
            elif await _is_good(exchange, request, plan, b"".join(opened.out), runtime):
                return opened
            else:
                error = NotGoodEnough(exchange.cascade)
        except BaseException:
            opened.upstream.close()
            raise
        permit.went_well()
        kept[exchange.attempts_made] = opened
        relay = opened.relay
        error.usage, error.is_reported, error.finish_reason = relay.usage, relay.usage is not None, relay.finish_reason
        raise error

    try:
        return await _walk(exchange, attempts_of(exchange, plan), plan, runtime, call)
    except (UpstreamError, RateLimited, StoreUnavailable) as error:
        number = _to_make_do_with(exchange, error, kept)
        if number is None:
            raise
        return kept[number]


def _refused(attempt: Attempt) -> ContentRefused:
    return ContentRefused(f"{attempt.model.name} refused for its content policy.", provider_status=200)


def _is_judged(plan: Plan, attempt: Attempt) -> bool:
    return plan.cascade is not None and attempt is plan.attempts[0] and len(plan.attempts) > 1


async def _is_good(exchange: Exchange, request: Request, plan: Plan, body: bytes, runtime: Runtime) -> bool:
    assert plan.cascade is not None
    verdict = await cascade.judge(exchange, request, plan.cascade, body, runtime)
    probability = "" if verdict.probability is None else f" p={verdict.probability:.2f}"
    reasons = f" ({', '.join(verdict.reasons)})" if verdict.reasons else ""
    exchange.cascade = f"{'accepted' if verdict.is_accepted else 'escalated'}{probability}{reasons}"
    exchange.lap("judge")
    return verdict.is_accepted


def _to_make_do_with(exchange: Exchange, error: GatewayError, kept: Container[int]) -> int | None:
    """The attempt whose answer, refused or not good enough, is given all the same, as nobody has a better one; None if there is none."""
    if isinstance(error, ContentRefused | NotGoodEnough) and exchange.attempts_made in kept:
        return exchange.attempts_made
    if isinstance(error, UpstreamError) and not error.may_fall_back:
        return None
    first = next((item for item in exchange.ended if item.number in kept), None)
    if first is None:
        return None
    if isinstance(error, UpstreamError) and exchange.ended[-1].number != exchange.attempts_made:
        last = error.__cause__ if isinstance(error.__cause__, UpstreamError) else error
        exchange.end_attempt(last, usage=last.usage, is_reported=last.is_reported)
    exchange.settled_for = first.attempt  # its call has been charged already
    return first.number


def attempts_of(exchange: Exchange, plan: Plan) -> list[Attempt]:
    """The plan's attempts whose models' own budgets have room."""
    if not exchange.left_out:
        return list(plan.attempts)
    left = []
    for place, attempt in enumerate(plan.attempts, 1):
        if place in exchange.left_out:
            exchange.skipped.append((attempt.model.name, NO_ROOM))
        else:
            left.append(attempt)
    return left


async def _walk(exchange: Exchange, attempts: Sequence[Attempt], plan: Plan, runtime: Runtime, call: Call[T]) -> T:
    least_window = 0
    too_long: ContextOverflow | None = None
    for place, attempt in enumerate(attempts):
        others = attempts[place + 1 :]
        if least_window and (attempt.model.context_window or least_window + 1) <= least_window:
            exchange.skipped.append((attempt.model.name, NO_LARGER))
            continue
        try:
            answer = await _try(exchange, attempt, runtime, call, has_fallback=bool(others))
        except ContextOverflow as error:
            least_window = attempt.model.context_window or 0
            if not others:
                raise
            too_long = error
            _go_on(exchange, attempt, error)
        except UpstreamRejected as error:
            if not others or not (plan.escapes_refusals and isinstance(error, ContentRefused)):
                raise
            _go_on(exchange, attempt, error)
        except UpstreamError as error:
            if not error.may_fall_back or (isinstance(error, NotGoodEnough) and not others):
                raise
            if not others:
                raise _nobody(exchange, error) from error
            _go_on(exchange, attempt, error)
        except InvalidRequest as error:
            if not exchange.attempts_made and not others and not exchange.skipped:
                raise
            exchange.skipped.append((attempt.model.name, error.message))
        else:
            if answer is not None:
                return answer
            exchange.skipped.append((attempt.model.name, BREAKER_OPEN))
            BREAKER_SKIPS.labels(attempt.model.provider.name, attempt.model.name).inc()
    if too_long is not None and _is_all_too_long(exchange):
        raise too_long  # waiting makes no window larger
    raise _nobody(exchange, None, wait_seconds=_least_wait(attempts, runtime))


def _go_on(exchange: Exchange, attempt: Attempt, error: UpstreamError) -> None:
    if isinstance(error, NotGoodEnough):
        exchange.end_attempt(usage=error.usage, is_reported=error.is_reported, finish_reason=error.finish_reason)
        return
    exchange.end_attempt(error, usage=error.usage, is_reported=error.is_reported, finish_reason=error.finish_reason)
    FALLBACKS.labels(attempt.model.provider.name, attempt.model.name, error.code).inc()


def _is_all_too_long(exchange: Exchange) -> bool:
    return all(isinstance(item.error, ContextOverflow) for item in exchange.ended) and all(
        reason == NO_LARGER for _, reason in exchange.skipped
    )


async def _try(
    exchange: Exchange, attempt: Attempt, runtime: Runtime, call: Call[T], *, has_fallback: bool
) -> T | None:
    """One model, with retries; None while its circuit breaker is open."""
    provider = attempt.model.provider
    runtime.retry_budget.earn(provider.id)
    made = 0
    while True:
        permit = await runtime.breakers.permit(attempt.model)
        if permit is None:
            return None
        try:
            return await call(attempt, permit)
        except UpstreamRejected:
            permit.is_unknown()
            raise
        except UpstreamError as error:
            permit.went_badly()
            pause = retries.pause_seconds(error, made, has_fallback=has_fallback)
            if pause is None or not runtime.retry_budget.take(provider.id):
                raise
            exchange.end_attempt(error, usage=error.usage, is_reported=error.is_reported)
            RETRIES.labels(provider.name, attempt.model.name).inc()
            made += 1
        except BaseException:
            permit.is_unknown()
            raise
        await asyncio.sleep(pause)
        exchange.lap("pause")


def _least_wait(attempts: Sequence[Attempt], runtime: Runtime) -> float:
    return min((runtime.breakers.wait_seconds(attempt.model) for attempt in attempts), default=1.0)


def _nobody(exchange: Exchange, last: UpstreamError | None, *, wait_seconds: float = 1.0) -> GatewayError:
    """A single model's own error, or one that lists what was tried."""
    models = {item.attempt.model.name for item in exchange.ended}
    if (
        last is not None
        and exchange.attempt is not None
        and not models - {exchange.attempt.model.name}
        and not exchange.skipped
    ):
        return last
    reasons = {item.attempt.model.name: item.error.code for item in exchange.ended if item.error is not None}
    if last is not None and exchange.attempt is not None:
        reasons[exchange.attempt.model.name] = last.code
    reasons |= dict(exchange.skipped)
    words = "; ".join(f"{model}: {reason}" for model, reason in reasons.items())
    error = AllModelsFailed(
        f"No model could answer ({words}). Try again in a moment.",
        retry_after_seconds=max(1.0, min(wait_seconds, 30.0)),
        detail={"models": reasons},
    )
    if last is not None:
        error.usage, error.is_reported = last.usage, last.is_reported
    return error
