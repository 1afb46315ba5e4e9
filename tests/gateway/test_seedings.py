"""What a tenant's requests need from the ledger while it is read for others is read together, by the next reading."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Any
from uuid import UUID

import pytest

from billing import rings
from gateway.errors import StoreUnavailable
from gateway.last_minute import Ring
from gateway.ledger import Field
from gateway.seedings import Seedings
from gateway.stores.threads import Threads
from tenants.ids import uuid7

ACME, GLOBEX = uuid7(), uuid7()


def field(user: str) -> Field:
    return Field(user, "usd|month|0|end_user|")


class Readings(Threads):
    """Notes what is to be read, and waits until it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[tuple[UUID, dict[Field, int], list[Ring]]] = []
        self.may_go_on = asyncio.Event()
        self.failing = 0  # readings, the first ones

    async def once(self, name: Hashable, work: Callable[[], Any]) -> Any:
        tenant_id, fields, rings = work.args  # type: ignore[attr-defined]
        self.read.append((tenant_id, dict(fields), rings))
        number = len(self.read)
        await self.may_go_on.wait()
        if number <= self.failing:
            raise StoreUnavailable("away", retry_after_seconds=1)


async def until_read(readings: Readings, count: int) -> None:
    async with asyncio.timeout(5):
        while len(readings.read) < count:
            await asyncio.sleep(0)


async def test_those_who_come_meanwhile_are_read_together():
    readings = Readings()
    seedings = Seedings(readings)
    first = asyncio.ensure_future(seedings.seed(ACME, {field("ann"): 1}, []))
    await until_read(readings, 1)
    ring = Ring("bob", rings.field("end_user|"), "end_user", "bob")
    others = [asyncio.ensure_future(seedings.seed(ACME, {field(user): 2}, [ring])) for user in ("bob", "cid", "bob")]
    later = asyncio.ensure_future(seedings.seed(ACME, {field("bob"): 5}, []))
    elsewhere = asyncio.ensure_future(seedings.seed(GLOBEX, {field("ann"): 1}, []))
    await until_read(readings, 2)
    readings.may_go_on.set()
    await asyncio.gather(first, *others, later, elsewhere)
    assert readings.read == [
        (ACME, {field("ann"): 1}, []),
        (GLOBEX, {field("ann"): 1}, []),
        (ACME, {field("bob"): 5, field("cid"): 2}, [ring]),
    ]


async def test_a_reading_that_fails_is_told_to_those_who_wait_for_it_and_the_next_one_goes_on():
    readings = Readings()
    readings.failing = 1
    seedings = Seedings(readings)
    first = asyncio.ensure_future(seedings.seed(ACME, {field("ann"): 1}, []))
    await until_read(readings, 1)
    second = asyncio.ensure_future(seedings.seed(ACME, {field("bob"): 1}, []))
    await asyncio.sleep(0)
    readings.may_go_on.set()
    with pytest.raises(StoreUnavailable):
        await first
    await second
    assert [read[1] for read in readings.read] == [{field("ann"): 1}, {field("bob"): 1}]


async def test_whoever_waits_no_longer_takes_nothing_from_the_others():
    readings = Readings()
    seedings = Seedings(readings)
    first, second = (asyncio.ensure_future(seedings.seed(ACME, {field(user): 1}, [])) for user in ("ann", "bob"))
    await until_read(readings, 1)
    first.cancel()
    readings.may_go_on.set()
    await second
    assert [read[1] for read in readings.read] == [{field("ann"): 1, field("bob"): 1}]
