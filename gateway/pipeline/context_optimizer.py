"""What of the conversation goes on, by the task's context policy. Decides the order of `gateway.context`'s parts; what each does is theirs.

Blank space is collapsed; the window and the token budget cut off the oldest units; exchanges that resemble the question, and a summary
that is ready, come back into the room that is left; what is said twice is dropped. Nothing here waits for a model, and nothing fails a
request: a conversation that is malformed or of an unknown kind goes on as it came, as does one in which nothing is to be left out, byte
for byte.

What the caller has marked for the provider's cache (`cache_control` in a message, and all before it) is left alone, but by the budget.
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

import msgspec

from gateway import bodies
from gateway.context import boilerplate, measuring, relevance, summaries, texts, trimming, turns
from gateway.context.measuring import Meter
from gateway.context.selection import Selection
from gateway.context.turns import Conversation, Message
from gateway.errors import StoreUnavailable
from gateway.pipeline import observability
from gateway.pipeline.exchange import Exchange
from gateway.routing import conversations
from gateway.runtime import Runtime
from gateway.types import ContextChange, ContextPolicy, Endpoint, Request, Snapshot

logger = logging.getLogger(__name__)

TASK_PREFIX = "task/"
OPTIMISED = frozenset({Endpoint.CHAT, Endpoint.MESSAGES})
MOST_ROUNDS = 4  # of fitting: the estimate of what stays may differ by what went
HIT, OLDER, MISS, TOO_LONG, UNAVAILABLE = "hit", "older", "miss", "too_long", "unavailable"
_message = msgspec.json.Decoder(bodies.Message)
_system = msgspec.json.Decoder(str | list[bodies.Part])


def policy_of(exchange: Exchange, request: Request) -> ContextPolicy | None:
    """The context policy of the task that the request asks for; None if it has none."""
    asked = request.model_asked
    if request.endpoint not in OPTIMISED or not asked.startswith(TASK_PREFIX):
        return None
    task = exchange.snapshot.tasks.get(asked[len(TASK_PREFIX) :])
    return task.context if task is not None else None


async def optimise(exchange: Exchange, request: Request, policy: ContextPolicy | None, runtime: Runtime) -> Request:
    """The request as it goes on, the same object where nothing changes. Never raises."""
    exchange.context, exchange.summary_wanted, exchange.context_policy = None, None, policy
    if policy is None:
        return request
    if not exchange.conversation:  # while its beginning is still there
        exchange.conversation = conversations.key_of(request, str(exchange.key.id))
    try:
        conversation = turns.read(request.raw["messages"], request.endpoint.surface)
        kind = _kind(exchange.snapshot, request)
        meter = Meter(request, conversation.messages, kind=kind)
        return await _fitted(_Work(exchange, request, policy, runtime, conversation, meter, kind))
    except turns.Malformed:
        return request
    except Exception:
        logger.exception("%s: its context could not be optimised", exchange.public_id)
        observability.CONTEXT_FAILURES.inc()
        exchange.context = exchange.summary_wanted = None
        return request


def _kind(snapshot: Snapshot, request: Request) -> str:
    """The kind of provider by whose bound the reserve step may count: of the task's models, the one that counts most."""
    chain = snapshot.tasks[request.model_asked[len(TASK_PREFIX) :]].chain
    kinds = [model.provider.kind for model in chain]
    return "anthropic" if "anthropic" in kinds else kinds[0]


class _Selected(NamedTuple):
    """What stays, how many exchanges were brought back, and what became of the summary."""

    selection: Selection
    relevant: int = 0
    summary: str = ""


class _Work(NamedTuple):
    """What the steps need; `conversation` is as it came."""

    exchange: Exchange
    request: Request
    policy: ContextPolicy
    runtime: Runtime
    conversation: Conversation
    meter: Meter
    kind: str


async def _fitted(work: _Work) -> Request:
    """The optimised request: within the budget by the reserve step's own estimate, if that is possible."""
    goal = budget = trimming.budget(work.policy, work.exchange.snapshot.limits.max_input_tokens)
    before = work.meter.total
    for _ in range(MOST_ROUNDS):
        selection, relevant, summary = await _selected(work, goal)
        fresh = _rebuilt(work, selection.messages)
        after = before if fresh is work.request else measuring.whole(fresh.body, fresh.content, kind=work.kind)
        if budget is None or goal is None or after <= budget or selection.size > goal:
            break
        goal = budget - (after - selection.size)  # less than the size, so more goes, or the least is reached
    work.exchange.context = ContextChange(
        tokens_before=before,
        tokens_after=after,
        kept=selection.count,
        dropped=len(work.conversation.messages) - selection.count,
        relevant=relevant,
        summary=summary,
    )
    observability.CONTEXT_TOKENS_SAVED.inc(max(0, before - after))
    return fresh


