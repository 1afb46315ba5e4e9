"""What is known at the moment that a plan may depend on: time, tier, size, conversation, health, budgets. Gathers, decides nothing. No I/O.

What only rules ask about is worked out only where there are rules, or several models to choose from.
"""

from __future__ import annotations

from gateway import tokens
from gateway.pipeline import shares
from gateway.pipeline.exchange import Exchange
from gateway.routing import conversations
from gateway.routing.conversations import Turn
from gateway.runtime import Runtime
from gateway.types import Conversation, Request, Signals

_NO_CONVERSATION = Conversation("")


def of(exchange: Exchange, request: Request, runtime: Runtime) -> Signals:
    """The request's signals. Its tier is the one this process knows; the reserve step tells if it has changed."""
    snapshot, end_user = exchange.snapshot, request.labels.end_user
    exchange.tier = runtime.snapshots.tier(snapshot.tenant_id, end_user) if end_user else ""
    is_open_question = bool(snapshot.rules) or request.model_asked.startswith("task/")
    return Signals(
        at=exchange.accepted_ms / 1000,
        tier=exchange.tier,
        input_tokens=input_tokens(request) if is_open_question else 0,
        conversation=_remembered(exchange, request, runtime) if is_open_question else _NO_CONVERSATION,
        health=runtime.breakers.health,
        cheaper=exchange.cheaper,
        budget_shares=shares.by_name(exchange),
    )


def _remembered(exchange: Exchange, request: Request, runtime: Runtime) -> Conversation:
    if not exchange.conversation:
        exchange.conversation = conversation(request, str(exchange.key.id)).key
    return runtime.conversations.of(exchange.conversation, exchange.accepted_ms / 1000)


def note_turn(exchange: Exchange, runtime: Runtime, input_tokens: int) -> None:
    """A model has answered and reported its input, or 0: the next turn may weigh what it has kept, the next count what it counted."""
    if exchange.attempt is not None and exchange.request is not None and exchange.settled_for is None:
        runtime.calibration.note(exchange.attempt.model, exchange.request, input_tokens)
    if exchange.conversation and exchange.attempt is not None:
        turn = Turn(exchange.attempt.model.name, input_tokens, exchange.accepted_ms / 1000)
        runtime.conversations.note(exchange.conversation, turn)


def input_tokens(request: Request) -> int:
    """A likely count, the one that a plan's limit on input is held against."""
    return tokens.likely(request.body, tokens.upper_bound(request.body, request.content, kind="openai"))


def conversation(request: Request, caller: str) -> Conversation:
    """The conversation of a request as it came."""
    return Conversation(conversations.key_of(request, caller))
