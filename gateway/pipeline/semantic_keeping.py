"""Which answers are handed over to be given again to questions that mean the same, or to stand in where no model can answer.

One entry serves both: in its scope it is given while it is fresh, in its kin (`last_resort`) it stands in. A worker writes it.
"""

from __future__ import annotations

from gateway.caching import policy
from gateway.caching.semantic import MOST_BODY_BYTES, Given
from gateway.pipeline import cache_keeping, judge_keeping, last_resort
from gateway.pipeline.exchange import Ending, Exchange
from gateway.runtime import Runtime
from gateway.stores import semantic as store
from gateway.types import Request

STANDS_IN_SECONDS = 30 * 86_400


def is_kept(exchange: Exchange) -> bool:
    """Whether the answer to come may be handed over."""
    return _has_scope(exchange) or last_resort.is_kept(exchange)


def assemble(exchange: Exchange) -> None:
    """Have the request's stream put together as it passes by, if any cache may keep it, or a judge is to see it."""
    is_wanted = is_kept(exchange) or judge_keeping.is_kept(exchange)
    cache_keeping.assemble(exchange, also_up_to=MOST_BODY_BYTES if is_wanted else 0)


async def keep(exchange: Exchange, runtime: Runtime) -> None:
    """Hand the answer of a settled request over. Never raises: an answer that is not kept is no failure."""
    ending, request, plan, attempt = exchange.ending, exchange.request, exchange.plan, exchange.attempt
    if ending is None or ending.body is None or ending.failed or request is None or plan is None or attempt is None:
        return
    meaning = exchange.meaning
    scope = meaning.scope if meaning is not None and _is_kept_in_scope(exchange, request, ending) else b""
    kin = last_resort.kin(exchange, runtime) if last_resort.is_kept(exchange) else b""
    if not scope and not kin:
        return
    rules = meaning.policy if scope and meaning is not None else None
    vector = meaning.vector if meaning is not None else None
    given = Given(
        scope=scope or kin,
        kin=kin,
        task=plan.task,
        question=meaning.question if rules is not None and meaning is not None else last_resort.text_of(request),
        surface=request.endpoint.surface.value,
        is_stream=False,
        model=attempt.model.name,
        provider=attempt.model.provider.name,
        body=ending.body,
        at_ms=exchange.accepted_ms,
        request_id=exchange.request_id.bytes,
        fresh_seconds=rules.semantic_max_age_seconds if rules is not None else 0,
        stale_seconds=max(rules.stale_seconds if rules is not None else 0, STANDS_IN_SECONDS if kin else 0),
        embedder=runtime.embedder.name,
        vector=store.as_bytes(vector) if vector is not None else b"",
        input_tokens=ending.usage.input_tokens,
        output_tokens=ending.usage.output_tokens,
        cost_nanousd=ending.cost_nanousd,
        model_asked=request.model_asked,
        key_id=str(exchange.key.id),
        end_user=request.labels.end_user,
        tags=request.labels.tags,
    )
    await runtime.semantic.give(exchange.snapshot.tenant_id, given)


def _has_scope(exchange: Exchange) -> bool:
    return exchange.meaning is not None and exchange.meaning.keeps


def _is_kept_in_scope(exchange: Exchange, request: Request, ending: Ending) -> bool:
    meaning = exchange.meaning
    if meaning is None or not meaning.keeps or ending.body is None or exchange.settled_for is not None:
        return False
    if cache_keeping.took_a_detour(exchange):
        return False  # a better model is away for the moment
    return not policy.why_not_kept(meaning.policy, request, ending.body, ending.finish_reason)
