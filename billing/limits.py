"""Limits as they are enforced: what is counted, in which window, up to how much. No Django, no I/O.

Amounts are integers: requests, tokens, or nano-dollars (1e-9 USD).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from billing.windows import Window

REQUESTS, TOKENS, USD = "requests", "tokens", "usd"
TENANT, KEY, END_USER, TIER, TASK, MODEL, TAG = "tenant", "key", "end_user", "tier", "task", "model", "tag"
NANO_PER_USD = 1_000_000_000
UNKNOWN_BELOW = -(2**51)  # a counter below it is being read from the ledger (reserve.lua knows it, too)


class Raise(msgspec.Struct, frozen=True):
    """A higher amount from `starts` up to `ends` (Unix seconds)."""

    starts: float
    ends: float
    amount: int


class Limit(msgspec.Struct, frozen=True):
    """So much of `metric` in each window of that kind, in one dimension.

    `subject` empty: each key, end user, task, model or tag by itself. `source` is a budget's id, or names a limit of the plan or the key.
    The marks are shares of the amount in percent, None where there is none. `counted_from` (Unix seconds): usage before it is only in the
    ledger, not in the counters.
    """

    source: str
    name: str
    dimension: str
    metric: str
    window: str
    amount: int
    subject: str = ""
    raises: tuple[Raise, ...] = ()
    thresholds: tuple[int, ...] = (80,)
    cheaper_at: int | None = None
    cheaper_model: str = ""
    cached_only_at: int | None = None
    counted_from: float = 0.0

    def amount_at(self, at: float) -> int:
        """The amount in force: the highest of its own and the raises'."""
        amount = self.amount
        for item in self.raises:
            if item.starts <= at < item.ends and item.amount > amount:
                amount = item.amount
        return amount


class Pace(msgspec.Struct, frozen=True):
    """Limits at any moment: in any 60 seconds, and under way at once. None: not limited."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    max_concurrency: int | None = None

    def __bool__(self) -> bool:
        return self != _NO_PACE


_NO_PACE = Pace()


class Tier(msgspec.Struct, frozen=True):
    """What each end user of a tier may use."""

    pace: Pace
    limits: tuple[Limit, ...]


class Allowance(msgspec.Struct, frozen=True):
    """What a process may let through for the tenant while limits cannot be checked."""

    requests: int
    nanousd: int


class Limits(msgspec.Struct, frozen=True):
    """Everything that limits a tenant's requests, besides what is its keys' own. `allowance` None: refuse while Redis is down."""

    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    max_request_nanousd: int | None = None
    pace: Pace = Pace()
    tiers: dict[str, Tier] = {}
    limits: tuple[Limit, ...] = ()
    allowance: Allowance | None = None


class Counter(msgspec.Struct, frozen=True):
    """What one limit counts for one request: a subject's usage of a metric in one window."""

    limit: Limit
    subject: str
    window: Window
    amount: int

    @property
    def field(self) -> str:
        """An end user's counters are in a hash of the end user's own and do not repeat the name."""
        subject = "" if self.limit.dimension == END_USER else self.subject
        return field(self.limit.metric, self.window, self.limit.dimension, subject)


def field(metric: str, window: Window, dimension: str, subject: str) -> str:
    """The name a counter goes by in Redis. Limits on the same thing share it."""
    return f"{metric}|{window.kind}|{window.start}|{dimension}|{subject}"


class CounterName(msgspec.Struct, frozen=True):
    """A counter's name taken apart."""

    metric: str
    kind: str
    start: int
    dimension: str
    subject: str


def parse_field(name: str) -> CounterName | None:
    """The parts of a counter's field; None if it is no counter's."""
    parts = name.split("|", 4)
    if len(parts) != 5 or parts[0] not in (REQUESTS, TOKENS, USD) or not parts[2].isdigit():
        return None
    return CounterName(parts[0], parts[1], int(parts[2]), parts[3], parts[4])


def subjects(
    *, key: str, end_user: str, tier: str, task: str, model: str, tags: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """The (dimension, subject) pairs a request counts in. The one place that says so; the drain adds the same up in PostgreSQL."""
    yield TENANT, ""
    yield KEY, key
    if end_user:
        yield END_USER, end_user
        yield TIER, tier
    if task:
        yield TASK, task
    if model:
        yield MODEL, model
    for tag in tags:
        yield TAG, tag
