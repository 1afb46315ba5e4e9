"""The state of one request on its way: what is known so far, and how long each step took. Filled in step by step, read by
settlement and observability."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from gateway.caching.assembly import Assembly
from gateway.caching.policy import ANYTHING, Control
from gateway.caching.semantic import Hit
from gateway.context.summaries import Wanted
from gateway.errors import GatewayError
from gateway.prefix.decision import Decision
from gateway.stores.content_record import Heard
from gateway.stores.counters import Demand, Hold
from gateway.stores.flights import Flight
from gateway.stores.lookups import Lookup
from gateway.types import (
    Attempt,
    CachePolicy,
    Cheaper,
    ContextChange,
    ContextPolicy,
    Endpoint,
    Key,
    Plan,
    Request,
    Snapshot,
    Usage,
)
from tenants.ids import of_int, uuid7

ATTEMPT_BYTE = 0xFF


def new_request_id() -> UUID:
    """A version 7 UUID whose last byte is 0: a record's id has the attempt there."""
    return uuid7(without=ATTEMPT_BYTE)


class PaceLeft(msgspec.Struct, frozen=True, gc=False):
    """What is left of the tightest limits per minute; a limit of 0: there is none."""

    requests_limit: int
    requests_left: int
    tokens_limit: int
    tokens_left: int


HIT, SEMANTIC, STALE, MISS, BYPASS = "hit", "semantic", "stale", "miss", "bypass"  # what an answer says of the caches


class Cached(msgspec.Struct, frozen=True, gc=False):
    """An answer from a cache, in the caller's format and as it was asked for, whole or as a stream.

    `status`: HIT, SEMANTIC, or STALE: given because no model could answer. `saved_nanousd`: what it cost when it was made, where it was
    given instead of a call. `similarity`: of the two questions, None where they are the very same.
    """

    status: str
    body: bytes
    provider: str
    model: str
    age_ms: int
    saved_nanousd: int | None = None
    similarity: float | None = None


class Caching(msgspec.Struct, frozen=True, gc=False):
    """What a request has to do with the exact cache: what it asks of it, and why its answer is not kept (empty: it is).

    `version`: of the configuration this was decided under. `is_detour`: a model of the route is passed over for the moment.
    """

    policy: CachePolicy
    lookup: Lookup
    not_kept: str
    version: int
    is_detour: bool = False


class Meaning(NamedTuple):
    """What a request has to do with the semantic cache: its question, and the digest of all else in it (`scope`).

    `least`: the similarity from which on an earlier question is looked at. `reads` and `keeps`: as policy and caller allow. `vector`: the
    question's, once it is known.
    """

    policy: CachePolicy
    question: str
    scope: bytes
    least: float
    reads: bool
    keeps: bool
    vector: Sequence[float] | None = None


class Ending(msgspec.Struct, frozen=True, gc=False):
    """How a request ended: its whole answer, if it has one, or why it has none (`failed`)."""

    body: bytes | None
    failed: str
    usage: Usage
    finish_reason: str
    cost_nanousd: int


class PrefixCached(NamedTuple):
    """Input tokens that providers' caches gave and took in, and what that saved; less than nothing where writing cost more."""

    read_tokens: int = 0
    written_tokens: int = 0
    saved_nanousd: int = 0


NOTHING_CACHED = PrefixCached()


class Ended(NamedTuple):
    """An attempt that did not become the answer. `error` None: its answer was not good enough."""

    number: int
    attempt: Attempt
    error: GatewayError | None
    usage: Usage | None
    is_reported: bool
    finish_reason: str
    latency_ms: float
    steps_us: dict[str, int]


