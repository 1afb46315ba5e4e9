"""Whom can be asked: a provider with its credential, and a model of it, ready to be called."""

from __future__ import annotations

from uuid import UUID

import msgspec

from billing.prices import Price
from gateway.types.wire import Surface


class Secret:
    """A credential that does not show itself in a log line, a traceback or a repr."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret(***)"


class Provider(msgspec.Struct, frozen=True):
    """An upstream: `kind` is "anthropic", "openai" or "openai-compatible"; `base_url` has no slash at its end. `is_guarded`: a tenant named
    the URL, so it may lead to the public internet only, and where the operator allows."""

    id: UUID
    name: str
    kind: str
    base_url: str
    credential: Secret
    is_guarded: bool = True

    @property
    def surface(self) -> Surface:
        return Surface.ANTHROPIC if self.kind == "anthropic" else Surface.OPENAI


class Model(msgspec.Struct, frozen=True):
    """A catalog entry, ready to be called. `price` None: no price is known; `quality` (0–100) None: nobody has said. `breaker`:
    "auto", or "open" or "closed" by an admin's will."""

    name: str
    upstream_id: str
    provider: Provider
    capabilities: frozenset[str]
    context_window: int | None
    max_output_tokens: int | None
    price: Price | None
    created_at: int  # Unix seconds
    breaker: str = "auto"
    quality: int | None = None
