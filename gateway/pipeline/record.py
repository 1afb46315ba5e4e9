"""What stands in the request log about an attempt: made from the exchange, at its end or, provisionally, when it is let in.

Of a request's attempts the last one is final and tells how the request ended. It has number 0 if no provider gave the answer.
"""

from __future__ import annotations

import time

from billing import prices
from gateway.errors import GatewayError
from gateway.pipeline.exchange import BYPASS, STALE, Ended, Exchange
from gateway.stores import usage_record
from gateway.stores.usage_record import Trail, UsageRecord
from gateway.types import Model, Usage

ABANDONED, ESCALATED = "abandoned", "escalated"
_NOTHING = Usage()


def record(
    exchange: Exchange,
    *,
    status: int,
    outcome: str,
    usage: Usage = _NOTHING,
    source: str = usage_record.NONE,
    finish_reason: str = "",
    cache: str = "",
    error: GatewayError | None = None,
    cost: int | None = None,
) -> UsageRecord:
    """The final record. Its attempt is 0 if no provider was called, or none could answer and an earlier answer was given; 1 if a cache
    answered in a provider's place, for that counts as a request.

    `cost` None: it is not known.
    """
    model = exchange.attempt.model if exchange.attempt else None
    attempt = exchange.attempts_made
    if is_from_cache(exchange):
        model, attempt = None, 1
    if exchange.ended and exchange.ended[-1].number == attempt:
        model, attempt = exchange.settled_for.model if exchange.settled_for else None, 0
    first = exchange.first_token_ns
    return _record(
        exchange,
        attempt=attempt,
        model=model,
        status=status,
        outcome=outcome,
        usage=usage,
        source=source,
        finish_reason=_clean(finish_reason, 40),
        cache=cache or (exchange.cache if model or exchange.cached or exchange.control.only_if_cached else ""),
        error_type=_clean(error.code, 64) if error else "",
        error_message=_clean(error.message, 500) if error else "",
        refused_by=_clean(error.source, 80) if error else "",
        cost=cost,
        latency_ms=(time.perf_counter_ns() - exchange.started_ns) / 1e6,
        ttft_ms=(first - exchange.started_ns) / 1e6 if first else None,
        trail=_trail(exchange, model, usage),
    )


def is_from_cache(exchange: Exchange) -> bool:
    """Whether a cache answered in a provider's place."""
    return exchange.cached is not None and exchange.cached.status != STALE


def of_ended(exchange: Exchange, item: Ended, *, cost: int | None) -> UsageRecord:
    """The record of an attempt before the final one."""
    error = item.error
    usage = item.usage
    source = (
        usage_record.NONE if usage is None else usage_record.REPORTED if item.is_reported else usage_record.ESTIMATED
    )
    return _record(
        exchange,
        attempt=item.number,
        model=item.attempt.model,
        status=error.status if error else 200,
        outcome="upstream_error" if error else ESCALATED,
        usage=usage or _NOTHING,
        source=source,
        finish_reason=_clean(item.finish_reason, 40),
        cache=exchange.cache or BYPASS,
        error_type=_clean(error.code, 64) if error else "",
        error_message=_clean(error.message, 500) if error else "",
        cost=cost,
        latency_ms=item.latency_ms,
        steps_us=item.steps_us,
        is_final=False,
        trail=Trail(_rates(item.attempt.model, usage or _NOTHING), item.attempt.reason),
    )


def provisional(exchange: Exchange, *, attempt: int = 1) -> bytes:
    """What is recorded if this process dies before the request ends; the sweeper puts in the amounts that were held."""
    request, plan, key = exchange.request, exchange.plan, exchange.key
    assert request is not None  # only what has been planned is let in
    assert plan is not None
    labels, model, context = request.labels, plan.attempts[0].model, exchange.context
    answered_by = exchange.cached if is_from_cache(exchange) else None
    return usage_record.encode(
        UsageRecord(
            id=exchange.id_of_attempt(attempt),
            request_id=exchange.request_id,
            attempt=attempt,
            accepted_ms=exchange.accepted_ms,
            tenant_id=exchange.snapshot.tenant_id,
            api_key_id=key.id,
            endpoint=exchange.endpoint.logged,
            end_user=labels.end_user,
            task=plan.task,
            feature=labels.feature,
            tags=labels.tags,
            model_asked=_clean(request.model_asked, 120),
            model_served=answered_by.model if answered_by else model.name,
            provider=answered_by.provider if answered_by else model.provider.name,
            is_stream=request.is_stream,
            status=500,
            outcome=ABANDONED,
            input_tokens=exchange.input_bound,
            usage_source=usage_record.HELD,
            steps_us=exchange.steps_us,
            tier=exchange.tier,
            output_cap=exchange.output_cap,
            opens_model=answered_by is None and _opens(exchange, attempt, model),
            context_tokens_before=context.tokens_before if context else None,
            context_tokens_after=context.tokens_after if context else None,
            secret_prefix=key.prefix,
        )
    )


