"""The semantic cache: the answer to an earlier question that means the same, for requests that the exact cache has no answer to.

The nearest earlier questions within the same scope (`gateway.caching.questions`) are candidates. Guards must find no difference that
changes what is asked, and the verifier must think the two the same, or, where the policy does without it, the similarity alone be
enough. What was measured raises what is asked for, or has switched the cache off (`gateway.semantic.watch`). Nothing here fails a
request or holds it up for longer than its budgets: what is late, away or broken is a miss.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from typing import NamedTuple
from uuid import UUID

from gateway.caching import judging, policy, questions, replay, semantic
from gateway.caching.semantic import Asked, Hit
from gateway.caching.verify import guards, verifier
from gateway.caching.verify.verifier import VerifierError
from gateway.caching.verify.words import read
from gateway.pipeline.exchange import BYPASS, MISS, SEMANTIC, STALE, Cached, Exchange, Meaning
from gateway.runtime import Runtime
from gateway.stores import semantic as store
from gateway.stores.nearest import FOUND, NONE, Candidate, Search
from gateway.types import Endpoint, Plan, Request, SemanticStanding

logger = logging.getLogger(__name__)
ENDPOINTS = (Endpoint.CHAT, Endpoint.MESSAGES)
_UNWATCHED = SemanticStanding()


async def ask(exchange: Exchange, request: Request, plan: Plan, runtime: Runtime, content: bytes) -> None:
    """Look for an answer, and note it on the exchange; or note why there is none. `content`: the body as it came. Never raises but for
    `CancelledError`."""
    meaning = _meaning(exchange, request, plan, runtime)
    if meaning is None:
        return
    if not meaning.reads:
        if exchange.cache == BYPASS:  # the exact cache has not said so
            _say(exchange, "no-cache" if exchange.control.no_cache else "max-age=0")
        return
    found, reason = await _found(exchange, request, plan, runtime, meaning)
    if found is None:
        _say(exchange, reason)
    else:
        _note_hit(exchange, request, plan, found, content)


async def stale(exchange: Exchange, request: Request, plan: Plan, runtime: Runtime) -> Cached | None:
    """An answer that is past its time, decided on like any other; None if there is none, or policy or caller want none."""
    meaning, control = exchange.meaning, exchange.control
    if meaning is None or not meaning.reads or meaning.vector is None or not meaning.policy.stale_seconds:
        return None
    oldest = meaning.policy.semantic_max_age_seconds + meaning.policy.stale_seconds
    if control.max_age_seconds is not None:
        oldest = min(oldest, control.max_age_seconds)
    search = await runtime.semantic.nearest(
        exchange.snapshot.tenant_id, meaning.scope, meaning.vector, least=meaning.least, max_age_seconds=oldest,
        is_stale=True,
    )  # fmt: skip
    chosen, _ = await _chosen(
        exchange.snapshot.tenant_id, search, meaning, _standing(exchange, plan), runtime.semantic_wait_seconds
    )
    return _cached(request, chosen.candidate, STALE) if chosen is not None else None


async def note(exchange: Exchange, runtime: Runtime) -> None:
    """Have the exchange's hit counted, if it was one. Never raises."""
    if exchange.semantic_hit is not None:
        await runtime.semantic.note_hit(exchange.snapshot.tenant_id, exchange.semantic_hit)


def _meaning(exchange: Exchange, request: Request, plan: Plan, runtime: Runtime) -> Meaning | None:
    """What the request asks of the semantic cache; None for nothing. Notes why."""
    of_tenant = exchange.snapshot.caching
    rules = of_tenant.of(plan.task) if of_tenant is not None else None
    if rules is None or not rules.semantic or request.endpoint not in ENDPOINTS:
        return None
    if policy.why_not_at_all(rules, request):  # the exact cache has said so, unless it is switched off
        if not rules.exact:
            exchange.cache_reason = policy.why_not_at_all(rules, request)
        return None
    if _standing(exchange, plan).is_off:
        _say(exchange, "it has switched itself off", is_asked=False)
        return None
    question = questions.read(request)
    if isinstance(question, str):
        _say(exchange, question, is_asked=False)
        return None
    if question.is_agent_turn and not rules.semantic_agent_turns:
        _say(exchange, "a tool's result", is_asked=False)
        return None
    control = exchange.control
    meaning = exchange.meaning = Meaning(
        policy=rules,
        question=question.text,
        scope=questions.scope(
            exchange.snapshot.tenant_id,
            request,
            plan,
            question,
            end_user=request.labels.end_user if rules.is_per_end_user else "",
            embedder=runtime.embedder.name,
        ),
        least=max(rules.semantic_threshold, exchange.least_similarity),
        reads=not control.no_cache and control.max_age_seconds != 0,
        keeps=not control.no_store,
    )
    return meaning


def _standing(exchange: Exchange, plan: Plan) -> SemanticStanding:
    return exchange.snapshot.semantic.get(plan.task, _UNWATCHED)


def _say(exchange: Exchange, reason: str, *, is_asked: bool = True) -> None:
    """Note why there is no answer, beside what the exact cache has noted, if that was asked at all."""
    told = f"semantic: {reason}"
    if exchange.cache == BYPASS:
        exchange.cache, exchange.cache_reason = MISS if is_asked else BYPASS, told
    else:
        exchange.cache_reason = "; ".join(filter(None, (exchange.cache_reason, told)))


class _Chosen(NamedTuple):
    """`score` None: the verifier was not asked."""

    candidate: Candidate
    score: float | None
    reason: str


