"""Which limits apply is worked out once for the same people, and its lines are the same objects for all of them."""

from __future__ import annotations

import time

import msgspec

from billing.limits import Limit, Limits, Pace
from gateway.pipeline.applying import Applying, applying
from gateway.pipeline.exchange import Exchange, new_request_id
from gateway.types import Attempt, Endpoint, Plan, Snapshot
from tests.gateway.routing import ground

DIGEST = "0" * 64
NOW = 1_800_000_000.0
MODEL = ground.model("m")
LIMITED = msgspec.structs.replace(
    ground.snapshot((MODEL,)),
    keys={DIGEST: ground.key()},
    limits=Limits(
        limits=(
            Limit("plan:usd_per_month", "plan", "tenant", "usd", "month", 9),
            Limit("plan:user_tokens_per_day", "users", "end_user", "tokens", "day", 5),
        ),
        pace=Pace(requests_per_minute=60),
    ),
)


def of(snapshot: Snapshot, end_user: str) -> Applying:
    exchange = Exchange(
        request_id=new_request_id(),
        endpoint=Endpoint.CHAT,
        snapshot=snapshot,
        secret_sha256=DIGEST,
        started_ns=time.perf_counter_ns(),
    )
    request = ground.request("m", {"x-tollgate-user": end_user})
    return applying(exchange, request, Plan(task="", rule="", attempts=(Attempt(MODEL, "asked for"),)), "free", NOW)


def test_the_same_end_user_is_worked_out_once():
    fresh = msgspec.structs.replace(LIMITED, remembered={})
    assert of(fresh, "ann") is of(fresh, "ann")


def test_lines_of_all_end_users_are_the_same_objects():
    """Thousands of settlements are remembered with theirs."""
    fresh = msgspec.structs.replace(LIMITED, remembered={})
    ann, bob = of(fresh, "ann"), of(fresh, "bob")
    assert [counter.subject for counter in ann.counters] == ["", "ann"]
    assert [counter.subject for counter in bob.counters] == ["", "bob"]
    assert [line.amount for line in ann.counter_lines] == [9, 5]
    pairs = [
        *zip(ann.counter_lines, bob.counter_lines, strict=True),
        *zip(ann.ring_lines, bob.ring_lines, strict=True),
    ]
    assert len(pairs) == 3
    assert all(one is other for one, other in pairs)


def test_a_line_that_differs_is_another():
    fresh = msgspec.structs.replace(LIMITED, remembered={})
    higher = Limits(limits=(msgspec.structs.replace(LIMITED.limits.limits[0], amount=10),))
    changed = msgspec.structs.replace(fresh, limits=higher)
    assert [line.amount for line in of(fresh, "ann").counter_lines] == [9, 5]
    assert [line.amount for line in of(changed, "bob").counter_lines] == [10]
