"""Which model answered a conversation's last turn, and how much of its input that model's provider has probably kept. Of one process."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Any, NamedTuple

from gateway.types import Conversation, Request

CAPACITY = 20_000
KEPT_SECONDS = 300.0  # as long as providers keep a prefix for at least: five minutes after it was last used
LEAST_TOKENS = 1024  # shorter prefixes are not kept
BEGINNING = 4096  # characters of a message that tell a conversation from others


class Turn(NamedTuple):
    model: str
    input_tokens: int
    at: float


class Conversations:
    """The latest turns, by conversation. Times are Unix seconds."""

    def __init__(self) -> None:
        self._turns: OrderedDict[str, Turn] = OrderedDict()

    def note(self, key: str, turn: Turn) -> None:
        self._turns[key] = turn
        self._turns.move_to_end(key)
        if len(self._turns) > CAPACITY:
            self._turns.popitem(last=False)

    def of(self, key: str, now: float) -> Conversation:
        turn = self._turns.get(key)
        if turn is None or now - turn.at > KEPT_SECONDS:
            return Conversation(key)
        return Conversation(key, turn.model, turn.input_tokens if turn.input_tokens >= LEAST_TOKENS else 0)


def key_of(request: Request, caller: str) -> str:
    """What stays the same from turn to turn: who calls, for whom, and how the conversation began. To be asked of the request as it came."""
    body: Any = request.body
    messages = getattr(body, "messages", None) or []
    began = [str(getattr(body, "system", None) or "")[:BEGINNING]]
    for message in messages:
        began.append(str(message.content)[:BEGINNING])
        if message.role == "user":
            break
    parts = "\x00".join([caller, request.labels.end_user, *began])
    return hashlib.blake2b(parts.encode("utf-8", "replace"), digest_size=16).hexdigest()
