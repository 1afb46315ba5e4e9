"""A tenant's configuration at one version: its keys, models, tasks, rules, limits and policies, with what was measured for it."""

from __future__ import annotations

import math
from typing import Any
from uuid import UUID

import msgspec

from billing.limits import Limit, Limits, Pace
from billing.windows import Clock
from gateway.types.catalog import Model
from gateway.types.policies import Caching, ContentPolicy, PrefixPolicy
from gateway.types.rules import Rule, Task


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