class Exchange:
    """One request. Times are monotonic nanoseconds; `accepted_ms` is Unix milliseconds, the same as in the request id."""

    __slots__ = (
        "_id",
        "_numbered",
        "accepted_ms",
        "ahead",
        "assembly",
        "attempt",
        "attempt_started_ns",
        "attempts_made",
        "budget_shares",
        "cache",
        "cache_reason",
        "cached",
        "caching",
        "cascade",
        "cheaper",
        "context",
        "context_policy",
        "control",
        "conversation",
        "cost_nanousd",
        "demand",
        "demanded",
        "ended",
        "ending",
        "endpoint",
        "fingerprint",
        "first_token_ns",
        "flight",
        "flight_deadline",
        "has_own_marks",
        "heard",
        "held_nanousd",
        "hex",
        "hold",
        "idempotency",
        "input_bound",
        "is_settled",
        "kept",
        "key",
        "lap_ns",
        "least_similarity",
        "left_out",
        "lowered_by",
        "meaning",
        "output_cap",
        "pace",
        "plan",
        "prefix",
        "prefix_cache",
        "request",
        "request_id",
        "secret_sha256",
        "semantic_hit",
        "settled_for",
        "skipped",
        "snapshot",
        "started_ns",
        "steps_us",
        "summary_wanted",
        "tier",
        "top_ups",
        "traceparent",
    )  # fmt: skip

    def __init__(
        self, *, request_id: UUID, endpoint: Endpoint, snapshot: Snapshot, secret_sha256: str, started_ns: int
    ) -> None:
        self.request_id = request_id
        self.hex = request_id.hex
        self._numbered, self._id = 0, request_id  # the last id that was asked for: it is asked for twice
        self.accepted_ms = request_id.int >> 80
        self.endpoint = endpoint
        self.snapshot = snapshot
        self.secret_sha256 = secret_sha256
        self.key: Key = snapshot.keys[secret_sha256]
        self.started_ns = started_ns
        self.lap_ns = started_ns
        self.steps_us: dict[str, int] = {}
        self.request: Request | None = None
        self.plan: Plan | None = None
        self.attempt: Attempt | None = None
        self.attempts_made = 0
        self.attempt_started_ns = 0
        self.ended: list[Ended] = []  # attempts before the present one
        self.skipped: list[tuple[str, str]] = []  # models that were not called, and why
        self.cascade = ""  # how a cascade's first answer was judged
        self.settled_for: Attempt | None = (
            None  # whose answer was given although it was not good enough: no better model could answer
        )
        self.first_token_ns = 0
        self.is_settled = False
        self.cost_nanousd = 0
        # What it has to do with caches: the caller's wishes, the policy's, and what was found.
        self.control: Control = ANYTHING
        self.caching: Caching | None = None
        self.cache = ""
        self.cache_reason = ""
        self.cached: Cached | None = None
        self.flight: Flight | None = None  # its own, for whose end others may wait
        self.flight_deadline = 0.0  # until when (monotonic) it waits for another's; 0: it does not
        self.assembly: Assembly | None = None  # of its stream
        self.heard: Heard | None = None  # of its stream, where its content is stored
        self.least_similarity = 0.0  # that the caller asks for
        self.meaning: Meaning | None = None
        self.semantic_hit: Hit | None = None
        self.ending: Ending | None = None
        # What the context optimiser did, and by which policy.
        self.context: ContextChange | None = None
        self.context_policy: ContextPolicy | None = None
        self.summary_wanted: Wanted | None = None
        # What the prefix cache step decided, and what became of it over all calls.
        self.has_own_marks: bool | None = None  # None: nobody has looked
        self.prefix: Decision | None = None
        self.prefix_cache = NOTHING_CACHED
        # What reservation found and took.
        self.tier = ""
        self.cheaper: Cheaper | None = None
        self.input_bound = 0
        self.output_cap: int | None = None
        self.lowered_by = ""
        self.demand = b""  # as the scripts take it, and what that was made of
        self.demanded: Demand | None = None
        self.left_out: frozenset[int] = frozenset()  # models of the plan, from 1 on, whose own budgets have no room
        self.hold: Hold | None = None
        self.top_ups: list[Hold] = []  # held on top, as failed calls have cost something
        self.budget_shares: dict[tuple[str, str], int] = {}  # percent used, by budget and subject, as far as rules ask
        self.conversation = ""
        self.held_nanousd = 0
        self.ahead: Any = None  # a call made ready meanwhile, `calls.Ahead`
        self.pace: PaceLeft | None = None
        # A repeated call under one idempotency key is answered from what the first one kept.
        self.idempotency = ""
        self.fingerprint = ""
        self.kept: list[bytes] | None = None
        self.traceparent = ""  # the caller's, as W3C has it; whether it is one is looked at when traces are exported

    def begin_attempt(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.attempts_made += 1
        self.attempt_started_ns = time.perf_counter_ns()

    def end_attempt(
        self,
        error: GatewayError | None = None,
        *,
        usage: Usage | None = None,
        is_reported: bool = False,
        finish_reason: str = "",
    ) -> None:
        """The present attempt did not become the answer; another one may."""
        assert self.attempt is not None
        if self.prefix is not None:
            self.prefix.answered(usage or Usage())
        now = time.perf_counter_ns()
        self.ended.append(
            Ended(
                number=self.attempts_made,
                attempt=self.attempt,
                error=error,
                usage=usage,
                is_reported=is_reported,
                finish_reason=finish_reason,
                latency_ms=(now - self.attempt_started_ns) / 1e6,
                steps_us=self.steps_us,
            )
        )
        self.steps_us = {}
        self.first_token_ns = 0

    def capped(self, output_tokens: int) -> int:
        """An estimate of what was made, which is no more than the provider was allowed to make."""
        if self.output_cap is None or self.request is None:
            return output_tokens
        return min(output_tokens, self.output_cap * (getattr(self.request.body, "n", None) or 1))

    def lap(self, step: str) -> None:
        """The time since the last lap was spent in `step`."""
        now = time.perf_counter_ns()
        self.steps_us[step] = self.steps_us.get(step, 0) + (now - self.lap_ns) // 1000
        self.lap_ns = now

    def saw_first_token(self) -> None:
        if not self.first_token_ns:
            self.first_token_ns = time.perf_counter_ns()

    @property
    def public_id(self) -> str:
        """As in `x-request-id`."""
        return f"req_{self.hex}"

    def id_of_attempt(self, attempt: int) -> UUID:
        """The id of an attempt's record."""
        if attempt != self._numbered:
            self._numbered, self._id = attempt, of_int(self.request_id.int | attempt)
        return self._id