async def _found(
    exchange: Exchange, request: Request, plan: Plan, runtime: Runtime, meaning: Meaning
) -> tuple[_Chosen | None, str]:
    """The earlier question whose answer is given, noted on the exchange; or why there is none."""
    tenant_id = exchange.snapshot.tenant_id
    # What comes later is remembered: the next one that asks the same has it.
    wait = runtime.semantic_wait_seconds
    vectors = await runtime.vectors.of(
        tenant_id, [meaning.question], runtime.embed, wait_seconds=wait, as_made=True
    )  # the verifier asks the embedder for more about it
    exchange.lap("embed")
    if vectors is None:
        return None, "not embedded in time"
    meaning = exchange.meaning = meaning._replace(vector=vectors[0])
    oldest = meaning.policy.semantic_max_age_seconds
    if exchange.control.max_age_seconds is not None:
        oldest = min(oldest, exchange.control.max_age_seconds)
    search = await runtime.semantic.nearest(
        tenant_id, meaning.scope, vectors[0], least=meaning.least, max_age_seconds=oldest
    )
    exchange.lap("search")
    chosen, reason = await _chosen(
        exchange.snapshot.tenant_id, search, meaning, _standing(exchange, plan), runtime.semantic_wait_seconds
    )
    exchange.lap("verify")
    cached = _cached(request, chosen.candidate, SEMANTIC) if chosen is not None else None
    if chosen is None or cached is None:
        return None, reason or "broken"
    exchange.cached, exchange.cache, exchange.cache_reason = cached, SEMANTIC, chosen.reason
    return chosen, ""


async def _chosen(
    tenant_id: UUID, search: Search, meaning: Meaning, standing: SemanticStanding, wait_seconds: float
) -> tuple[_Chosen | None, str]:
    """The first of the candidates that is let through, or why none is: the nearest one's reason."""
    if search.outcome not in (FOUND, NONE):
        return None, f"search {search.outcome}"
    near = [one for one in search.near() if not one.is_stream]
    reasons: list[str] = []
    try:
        async with asyncio.timeout(wait_seconds):
            for candidate in near:
                chosen, reason = await _decided(tenant_id, meaning, candidate, standing)
                if chosen is not None:
                    return chosen, ""
                reasons.append(reason)
    except TimeoutError:
        reasons.append("not verified in time")
    except VerifierError:
        logger.exception("a hit of the semantic cache could not be verified")
        reasons.append("not verified")
    return None, reasons[0] if reasons else "nothing near enough"


async def _decided(
    tenant_id: UUID, meaning: Meaning, candidate: Candidate, standing: SemanticStanding
) -> tuple[_Chosen | None, str]:
    similarity = min(1.0, candidate.similarity)
    rules, measured = meaning.policy, standing.threshold or 0.0
    least = max(meaning.least, measured if standing.measure == "similarity" else 0.0)
    if similarity < least:
        return None, f"similarity {similarity:.3f} below {least:.3f}"
    if not rules.semantic_verified:
        vetoes = guards.vetoes(read(meaning.question), read(candidate.question))
        if vetoes:
            return None, f"not the same: {', '.join(vetoes)}"
        return _Chosen(candidate, None, f"similarity {similarity:.3f} of at least {least:.3f}"), ""
    floor = standing.base if standing.base is not None else await verifier.athreshold(rules.semantic_target)
    floor = max(floor, measured if standing.measure == "score" else 0.0)
    verdict = await verifier.averify(
        meaning.question,
        candidate.question,
        similarity,
        threshold=floor,
        least_similarity=least,
        vector=meaning.vector,
        tenant_id=tenant_id,
    )
    if verdict.is_hit:
        return _Chosen(candidate, verdict.score, f"verified: {verdict.score:.3f} of at least {floor:.3f}"), ""
    if verdict.score is not None:
        return None, f"verified: {verdict.score:.3f} below {floor:.3f}"
    return None, f"not the same: {', '.join(verdict.reasons)}"


def _cached(request: Request, candidate: Candidate, status: str) -> Cached | None:
    """The answer as the request wants it; None if it cannot be read."""
    try:
        body = candidate.body
        if request.is_stream:
            options = getattr(request.body, "stream_options", None)
            wants_usage = bool(options and options.include_usage)
            body = replay.as_stream(request.endpoint.surface, body, include_usage=wants_usage)
    except Exception:
        logger.exception("entry %s of the semantic cache cannot be read", candidate.entry_id)
        return None
    age = dt.datetime.now(dt.UTC) - candidate.answered_at
    return Cached(
        status,
        body,
        candidate.provider,
        candidate.model,
        max(0, int(age.total_seconds() * 1000)),
        candidate.cost_nanousd if status == SEMANTIC else None,
        min(1.0, candidate.similarity),
    )


def _note_hit(exchange: Exchange, request: Request, plan: Plan, found: _Chosen, content: bytes) -> None:
    is_checked = request.labels.feature != judging.FEATURE and semantic.is_sampled(
        exchange.request_id, _standing(exchange, plan).check_share
    )
    asked = Asked(
        endpoint=exchange.endpoint.value,
        key=exchange.secret_sha256,
        question=exchange.meaning.question if exchange.meaning is not None else "",
        content=content,
        headers=request.headers,
    )
    exchange.semantic_hit = Hit(
        request_id=exchange.request_id.bytes,
        entry_id=found.candidate.entry_id.bytes,
        origin=found.candidate.request_id.bytes,
        task=plan.task,
        similarity=min(1.0, found.candidate.similarity),
        score=found.score,
        at_ms=int(time.time() * 1000),
        sealed=store.sealed(asked) if is_checked else "",
    )
