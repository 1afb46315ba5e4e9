"""What requests ask of a tenant's counters, as Hypothesis draws it, and what a plain model knows of those that were let in."""

from __future__ import annotations

from uuid import UUID

import msgspec
from hypothesis import strategies as st

from billing import limits, windows
from gateway.stores import usage_record
from gateway.stores.counters import (
    METRICS,
    TENANT_HASH,
    USER_HASH,
    CounterLine,
    Demand,
    Hold,
    Settlement,
    SlotLine,
)
from gateway.stores.usage_record import UsageRecord

USER, SLOT, LEASE_MS = "alice", "slot|own", 60_000
ALWAYS = windows.Window("total", 0, None)
DIMENSIONS = {TENANT_HASH: limits.TENANT, USER_HASH: limits.END_USER}
COUNTERS = [(owner, limits.field(metric, ALWAYS, DIMENSIONS[owner], "")) for owner in DIMENSIONS for metric in METRICS]
BLANK = {item.name: item.type() for item in msgspec.structs.fields(UsageRecord) if item.type in (str, int, bool, float)}
ROOM = {limits.REQUESTS: (0, 3, 12), limits.TOKENS: (700, 1_001, 4_000), limits.USD: (33_333, 50_001, 200_000)}
Usage = tuple[int, int, int]  # requests, tokens, nano-dollars


def line(owner: int, metric: str, amount: int) -> CounterLine:
    field = limits.field(metric, ALWAYS, DIMENSIONS[owner], "")
    return CounterLine(owner, field, METRICS[metric], amount, window_start_ms=0, verified_from_ms=0, mark=0)


def lines(owner: int) -> st.SearchStrategy[list[CounterLine]]:
    """One limit of the tenant or the end user, or two, which may share a counter; -1 only counts."""
    some = [line(owner, metric, amount) for metric, room in ROOM.items() for amount in (-1, *room)]
    return st.lists(st.sampled_from(some), min_size=1, max_size=2)


DEMANDS = st.builds(
    lambda **drawn: Demand(lease_ms=LEASE_MS, end_user=USER, tier="free", rings=[], fingerprint="", **drawn),
    input_tokens=st.integers(0, 200), output_wanted=st.integers(50, 300), output_least=st.integers(1, 50), choices=st.integers(1, 3),
    input_nanousd=st.integers(0, 5_000), output_pico=st.integers(0, 50_001), user_seconds=st.sampled_from([0, 3_600]),
    counters=lines(TENANT_HASH) | st.builds(list.__add__, lines(TENANT_HASH), lines(USER_HASH)),
    slots=st.lists(st.builds(SlotLine, st.sampled_from([1, 2]), st.just(SLOT), st.integers(1, 5)), max_size=1),
)  # fmt: skip
SHARES = st.sampled_from([0, 1, 50, 100, 101, 250])  # of what is held, in percent: below, at, above
PERCENT = {"requests": st.integers(0, 1), "tokens": SHARES, "nano": SHARES}


class Request(msgspec.Struct):
    """A request that was let in, and what has become of it."""

    hold: Hold
    demand: Demand
    held: Usage
    is_held: bool = True
    is_expired: bool = False
    is_swept: bool = False
    charged: Usage = (0, 0, 0)
    is_open: bool = True  # neither settled nor swept
    is_repeatable: bool = False  # settled once, in its own epoch, which is the present one
    settlement: Settlement | None = None


PROBE = Demand(
    LEASE_MS, USER, "free", 0, 1, 1, 1, 0, 0, [line(owner, limits.REQUESTS, 9) for owner in (TENANT_HASH, USER_HASH)], [], [], "", 0
)  # fmt: skip


def amounts(demand: Demand, cap: int) -> Usage:
    """What a request with this output cap holds."""
    output_nano = -(-cap * demand.output_pico * demand.choices // 1000)
    return 1, demand.input_tokens + cap * demand.choices, demand.input_nanousd + output_nano


def affordable(demand: Demand, metric: int, room: int) -> int:
    """The largest output cap wanted whose amount fits into `room`, by trying; below zero if none does."""
    return next((cap for cap in range(demand.output_wanted, -1, -1) if amounts(demand, cap)[metric - 1] <= room), -1)


def record(tenant_id: UUID, request_id: UUID, used: Usage, input_tokens: int, source: str) -> bytes:
    made = UsageRecord(**BLANK | {
        "id": request_id, "request_id": request_id, "tenant_id": tenant_id, "api_key_id": tenant_id, "usage_source": source,
        "attempt": used[0], "input_tokens": input_tokens, "output_tokens": used[1] - input_tokens, "cost_nanousd": used[2],
    }, tags=(), ttft_ms=None, steps_us={})  # fmt: skip
    return usage_record.encode(made)
