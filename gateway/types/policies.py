"""What a tenant wants done with its requests besides sending them: context, caches, prefix marks, stored content."""

from __future__ import annotations

import msgspec


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


class PrefixPolicy(msgspec.Struct, frozen=True):
    """Whether what requests begin with may be marked for the provider's own cache, and for how long: "5m", "1h", or "auto": what pays.

    On for everyone unless said otherwise: marks change no answer, are placed only where they are expected to pay, and a caller's own are
    left alone.
    """

    is_on: bool = True
    lifetime: str = "auto"
