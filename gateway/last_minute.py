"""A ring of the last minute (scripts/ring.lua) that Redis has lost, as the ledger and the requests under way tell it."""

from __future__ import annotations

import time
from typing import Any, NamedTuple
from uuid import UUID

from redis import Redis

from billing import limits, rings, selectors
from billing.rings import SLOT_SECONDS, SLOTS
from billing.windows import Window
from gateway import unwritten
from gateway.stores import counters
from gateway.stores.counters import USER_HASH, Demand
from gateway.stores.usage_record import UsageRecord
from tenants import redis_keys


class Ring(NamedTuple):
    """A ring of the last minute: of `subject` in `dimension`."""

    end_user: str
    name: str
    dimension: str
    subject: str


class Held(NamedTuple):
    """What a request under way holds of the rings in its demand. `slot` is the one that it was let in in."""

    demand: Demand
    tokens: int
    slot: int


def held(store: Redis, tenant_id: UUID) -> dict[str, Held]:
    """What each request under way holds, by its id; one round trip."""
    found: Any = store.eval(counters.HELD.text, 1, redis_keys.holds(tenant_id))
    holds = {}
    for request_id, demand, tokens, slot in zip(*[iter(found)] * 4, strict=True):
        holds[request_id.decode()] = Held(counters.decode(demand), tokens, slot)
    return holds


def of(tenant_id: UUID, ring: Ring, records: list[UsageRecord], holds: dict[str, Held]) -> rings.State:
    """What a ring has to hold.

    Requests under way are in it as they were when they were let in; their settlement corrects it.
    """
    head = int(time.time()) // SLOT_SECONDS
    oldest = (head - SLOTS + 1) * SLOT_SECONDS
    requests, tokens = [0] * SLOTS, [0] * SLOTS
    for at in range(oldest, (head + 1) * SLOT_SECONDS, SLOT_SECONDS):
        span = Window("minute", at, at + SLOT_SECONDS)
        index = at // SLOT_SECONDS % SLOTS
        fresh = unwritten.sums(records, ring.dimension, span)
        requests[index] += fresh[ring.subject, limits.REQUESTS]
        tokens[index] += fresh[ring.subject, limits.TOKENS]
    for slot, counted, used in selectors.used_by_slot(
        tenant_id, ring.dimension, ring.subject, since=oldest, slot_seconds=SLOT_SECONDS
    ):
        if head - SLOTS < slot <= head:
            requests[slot % SLOTS] += counted
            tokens[slot % SLOTS] += used
    under_way = 0
    settled = {record.request_id.hex for record in records}
    for request_id, hold in holds.items():
        if request_id not in settled and _counts(hold.demand, ring):
            under_way += hold.tokens
            if head - SLOTS < hold.slot <= head:
                requests[hold.slot % SLOTS] += 1
                tokens[hold.slot % SLOTS] += hold.tokens
    return rings.State(head, under_way, requests, tokens)


def _counts(demand: Demand, ring: Ring) -> bool:
    is_own = demand.end_user == ring.end_user or not ring.end_user
    return is_own and any(
        line.field == ring.name and (line.hash == USER_HASH) == bool(ring.end_user) for line in demand.rings
    )
