"""A process's books while requests go away."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django_redis import get_redis_connection

from billing import limits, windows
from gateway.stores import counters
from gateway.stores.accounts import Accounts
from gateway.stores.counters import CounterLine, Demand, Hold, Settlement
from gateway.stores.redis import RedisStore
from gateway.stores.redis_link import Link
from gateway.stores.spool import Spool
from tenants import redis_keys

FIELD = limits.field(limits.REQUESTS, windows.Window("total", 0, None), limits.TENANT, "")
DEMAND = Demand(
    lease_ms=60_000, end_user="", tier="", input_tokens=1, output_wanted=1, output_least=1, choices=1, input_nanousd=0, output_pico=0,
    counters=[CounterLine(1, FIELD, 1, 5, 0, 0, 0)], rings=[], slots=[], fingerprint="", user_seconds=0,
)  # fmt: skip


class SlowLink(Link):
    """Its commands leave late, as where a connection has to be made for them."""

    async def _open(self) -> Any:
        await asyncio.sleep(0.3)
        return await super()._open()


async def nothing(_: UUID) -> None:
    return None


@pytest.mark.parametrize("wait", [0.0, 0.1], ids=["in the same turn", "while it is under way"])
async def test_a_request_that_goes_away_before_its_reservation_is_answered_leaves_no_hold(tmp_path, wait):
    tenant_id = uuid4()
    plain = get_redis_connection("default")
    plain.set(redis_keys.config_version(tenant_id), 1)
    plain.hset(redis_keys.counters(tenant_id), "epoch", f"{uuid4().hex}:0:0:{plain.info('server')['run_id']}")
    for script in (counters.RESERVE, counters.SETTLE):
        plain.script_load(script.text)
    store = RedisStore(settings.REDIS_URL, timeout_seconds=5.0)
    store._link = SlowLink(settings.REDIS_URL, timeout_seconds=5.0)
    accounts = Accounts(store, Spool(tmp_path), lease_seconds=60, reopen=nothing)
    request_id = uuid4().hex
    hold = Hold(tenant_id, request_id, "", "", counters.encode(DEMAND), b"", 0, "", time.monotonic())
    reserving = asyncio.ensure_future(accounts.reserve(hold, 1))
    await asyncio.sleep(wait)
    reserving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reserving
    await accounts.settle(Settlement(str(tenant_id), "", "", request_id, "settle", 0, 0, 0, "", b"", b"", ()))
    assert plain.hget(redis_keys.counters(tenant_id), f"h{FIELD}") == b"0"
    assert plain.hlen(redis_keys.holds(tenant_id)) == 0
    assert plain.hget(redis_keys.counters(tenant_id), FIELD) == b"0"  # it was made
    await accounts.close()
    await store.close()
