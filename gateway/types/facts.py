"""What a plan may depend on besides the configuration: what a rule's conditions are asked about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from gateway.types.catalog import Model
from gateway.types.requests import Labels


class Health(msgspec.Struct, frozen=True, gc=False):
    """How a model has been doing in the last minutes, over all processes. `p95_*`: None while there are too few calls."""

    is_open: bool = False  # its circuit breaker
    p95_first_byte_ms: float | None = None
    p95_whole_ms: float | None = None


class Conversation(msgspec.Struct, frozen=True):
    """The conversation that a request goes on with: a key that stays the same from turn to turn, and what the model that answered the
    last one has probably kept of it (`cached_tokens` of input, 0 if nothing)."""

    key: str
    model: str = ""
    cached_tokens: int = 0


class Cheaper(msgspec.Struct, frozen=True, gc=False):
    """A budget's wish for a cheaper model: the one of that name, or (empty) the cheapest candidate."""

    budget: str
    model: str


class Signals(msgspec.Struct, frozen=True, gc=False):
    """What a plan may depend on besides the request and the configuration. `at`: Unix seconds. `input_tokens`: a likely count.
    `budget_shares`: percent used, by budget name, of those that rules ask about."""

    at: float
    tier: str
    input_tokens: int
    conversation: Conversation
    health: Callable[[Model], Health]
    budget_shares: dict[str, int] = {}
    cheaper: Cheaper | None = None


class Facts(NamedTuple):
    """What conditions are asked about. `task` is a slug, empty if a model was asked for; `metadata` is the caller's."""

    asked: str
    task: str
    labels: Labels
    metadata: Mapping[str, Any]
    needs: frozenset[str]
    signals: Signals
