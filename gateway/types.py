"""What crosses borders inside the gateway: frozen, typed, without Django."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol
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

    __hash__ = object.__hash__  # there is one of each; Enum's own is in Python

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


class Choice(msgspec.Struct, frozen=True):
    """How one of several candidates is chosen, and what goes with it. `strategy` is a name in `gateway.routing.strategies`.

    `max_cost_nanousd`: what a request may be expected to cost. `cascade_target`: the greatest tolerated share of accepted but wrong
    answers. The rest is as in `Plan`.
    """

    strategy: str = "fixed"
    quality_floor: int | None = None
    max_cost_nanousd: int | None = None
    cascade_threshold: float | None = None
    cascade_target: float = 0.05
    first_byte_seconds: float | None = None
    may_replay: bool = False
    replay_similarity: float = 0.85
    escapes_refusals: bool = False


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


class CachePolicy(msgspec.Struct, frozen=True):
    """What may be answered from which cache. `is_per_end_user`: what was answered to one end user is given to no other.

    `max_entry_bytes`: the largest answer that is kept. `semantic_target`: the greatest tolerated share of false hits among hits."""

    exact: bool = False
    ttl_seconds: int = 3600
    stale_seconds: int = 86_400
    is_per_end_user: bool = False
    max_temperature: float = 0.3
    with_tools: bool = False
    embeddings: bool = False
    max_entry_bytes: int = 262_144
    semantic: bool = False
    semantic_threshold: float = 0.95
    semantic_target: float = 0.02
    semantic_verified: bool = True
    semantic_agent_turns: bool = False
    semantic_max_age_seconds: int = 86_400


class Caching(msgspec.Struct, frozen=True):
    """A tenant's cache policies: by task, and for all that has none of its own; None: nothing is cached. `max_bytes`: of all entries."""

    default: CachePolicy | None
    tasks: dict[str, CachePolicy | None]
    max_bytes: int

    def of(self, task: str) -> CachePolicy | None:
        return self.tasks.get(task, self.default)


class ContentPolicy(msgspec.Struct, frozen=True):
    """That a tenant has prompts and answers stored: of these tasks (empty: of every request), with or without what is personal in them."""

    tasks: frozenset[str] = frozenset()
    redacts: bool = True

    def covers(self, task: str) -> bool:
        return not self.tasks or task in self.tasks


class ContextChange(msgspec.Struct, frozen=True):
    """What became of a request's context. Tokens are estimates; `kept` and `dropped` count the caller's messages, `relevant` the older
    exchanges that were brought back. `summary`: hit, older, miss, too_long, unavailable, or empty where none was asked for."""

    tokens_before: int
    tokens_after: int
    kept: int
    dropped: int
    relevant: int = 0
    summary: str = ""


class PrefixPolicy(msgspec.Struct, frozen=True):
    """Whether what requests begin with may be marked for the provider's own cache, and for how long: "5m", "1h", or "auto": what pays.

    On for everyone unless said otherwise: marks change no answer, are placed only where they are expected to pay, and a caller's own are
    left alone.
    """

    is_on: bool = True
    lifetime: str = "auto"


class Task(msgspec.Struct, frozen=True):
    """A task and its chain: the default model first, then the fallbacks in order. `context` None: its requests are left as they are;
    `prefix` None: the tenant's holds."""

    slug: str
    is_real_time: bool
    chain: tuple[Model, ...]
    choice: Choice = Choice()
    likely_output_tokens: int = 300
    context: ContextPolicy | None = None
    prefix: PrefixPolicy | None = None


class Condition(Protocol):
    """One thing that a rule asks of a request."""

    def holds(self, facts: Facts) -> bool: ...

    def why_not(self, facts: Facts) -> str:
        """Why it does not hold, for people to read."""
        ...

    def says(self) -> str:
        """The condition in words; empty for what goes without saying."""
        ...

    def covers(self, other: Any) -> bool:
        """Whether it holds wherever `other`, of the same class, does. False where that is not known."""
        ...


