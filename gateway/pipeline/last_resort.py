"""The end of a fallback chain: where no model can answer, an earlier answer is given, marked as such.

First the request's own cached answer, though it is past its time, as long as the cache policy lets it stand in. Then an answer to a similar
question of the task: only for tasks that allow it, and only for a question that stands alone, for what a conversation's later turns mean
depends on the earlier ones.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import logging
from functools import partial
from typing import Any, NamedTuple

import msgspec

from gateway import answers, earlier_answers
from gateway.earlier_answers import Given, Nearest
from gateway.embedders import EmbedderError
from gateway.errors import StoreUnavailable
from gateway.pipeline import exact_cache
from gateway.pipeline.exchange import STALE, Cached, Exchange
from gateway.runtime import Runtime
from gateway.types import Plan, Request
from tenants import redis_keys

logger = logging.getLogger(__name__)
FIND_SECONDS = 3.0
MAX_BODY_BYTES = 200_000
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


def is_kept(request: Request, plan: Plan) -> bool:
    return plan.may_replay and bool(plan.task) and question_of(request) is not None


async def remember(exchange: Exchange, request: Request, plan: Plan, body: bytes, runtime: Runtime) -> None:
    """Hand an answer over to be kept. Never raises: an answer that is not kept is no failure."""
    question = question_of(request)
    if question is None or exchange.attempt is None or len(body) > MAX_BODY_BYTES:
        return
    given = Given(
        task=plan.task,
        instructions=question.instructions,
        question=question.text,
        surface=request.endpoint.surface.value,
        is_stream=request.is_stream,
        model=exchange.attempt.model.name,
        provider=exchange.attempt.model.provider.name,
        body=body,
        at_ms=exchange.accepted_ms,
    )
    stream = redis_keys.given_answers(exchange.snapshot.tenant_id)
    try:
        await runtime.redis.call(
            "XADD", stream, "MAXLEN", "~", earlier_answers.MOST_WAITING, "*", "r", msgspec.msgpack.encode(given)
        )
    except StoreUnavailable:
        logger.warning("%s: its answer is not kept, Redis is away", exchange.public_id)


async def find(exchange: Exchange, request: Request, plan: Plan, runtime: Runtime) -> Cached | None:
    """An earlier answer, noted on the exchange; None if there is none to the same or near enough a question, or it cannot be looked up."""
    exchange.cached = await exact_cache.stale(exchange, request, runtime) or await _similar(
        exchange, request, plan, runtime
    )
    if exchange.cached is not None:
        exchange.cache, exchange.cache_reason = STALE, "no model could answer"
    return exchange.cached


async def _similar(exchange: Exchange, request: Request, plan: Plan, runtime: Runtime) -> Cached | None:
    question = question_of(request)
    if question is None or not plan.may_replay or not plan.task:
        return None
    try:
        async with asyncio.timeout(FIND_SECONDS):
            found = await _nearest(exchange, plan, question, runtime)
    except (EmbedderError, StoreUnavailable, TimeoutError):
        logger.exception("%s: earlier answers cannot be looked up", exchange.public_id)
        return None
    if found is None:
        return None
    age = dt.datetime.now(dt.UTC) - found.answered_at
    render = answers.as_stream if request.is_stream else answers.as_whole
    body = render(request.endpoint.surface, found.answer, model=found.model, identity=exchange.request_id.hex)
    age_ms = max(0, int(age.total_seconds() * 1000))
    return Cached(STALE, body, found.provider, found.model, age_ms, similarity=found.similarity)


async def _nearest(exchange: Exchange, plan: Plan, question: Question, runtime: Runtime) -> Nearest | None:
    embedder = runtime.embedder
    (vector,) = await embedder.embed([question.text])
    tenant_id = exchange.snapshot.tenant_id
    search = partial(
        earlier_answers.nearest,
        tenant_id, plan.task, question.instructions, embedder.name, [float(value) for value in vector],
        least=plan.replay_similarity,
    )  # fmt: skip
    found: Nearest | None = await runtime.threads.once(("nearest", exchange.request_id), search)
    return found
