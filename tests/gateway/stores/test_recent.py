"""What a process remembers of what it has just told Redis, and for how long."""

from __future__ import annotations

import msgspec

from gateway.stores import counters
from gateway.stores.counters import CounterLine, Demand, RingLine, Settlement
from gateway.stores.recent import SECONDS, Recent

DEMAND = Demand(
    lease_ms=20_000,
    end_user="ann",
    tier="free",
    input_tokens=12,
    output_wanted=100,
    output_least=32,
    choices=1,
    input_nanousd=30_000,
    output_pico=10_000_000,
    counters=[CounterLine(1, "usd|month|1793487600|tenant|", 3, 5_000, 1_793_487_600_000, 0, 0)],
    rings=[RingLine(1, "minute|tenant|", 10, 0)],
    slots=[],
    fingerprint="",
    user_seconds=60,
)
TOLD = Settlement(
    tenant_id="acme",
    end_user="ann",
    idempotency="",
    request_id="0" * 32,
    mode="settle",
    requests=1,
    tokens=20,
    nanousd=900,
    epoch="e",
    demand=counters.encode(DEMAND),
    answer=b"",
    records=(b"record",),
)


def test_what_goes_back_is_what_was_told_whether_its_demand_was_kept_as_it_was_or_as_what_it_was_made_of():
    recent = Recent()
    recent.note(TOLD, DEMAND, 1.0)
    recent.note(TOLD, None, 1.0)
    assert recent.of("acme") == [TOLD, TOLD]
    assert recent.of("globex") == []


def test_a_request_that_held_nothing_goes_back_without_a_demand():
    recent = Recent()
    bare = msgspec.structs.replace(TOLD, demand=b"")
    recent.note(bare, DEMAND, 1.0)
    assert recent.of("acme") == [bare]


def test_nobody_waits_for_a_cached_answer_by_the_time_it_would_go_back():
    recent = Recent()
    recent.note(msgspec.structs.replace(TOLD, digest="f" * 48, cache=b"c", entry=b"answer"), DEMAND, 1.0)
    assert recent.of("acme") == [TOLD]


def test_what_is_older_is_forgotten_tenant_by_tenant():
    recent = Recent()
    recent.note(TOLD, DEMAND, 1.0)
    recent.note(msgspec.structs.replace(TOLD, tenant_id="globex"), DEMAND, 2.0)
    recent.forget_old(1.0 + SECONDS)
    assert recent.tenants() == ["acme", "globex"]
    recent.forget_old(1.5 + SECONDS)
    assert recent.tenants() == ["globex"]
    recent.forget_old(2.5 + SECONDS)
    assert recent.tenants() == []
