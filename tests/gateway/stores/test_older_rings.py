"""While processes of two versions run, each settles what it can read, and leaves the other's last minute as it is."""

from __future__ import annotations

import time
from uuid import uuid4

import msgspec
import pytest
from django.conf import settings
from django_redis import get_redis_connection

from billing import rings
from gateway.stores import counters
from gateway.stores.counters import Demand, Hold, RingLine
from gateway.stores.redis import RedisStore
from tenants import redis_keys

OLDER = "ring|tenant|"


def demand(field: str) -> Demand:
    return Demand(
        lease_ms=60_000, end_user="", tier="", input_tokens=7, output_wanted=1, output_least=1, choices=1, input_nanousd=0, output_pico=0,
        counters=[], rings=[RingLine(1, field, 9, 0)], slots=[], fingerprint="", user_seconds=0,
    )  # fmt: skip


@pytest.mark.parametrize("field", [OLDER, rings.field("tenant|")])
async def test_a_hold_is_settled_whatever_version_made_it(field: str):
    tenant_id, request_id = uuid4(), uuid4().hex
    plain = get_redis_connection("default")
    own = redis_keys.counters(tenant_id)
    plain.set(redis_keys.config_version(tenant_id), 1)
    plain.hset(own, "epoch", f"{uuid4().hex}:0:0:{plain.info('server')['run_id']}")
    store = RedisStore(settings.REDIS_URL, timeout_seconds=30.0)
    hold = Hold(tenant_id, request_id, "", "", counters.encode(demand(field)), b"", 0, "", time.monotonic())
    verdict = await counters.reserve(store, hold, 1)
    assert verdict[0] == b"ok"
    # As long as a packed ring of today: not by its length is it told apart.
    older = msgspec.msgpack.encode([600_000_000, 8, [2**40] * rings.SLOTS, [200] * 10 + [1] * 11]).ljust(rings.BYTES)
    if field == OLDER:
        plain.hset(own, field, older)
    settlement = msgspec.structs.replace(counters.release(hold), requests=1, tokens=5)
    assert await counters.settle(store, settlement) == "ok"
    assert plain.hlen(redis_keys.holds(tenant_id)) == 0
    kept = plain.hget(own, field)
    if field == OLDER:
        assert kept == older
    else:
        state = rings.unpack(kept)
        assert (sum(state.requests), sum(state.tokens), state.held) == (1, 5, 0)
    await store.close()
    for key in (own, redis_keys.config_version(tenant_id), redis_keys.leases(tenant_id)):
        plain.delete(key)
