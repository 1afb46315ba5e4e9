"""A process's books while requests go away."""

from __future__ import annotations

import asyncio
import errno
import time
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django_redis import get_redis_connection

from billing import limits, windows
from billing.limits import Allowance
from gateway.stores import counters
from gateway.stores.accounts import Accounts
from gateway.stores.counters import CounterLine, Demand, Hold, Settlement
from gateway.stores.redis import RedisStore
from gateway.stores.redis_link import Link
from gateway.stores.spool import Spool, count_waiting
from gateway.stores.unkept import Unkept
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
    store = RedisStore(settings.REDIS_URL, timeout_seconds=30.0)
    store._link = SlowLink(settings.REDIS_URL, timeout_seconds=30.0)
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


class FullDisk:
    """A file system that takes nothing until there is room again."""

    is_full = True

    def __call__(self, descriptor: int) -> None:
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
async def away(tmp_path):
    """Books whose Redis is away, and whose disk is full."""
    disk = FullDisk()
    store = RedisStore(settings.REDIS_URL, timeout_seconds=30.0)
    accounts = Accounts(store, Spool(tmp_path, fsync=disk), lease_seconds=60, reopen=nothing)
    accounts.is_cut_off = True
    accounts._begin_beating = lambda: None  # type: ignore[method-assign]  # the test says when
    yield accounts, disk
    await accounts.close()
    await store.close()


def ended(tenant_id: UUID, *, content: bytes = b"") -> Settlement:
    return Settlement(
        str(tenant_id), "", "", uuid4().hex, "settle", 1, 5, 50, "", b"", b"", (b"record",), content=content
    )


def waiting(tenant_id: UUID) -> int:
    return get_redis_connection("default").xlen(redis_keys.usage_stream(tenant_id))


async def test_what_neither_redis_nor_the_disk_takes_waits_until_redis_is_back(away):
    accounts, _ = away
    tenant_id = uuid4()
    for _ in range(3):
        await accounts.settle(ended(tenant_id, content=b"a long prompt"))
    assert waiting(tenant_id) == 0
    await accounts.look_after()
    assert waiting(tenant_id) == 3
    assert not accounts.is_cut_off
    await accounts.look_after()
    assert waiting(tenant_id) == 3


async def test_a_settlement_is_on_its_way_only_where_nothing_has_to_be_over_before_it(away):
    accounts, _ = away
    tenant_id = uuid4()
    restored = ended(tenant_id)

    async def started(settlement: Settlement) -> bool:
        done, is_sent = accounts.start_settling(settlement)
        if settlement is restored and settlement.request_id in accounts._restoring:
            accounts._restoring.pop(settlement.request_id).set_result(None)
        await done
        return is_sent

    assert not await started(ended(tenant_id))  # Redis is known to be away
    await accounts.look_after()
    assert await started(ended(tenant_id))
    accounts._restoring[restored.request_id] = asyncio.get_running_loop().create_future()
    assert not await started(restored)
    went_away = ended(tenant_id)
    accounts._unanswered.add(went_away.request_id)  # its reservation may overtake the settlement
    assert not await started(went_away)
    assert waiting(tenant_id) == 4


async def test_and_goes_to_the_disk_once_there_is_room_again(away, tmp_path):
    accounts, disk = away
    tenant_id = uuid4()
    await accounts.settle(ended(tenant_id))
    assert count_waiting(tmp_path).records == 0
    disk.is_full = False
    await accounts.close()
    assert count_waiting(tmp_path).records == 1


async def test_nothing_is_let_in_under_an_allowance_while_its_use_could_not_be_kept(away):
    accounts, _ = away
    tenant_id, allowance = uuid4(), Allowance(requests=5, nanousd=1_000)
    assert accounts.take_allowance(tenant_id, allowance, 10)
    await accounts.settle(ended(tenant_id))
    assert not accounts.take_allowance(tenant_id, allowance, 10)
    await accounts.look_after()
    assert accounts.take_allowance(tenant_id, allowance, 10)


async def test_what_waits_is_bounded_and_what_is_given_up_is_said(caplog):
    unkept = Unkept(most=1)
    first, second = ended(uuid4()), ended(uuid4())
    unkept.add(first)
    unkept.add(second)
    assert unkept.lost == 1
    assert second.request_id in caplog.text
    taken: list[Settlement] = []

    async def take(settlement: Settlement) -> None:
        taken.append(settlement)

    await unkept.hand_on(take)
    assert taken == [first]
    assert not unkept
