"""The end of a fallback chain: where no model can answer, an earlier answer is given, marked as such.

First the request's own cached answer, though it is past its time; then one to a question that means the same, as the semantic cache
decides; both as long as the cache policy lets them stand in. Then an answer to a similar question of the task under the same system
prompt (its kin): only for tasks that allow it, and only for a question that stands alone, for what a conversation's later turns mean
depends on the earlier ones.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import logging
from typing import Any, NamedTuple

from gateway import answers
from gateway.caching import semantic
from gateway.embedders import EmbedderError
from gateway.pipeline import exact_cache, semantic_cache
from gateway.pipeline.exchange import STALE, Cached, Exchange
from gateway.runtime import Runtime
from gateway.stores.nearest import Candidate
from gateway.types import Plan, Request

logger = logging.getLogger(__name__)
FIND_SECONDS = 3.0
INSTRUCTIONS = frozenset({"system", "developer"})


class Question(NamedTuple):
    """`instructions`: SHA-256 of the system prompt."""

    text: str
    instructions: str


def question_of(request: Request) -> Question | None:
    """The request's only question; None where it has tools, images or earlier turns."""
    if request.needs & {"tools", "vision", "json_schema"} or not hasattr(request.body, "messages"):
        return None
    body: Any = request.body
    instructions = [_text(getattr(body, "system", None))]
    asked = []
    for message in body.messages:
        if message.role in INSTRUCTIONS:
            instructions.append(_text(message.content))
        else:
            asked.append(message)
    if len(asked) != 1 or asked[0].role != "user":
        return None
    text = _text(asked[0].content)
    digest = hashlib.sha256("\x00".join(instructions).encode("utf-8", "replace")).hexdigest()
    return Question(text, digest) if text.strip() else None


def _text(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(part.text or "" for part in content)


def is_kept(exchange: Exchange) -> bool:
    """Whether the answer to come may stand in for answers to similar questions."""
    request, plan = exchange.request, exchange.plan
    if request is None or plan is None or exchange.control.no_store:
        return False
    return plan.may_replay and bool(plan.task) and question_of(request) is not None


def text_of(request: Request) -> str:
    question = question_of(request)
    return question.text if question is not None else ""


def kin(exchange: Exchange, runtime: Runtime) -> bytes:
    """The scope in which the answer stands in; empty: in none."""
    request, plan = exchange.request, exchange.plan
    question = question_of(request) if request is not None else None
    if request is None or plan is None or question is None:
        return b""
    of_tenant = exchange.snapshot.caching
    rules = of_tenant.of(plan.task) if of_tenant is not None else None
    whose = request.labels.end_user if rules is not None and rules.is_per_end_user else ""
    parts = ("task", plan.task, question.instructions, runtime.embedder.name)
    return semantic.scope(*parts, whose) if whose else semantic.scope(*parts)


async def find(exchange: Exchange, request: Request, plan: Plan, runtime: Runtime) -> Cached | None:
    """An earlier answer, noted on the exchange; None if there is none to the same or near enough a question, or it cannot be looked up."""
    exchange.cached = (
        await exact_cache.stale(exchange, request, runtime)
        or await semantic_cache.stale(exchange, request, plan, runtime)
        or await _similar(exchange, request, plan, runtime)
    )
    if exchange.cached is not None:
        exchange.cache, exchange.cache_reason = STALE, "no model could answer"
    return exchange.cached


async def _similar(exchange: Exchange, request: Request, plan: Plan, runtime: Runtime) -> Cached | None:
    question = question_of(request)
    if question is None or not plan.may_replay or not plan.task or exchange.control.no_cache:
        return None
    found = await _nearest(exchange, plan, question, runtime)
    words = found.words if found is not None else None
    if found is None or words is None:
        return None
    age = dt.datetime.now(dt.UTC) - found.answered_at
    render = answers.as_stream if request.is_stream else answers.as_whole
    body = render(request.endpoint.surface, words.text, model=found.model, identity=exchange.request_id.hex)
    age_ms = max(0, int(age.total_seconds() * 1000))
    return Cached(STALE, body, found.provider, found.model, age_ms, similarity=found.similarity)


async def _nearest(exchange: Exchange, plan: Plan, question: Question, runtime: Runtime) -> Candidate | None:
    try:
        async with asyncio.timeout(FIND_SECONDS):
            (vector,) = await runtime.embedder.embed([question.text])
    except (EmbedderError, TimeoutError):
        logger.exception("%s: its question cannot be embedded to look for earlier answers", exchange.public_id)
        return None
    search = await runtime.semantic.stand_ins(
        exchange.snapshot.tenant_id,
        kin(exchange, runtime),
        vector,
        least=plan.replay_similarity,
        budget_seconds=FIND_SECONDS,
    )
    return next(iter(search.near()), None)