class Rule(msgspec.Struct, frozen=True):
    """A routing rule: all `conditions` must hold. `weights` are the targets', in their order; `is_own`: the tenant's, not the operator's.
    `names_models`: it asks for models by name, so it may take names that the catalog does not have."""

    name: str
    targets: tuple[Model, ...]
    conditions: tuple[Condition, ...] = ()
    choice: Choice = Choice()
    weights: tuple[int, ...] = ()
    id: str = ""
    is_own: bool = True
    names_models: bool = False


class Key(msgspec.Struct, frozen=True):
    """An API key that may call, as one of its secrets stands for it. `expires_at`, and `ends_at` for a secret that was replaced, are Unix
    seconds; empty allow-lists allow everything. `prefix` tells the secret from the key's others."""

    id: UUID
    scopes: frozenset[str]
    allowed_models: frozenset[str]
    allowed_tasks: frozenset[str]
    expires_at: float | None
    pace: Pace
    limits: tuple[Limit, ...]
    is_playground: bool = False
    prefix: str = ""
    ends_at: float | None = None


class SemanticStanding(msgspec.Struct, frozen=True):
    """Where the semantic cache of a task stands after what was measured. `threshold`: a hit needs at least that much of `measure`
    ("similarity" or "score"), besides whatever else it needs; None: nothing more. `base`: the verifier's least score by the tenant's own
    labels; None: as it is known without them. `check_share` of the hits are checked."""

    is_off: bool = False
    threshold: float | None = None
    measure: str = ""
    base: float | None = None
    check_share: float = 0.05


class Measured(msgspec.Struct, frozen=True):
    """How good a model's answers to a task turned out to be: at least `quality` percent of them are good, as `answers` of them say.
    `source` says how that was found out: "corrected", "judge" or "votes" (`gateway.quality.figures`)."""

    quality: int
    answers: int
    source: str


class Snapshot(msgspec.Struct, frozen=True):
    """A tenant's configuration at one version, whole and immutable. `keys` is by the SHA-256 of the secret, `semantic` by task: where
    there is none, nothing was measured yet. `judged` are the shares of answers to judge, by task; `measured` what came of it, by task and
    model. `remembered` is room for what others derive from it. `valid_until` (Unix seconds): when it changes by itself. `playground`: where
    in `keys` the playground's own is; empty if there is none. `content` None: nothing is stored."""

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
    semantic: dict[str, SemanticStanding] = {}
    caching: Caching | None = None
    remembered: dict[Any, Any] = {}
    valid_until: float = math.inf
    prefix: PrefixPolicy = PrefixPolicy()
    playground: str = ""
    content: ContentPolicy | None = None
    judged: dict[str, float] = {}
    measured: dict[str, dict[str, Measured]] = {}


class Attempt(msgspec.Struct, frozen=True):
    """One call that a plan proposes, and why."""

    model: Model
    reason: str


class Dropped(msgspec.Struct, frozen=True):
    """A candidate that a plan leaves out, and why."""

    model: str
    reason: str


class Cascade(msgspec.Struct, frozen=True):
    """The first attempt's answer is judged; if it is not good enough the next attempt answers instead.

    `target`: the greatest tolerated share of answers accepted though wrong, from which the threshold follows. `threshold`: an admin's
    own, on the probability that the answer is good.
    """

    target: float = 0.05
    threshold: float | None = None


class Plan(msgspec.Struct, frozen=True):
    """What the router decided: attempts in the order in which they are to be tried.

    `first_byte_seconds`: how long an attempt may take to its first byte; None: as the process is set. `may_replay`: when all fail, an
    earlier answer may be given to a question whose similarity (cosine) is at least `replay_similarity`. `escapes_refusals`: what a model
    refuses for its content policy, the next one is asked.
    """

    attempts: tuple[Attempt, ...]
    task: str
    rule: str
    strategy: str = ""
    first_byte_seconds: float | None = None
    cascade: Cascade | None = None
    may_replay: bool = False
    replay_similarity: float = 0.85
    escapes_refusals: bool = False
    dropped: tuple[Dropped, ...] = ()


class Health(msgspec.Struct, frozen=True):
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


class Signals(msgspec.Struct, frozen=True):
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
