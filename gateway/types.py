"""What crosses borders inside the gateway: frozen, typed, without Django."""

from __future__ import annotations

import enum
from typing import Any
from uuid import UUID

import msgspec

from billing.limits import Limit, Limits, Pace
from billing.prices import Price
from billing.windows import Clock


class Surface(enum.Enum):
    """Whose wire format the caller speaks."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"


class Endpoint(enum.Enum):
    """What is asked for, as it stands in the request log."""

    CHAT = "chat.completions"
    MESSAGES = "messages"
    EMBEDDINGS = "embeddings"
    COUNT_TOKENS = "messages.count_tokens"

    @property
    def surface(self) -> Surface:
        return Surface.ANTHROPIC if self in (Endpoint.MESSAGES, Endpoint.COUNT_TOKENS) else Surface.OPENAI

    @property
    def scope(self) -> str:
        """What a key needs to ask for it."""
        return "embeddings" if self is Endpoint.EMBEDDINGS else "chat"


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one attempt, counted one way for every provider.

    `input_tokens` is all input; `cache_read_tokens` and the `cache_write_*_tokens` are parts of it. `reasoning_tokens` is a
    part of `output_tokens`.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0


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
    """An upstream: `kind` is "anthropic", "openai" or "openai-compatible"; `base_url` has no slash at its end."""

    id: UUID
    name: str
    kind: str
    base_url: str
    credential: Secret

    @property
    def surface(self) -> Surface:
        return Surface.ANTHROPIC if self.kind == "anthropic" else Surface.OPENAI


class Model(msgspec.Struct, frozen=True):
    """A catalog entry, ready to be called. `price` None: no price is known."""

    name: str
    upstream_id: str
    provider: Provider
    capabilities: frozenset[str]
    context_window: int | None
    max_output_tokens: int | None
    price: Price | None
    created_at: int  # Unix seconds


class ContextPolicy(msgspec.Struct, frozen=True):
    """What may be left out of a task's conversations. `keep_messages` None: no window; `max_input_tokens` None: no limit but the plan's;
    `relevant_turns` 0 and an empty `summary_model`: none are wanted."""

    keep_messages: int | None
    block_messages: int
    fits_budget: bool
    max_input_tokens: int | None
    relevant_turns: int
    least_similarity: float
    embedding_wait_seconds: float
    summary_model: str
    summary_tokens: int
    collapses_whitespace: bool
    drops_repetition: bool


class ContextChange(msgspec.Struct, frozen=True):
    """What became of a request's context. Tokens are estimates; `kept` and `dropped` count the caller's messages, `relevant` the older
    exchanges that were brought back. `summary`: hit, older, miss, too_long, unavailable, or empty where none was asked for."""

    tokens_before: int
    tokens_after: int
    kept: int
    dropped: int
    relevant: int = 0
    summary: str = ""


class Task(msgspec.Struct, frozen=True):
    """A task and its chain: the default model first, then the fallbacks in order. `context` None: its requests are left as they are."""

    slug: str
    is_real_time: bool
    chain: tuple[Model, ...]
    context: ContextPolicy | None = None


class Rule(msgspec.Struct, frozen=True):
    """A routing rule; None conditions match anything."""

    name: str
    task: str | None
    requested_model: str | None
    targets: tuple[Model, ...]


class Key(msgspec.Struct, frozen=True):
    """An API key that may call. `expires_at` is Unix seconds; empty allow-lists allow everything."""

    id: UUID
    scopes: frozenset[str]
    allowed_models: frozenset[str]
    allowed_tasks: frozenset[str]
    expires_at: float | None
    pace: Pace
    limits: tuple[Limit, ...]


class Snapshot(msgspec.Struct, frozen=True):
    """A tenant's configuration at one version, whole and immutable. `keys` is by the SHA-256 of the secret. `remembered` is room for what
    others derive from it."""

    tenant_id: UUID
    version: int
    is_active: bool
    keys: dict[str, Key]
    models: dict[str, Model]
    tasks: dict[str, Task]
    rules: tuple[Rule, ...]
    limits: Limits
    clock: Clock
    loaded_at: float
    remembered: dict[Any, Any] = {}


class Attempt(msgspec.Struct, frozen=True):
    """One call that a plan proposes, and why."""

    model: Model
    reason: str


class Plan(msgspec.Struct, frozen=True):
    """What the router decided: attempts in the order in which they are to be tried."""

    attempts: tuple[Attempt, ...]
    task: str
    rule: str


class Cheaper(msgspec.Struct, frozen=True):
    """A budget's wish for a cheaper model: the one of that name, or (empty) the cheapest candidate."""

    budget: str
    model: str


class Labels(msgspec.Struct, frozen=True):
    """Who and what a request is for, as its caller says."""

    end_user: str = ""
    feature: str = ""
    tags: tuple[str, ...] = ()


class Request(msgspec.Struct, frozen=True):
    """A validated request. `raw` is the body's top level with every value as the bytes that came, so that what Tollgate does not
    know passes through untouched; `body` is the part of it that Tollgate reads."""

    endpoint: Endpoint
    model_asked: str
    is_stream: bool
    needs: frozenset[str]
    labels: Labels
    raw: dict[str, msgspec.Raw]
    body: msgspec.Struct
    content: bytes
    headers: dict[str, str]


class WireRequest(msgspec.Struct, frozen=True):
    """What goes to a provider over HTTP."""

    url: str
    headers: dict[str, str]
    body: bytes


class ProviderAnswer(msgspec.Struct, frozen=True):
    """A provider's whole answer, in the caller's format. `usage` None: the provider reported none."""

    body: bytes
    usage: Usage | None
    finish_reason: str