async def _selected(work: _Work, budget: int | None) -> _Selected:
    """The steps in their order."""
    selection = trimming.left(work.conversation, work.policy, meter=work.meter, budget=budget)
    work.exchange.summary_wanted = None
    if selection.is_whole:
        return _Selected(selection)
    relevant = await _bring_back(work, selection)
    if selection.is_whole or not work.policy.summary_model:
        return _Selected(selection, relevant)
    return _Selected(selection, relevant, await _summarise(work, selection))


async def _bring_back(work: _Work, selection: Selection) -> int:
    """Keep the exchanges that resemble the question most, as far as there is room; returns how many."""
    policy, embed = work.policy, work.runtime.embed
    if not policy.relevant_turns or embed is None or selection.keeps_marks:
        return 0
    found = relevance.candidates(work.conversation, selection.cut)
    question = relevance.question(work.conversation)
    if not found or not question.strip():
        return 0
    pieces = [piece for candidate in found for piece in candidate.pieces]
    vectors = await work.runtime.vectors.of(
        work.exchange.snapshot.tenant_id, [question, *pieces], embed, wait_seconds=policy.embedding_wait_seconds
    )
    if vectors is None:
        observability.CONTEXT_EMBEDDINGS_LATE.inc()
        return 0
    rest = iter(vectors[1:])
    by_candidate = [[next(rest) for _ in candidate.pieces] for candidate in found]
    kept = 0
    for candidate in relevance.ranked(found, vectors[0], by_candidate, least=policy.least_similarity):
        if not set(candidate.units).issubset(selection.units):  # else it came with another one of its round
            kept += selection.bring_back(candidate.units)
        if kept == policy.relevant_turns:
            break
    return kept


async def _summarise(work: _Work, selection: Selection) -> str:
    """Put in the summary of what stands before the cut, or the one of a block ago; where it is missing, note that it is wanted."""
    exchange, conversation, policy = work.exchange, work.conversation, work.policy
    tenant_id, cut, earlier_cut = exchange.snapshot.tenant_id, selection.cut, selection.earlier_cut()
    digest = summaries.digest(conversation, cut, policy)
    try:
        found = await work.runtime.summaries.find(tenant_id, digest)
        earlier = ""
        if found is None and 0 < earlier_cut < cut:
            name = summaries.digest(conversation, earlier_cut, policy)
            earlier = await work.runtime.summaries.find(tenant_id, name) or ""
    except StoreUnavailable:
        return UNAVAILABLE
    if found is None:
        since = earlier_cut if earlier else 0
        body = summaries.request(conversation, cut, policy, work.request.labels, earlier=earlier, since=since)
        exchange.summary_wanted = summaries.Wanted(digest, body)
    text = found or earlier
    if not text:
        return MISS
    if not selection.insert(summaries.messages(text)):
        return TOO_LONG
    return HIT if found else OLDER


def _rebuilt(work: _Work, messages: list[Message]) -> Request:
    """The request with these messages; the same object if they are the caller's and nothing else changes."""
    given, request = work.conversation, work.request
    changes: dict[str, Any] = {}
    raw = dict(request.raw)
    known = {id(message): index for index, message in enumerate(given.messages)}
    places = [known.get(id(message)) for message in messages]
    if places != list(range(len(given.messages))):
        raw["messages"] = msgspec.Raw(msgspec.json.encode([message.raw for message in messages]))
        old: Any = request.body
        changes["messages"] = [
            _message.decode(message.raw) if place is None else old.messages[place]
            for message, place in zip(messages, places, strict=True)
        ]
    system = _collapsed_system(work)
    if system is not None:
        raw["system"] = system
        changes["system"] = _system.decode(system)
    if not changes:
        return request
    body = msgspec.structs.replace(request.body, **changes)
    return msgspec.structs.replace(request, raw=raw, body=body, content=msgspec.json.encode(raw))


def _collapsed_system(work: _Work) -> msgspec.Raw | None:
    """Anthropic's system prompt with blank space collapsed; None if it stays as it is."""
    system = work.request.raw.get("system")
    if system is None or not work.policy.collapses_whitespace or work.conversation.marked:
        return None
    if b'"cache_control"' in bytes(system):
        return None
    given = msgspec.json.decode(system)
    fresh = texts.edited_content(given, boilerplate.collapse)
    return None if fresh is given else msgspec.Raw(msgspec.json.encode(fresh))
