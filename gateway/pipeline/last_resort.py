"""The end of a fallback chain: where no model can answer, an earlier answer to a similar question of the task is given, marked as such.

It is an entry of the semantic cache, past its time or not, of the same task under the same system prompt (its kin). Only for tasks that
allow it, and only for a question that stands alone: what a conversation's later turns mean depends on the earlier ones.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import logging
from typing import Any, NamedTuple

from gateway import answers
from gateway.caching import semantic
from gateway.caching.semantic import Given
from gateway.embedders import EmbedderError
from gateway.pipeline.exchange import Exchange, Replayed
from gateway.runtime import Runtime
from gateway.stores.nearest import Candidate
from gateway.types import Plan, Request

logger = logging.getLogger(__name__)
FIND_SECONDS = 3.0
STANDS_IN_SECONDS = 30 * 86_400
INSTRUCTIONS = frozenset({"system", "developer"})


class Question(NamedTuple):
    """`instructions`: SHA-256 of the system prompt."""

    text: str
    instructions: str


class Earlier(NamedTuple):
    """An earlier answer in the caller's format."""

    body: bytes
    is_stream: bool
    provider: str
    model: str


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
    if question is None or exchange.attempt is None:
        return
    kin = _kin(plan, question, runtime)
    given = Given(
        scope=kin,
        kin=kin,
        task=plan.task,
        question=question.text,
        surface=request.endpoint.surface.value,
        is_stream=request.is_stream,
        model=exchange.attempt.model.name,
        provider=exchange.attempt.model.provider.name,
        body=body,
        at_ms=exchange.accepted_ms,
        request_id=exchange.request_id.bytes,
        fresh_seconds=0,
        stale_seconds=STANDS_IN_SECONDS,
        embedder=runtime.embedder.name,
        model_asked=request.model_asked,
        key_id=str(exchange.key.id),
        end_user=request.labels.end_user,
        tags=request.labels.tags,
    )
    await runtime.semantic.give(exchange.snapshot.tenant_id, given)


def _kin(plan: Plan, question: Question, runtime: Runtime) -> bytes:
    return semantic.scope("task", plan.task, question.instructions, runtime.embedder.name)


async def find(exchange: Exchange, request: Request, plan: Plan, runtime: Runtime) -> Earlier | None:
    """The nearest earlier answer, noted on the exchange; None if there is none that is near enough, or it cannot be looked up."""
    question = question_of(request)
    if question is None or not plan.may_replay or not plan.task:
        return None
    found = await _nearest(exchange, plan, question, runtime)
    words = found.words if found is not None else None
    if found is None or words is None:
        return None
    age = dt.datetime.now(dt.UTC) - found.answered_at
    exchange.replayed = Replayed(age.total_seconds(), found.similarity)
    render = answers.as_stream if request.is_stream else answers.as_whole
    body = render(request.endpoint.surface, words.text, model=found.model, identity=exchange.request_id.hex)
    return Earlier(body, request.is_stream, found.provider, found.model)


async def _nearest(exchange: Exchange, plan: Plan, question: Question, runtime: Runtime) -> Candidate | None:
    tenant_id = exchange.snapshot.tenant_id
    try:
        async with asyncio.timeout(FIND_SECONDS):
            (vector,) = await runtime.embedder.embed([question.text])
    except (EmbedderError, TimeoutError):
        logger.exception("%s: its question cannot be embedded to look for earlier answers", exchange.public_id)
        return None
    search = await runtime.semantic.stand_ins(
        tenant_id,
        _kin(plan, question, runtime),
        vector,
        least=plan.replay_similarity,
        budget_seconds=FIND_SECONDS,
    )
    return next(iter(search.near()), None)
