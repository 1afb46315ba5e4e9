"""Settles what nobody else will: holds whose process died, at the amounts that were held, marked as such.

Should the process turn out to live (it had lost sight of Redis), its own settlement corrects the charge, and its record replaces this one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from uuid import UUID

import msgspec
from redis import Redis

from gateway.stores import counters, usage_record
from gateway.stores.counters import Settlement
from gateway.stores.redis import Script
from tenants import redis_keys

logger = logging.getLogger(__name__)
BATCH = 500
_EXPIRED = Script("expired")


def with_expired(redis: Redis, tenant_ids: Iterable[UUID]) -> list[UUID]:
    """The tenants that have a hold whose lease is over; one round trip."""
    now_ms = int(time.time() * 1000)  # the script looks again, by Redis's clock
    tenants = list(tenant_ids)
    pipeline = redis.pipeline(transaction=False)
    for tenant_id in tenants:
        pipeline.zcount(redis_keys.leases(tenant_id), "-inf", now_ms)
    return [tenant_id for tenant_id, count in zip(tenants, pipeline.execute(), strict=True) if count]


def sweep(redis: Redis, tenant_id: UUID) -> int:
    """Settle the tenant's holds whose leases are over; returns how many. Safe to run twice, and beside the processes' own settling."""
    keys = [redis_keys.holds(tenant_id), redis_keys.leases(tenant_id)]
    swept = 0
    while True:
        found = redis.eval(_EXPIRED.text, len(keys), *keys, BATCH)
        settled = 0
        for request_id, cap, tokens, nanousd, demand, record in found:
            settlement = _settlement(
                tenant_id, request_id.decode(), int(cap), int(tokens), int(nanousd), demand, record
            )
            script_keys = settlement.keys()
            outcome = redis.eval(counters.SETTLE.text, len(script_keys), *script_keys, *settlement.arguments())
            settled += outcome == b"ok"
        swept += settled
        if settled:
            logger.warning("tenant %s: %s holds of dead processes were charged at what they held", tenant_id, settled)
        if len(found) < BATCH or not settled:
            return swept


def _settlement(
    tenant_id: UUID, request_id: str, cap: int, tokens: int, nanousd: int, demand: bytes, record: bytes
) -> Settlement:
    asked = counters.decode(demand)
    line = msgspec.structs.replace(
        usage_record.decode(record),
        input_tokens=asked.input_tokens,  # of a request that was given a cached answer, none
        output_tokens=tokens - asked.input_tokens,
        cost_nanousd=nanousd,
        output_cap=cap,
    )
    return Settlement(
        tenant_id=str(tenant_id),
        end_user=asked.end_user,
        idempotency="",
        request_id=request_id,
        mode="sweep",
        requests=1,
        tokens=tokens,
        nanousd=nanousd,
        epoch="",
        demand=demand,
        answer=b"",
        records=(usage_record.encode(line),),
    )