def _record(
    exchange: Exchange,
    *,
    attempt: int,
    model: Model | None,
    status: int,
    outcome: str,
    usage: Usage,
    source: str,
    cost: int | None,
    finish_reason: str = "",
    cache: str = "",
    error_type: str = "",
    error_message: str = "",
    refused_by: str = "",
    latency_ms: float = 0.0,
    ttft_ms: float | None = None,
    steps_us: dict[str, int] | None = None,
    is_final: bool = True,
    trail: Trail | None = None,
) -> UsageRecord:
    request = exchange.request
    price = model.price if model else None
    cached = exchange.cached if is_final else None
    answered_by = cached if is_from_cache(exchange) else None
    return UsageRecord(
        id=exchange.id_of_attempt(attempt),
        request_id=exchange.request_id,
        attempt=attempt,
        accepted_ms=exchange.accepted_ms,
        tenant_id=exchange.snapshot.tenant_id,
        api_key_id=exchange.key.id,
        endpoint=exchange.endpoint.logged,
        end_user=request.labels.end_user if request else "",
        task=exchange.plan.task if exchange.plan else "",
        feature=request.labels.feature if request else "",
        tags=request.labels.tags if request else (),
        model_asked=_clean(request.model_asked, 120) if request else "",
        model_served=answered_by.model if answered_by else model.name if model else "",
        provider=answered_by.provider if answered_by else model.provider.name if model else "",
        is_stream=request.is_stream if request else False,
        status=status,
        outcome=outcome,
        error_type=error_type,
        error_message=error_message,
        finish_reason=finish_reason,
        cache=cache,
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_5m_tokens=usage.cache_write_5m_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        usage_source=source,
        cost_nanousd=cost or 0,
        is_priced=cost is not None or source == usage_record.NONE,
        latency_ms=latency_ms,
        ttft_ms=ttft_ms,
        steps_us=exchange.steps_us if steps_us is None else steps_us,
        tier=exchange.tier,
        refused_by=refused_by,
        output_cap=exchange.output_cap,
        is_final=is_final,
        opens_model=answered_by is None and _opens(exchange, attempt, model),
        context_tokens_before=exchange.context.tokens_before if exchange.context else None,
        context_tokens_after=exchange.context.tokens_after if exchange.context else None,
        prefix_saved_nanousd=prices.cache_saved_nanousd(price, usage) if price is not None else 0,
        cache_reason=_clean(exchange.cache_reason, 200) if cache else "",
        saved_nanousd=cached.saved_nanousd if cached else None,
        cache_age_ms=cached.age_ms if cached else None,
        cache_similarity=cached.similarity if cached else None,
        secret_prefix=exchange.key.prefix,
        trail=trail,
    )


def _trail(exchange: Exchange, model: Model | None, usage: Usage) -> Trail:
    plan, attempt = exchange.plan, exchange.attempt
    return Trail(
        _rates(model, usage),
        attempt.reason if attempt is not None and model is not None else "",
        plan.rule if plan is not None else "",
        plan.strategy if plan is not None else "",
        tuple(exchange.skipped),
        tuple((item.model, item.reason) for item in plan.dropped) if plan is not None and plan.dropped else (),
        exchange.cascade,
        exchange.lowered_by,
        exchange.cheaper.budget if exchange.cheaper is not None else "",
        exchange.held_nanousd,
        exchange.snapshot.version,
        exchange.traceparent,
    )


def _rates(model: Model | None, usage: Usage) -> tuple[int, ...]:
    """Picodollars per token, as `prices.cost_nanousd` multiplies."""
    if model is None or model.price is None:
        return ()
    price = model.price
    rates = price.rates_for(usage.input_tokens) if price.tiers else price.base
    return rates.input, rates.cache_read, rates.cache_write_5m, rates.cache_write_1h, rates.output


def _opens(exchange: Exchange, attempt: int, model: Model | None) -> bool:
    """Whether it is the request's first call of that model."""
    return not exchange.ended or all(
        item.attempt.model is not model for item in exchange.ended if item.number < attempt
    )


def _clean(text: str, limit: int) -> str:
    """As PostgreSQL can store it: no NUL, not too long."""
    if not text:
        return ""
    return text.replace("\x00", "�")[:limit]
