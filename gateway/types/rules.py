"""How a tenant wants models chosen: its tasks with their chains, its rules with their conditions."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from gateway.types.catalog import Model
from gateway.types.facts import Facts
from gateway.types.policies import ContextPolicy, PrefixPolicy


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
