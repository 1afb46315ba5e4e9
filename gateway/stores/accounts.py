"""A gateway process's own books: what its requests hold, what it has just settled, and what could not be settled while Redis was away.

Once a second it prolongs the leases of requests under way. Where Redis has lost data, or may have (it was started again), it puts their
holds back and repeats the settlements of the last seconds (the drain drops records that the log has). Where Redis has been away it
replays the spool. What the disk does not take either, memory keeps until one of the two is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Coroutine
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from billing.limits import Allowance
from gateway.errors import StoreUnavailable
from gateway.stores import counters
from gateway.stores.counters import Demand, Hold, Settlement
from gateway.stores.lookups import Lookup
from gateway.stores.recent import Recent
from gateway.stores.redis import RedisStore
from gateway.stores.spool import Spool, SpoolError
from gateway.stores.unkept import Unkept

logger = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
RENEW_AFTER = 0.25  # of the lease: most requests are over before
WOKEN = 2  # by one settlement
ADMITTED = (b"ok", b"hit")  # verdicts

_settlements = msgspec.msgpack.Decoder(Settlement)


class Started(NamedTuple):
    """A settlement that has been begun. `done` is to be awaited once, whatever happens meanwhile. `is_sent`: it is on its way to Redis, and
    will be done there before anybody looks who hears of it from this process in the next turn of the event loop; should it not get there,
    `done` sees to that."""

    done: Coroutine[Any, Any, None]
    is_sent: bool


class Accounts:
    """The books of one process. To be used from its event loop only."""

    def __init__(
        self, redis: RedisStore, spool: Spool, *, lease_seconds: float, reopen: Callable[[UUID], Awaitable[None]]
    ) -> None:
        """`reopen` lets counting begin again for a tenant whose counters Redis has lost."""
        self.redis = redis
        self.lease_ms = int(lease_seconds * 1000)
        self._spool = spool
        self._unkept = Unkept()
        self._reopen = reopen
        self._holds: dict[str, Hold] = {}
        self._restoring: dict[str, asyncio.Future[None]] = {}
        self._waiting: defaultdict[UUID, deque[asyncio.Future[None]]] = defaultdict(deque)
        self._recent = Recent()
        self._epochs: dict[UUID, str] = {}
        self._looking: dict[UUID, asyncio.Task[None]] = {}
        self._unanswered: set[str] = set()  # reservations whose request went away before the reply came
        self._allowances: dict[UUID, list[int]] = {}
        self._beating: asyncio.Task[None] | None = None
        self.is_cut_off = False

    async def reserve(
        self,
        hold: Hold,
        version: int,
        lookup: Lookup | None = None,
        *,
        meanwhile: Callable[[], None] | None = None,
    ) -> list[Any]:
        """The reserve script's verdict; a request that is let in is on the books from then on. Raises `StoreUnavailable`. `meanwhile` is
        called while Redis is at it, where this process has the time; it must not raise."""
        self._begin_beating()
        if self.is_cut_off:
            raise _away()
        # On the books before it is sent: should the reply be lost, settling releases what may have been taken.
        self._holds[hold.request_id] = hold
        try:
            verdict = await counters.reserve(self.redis, hold, version, lookup, meanwhile=meanwhile)
        except StoreUnavailable:
            self.is_cut_off = True
            raise
        except asyncio.CancelledError:
            self._unanswered.add(hold.request_id)
            raise
        if verdict[0] in ADMITTED:
            hold.output_cap = int(verdict[1])
            hold.epoch = _epoch(verdict[3])
            # Not overwritten: a beat that sees another epoch puts back what the lost one had.
            self._epochs.setdefault(hold.tenant_id, hold.epoch)
        else:
            del self._holds[hold.request_id]
            if verdict[0] in (b"closed", b"unknown") and hold.tenant_id in self._epochs:
                self._look_soon(hold.tenant_id)
        return verdict

    def _look_soon(self, tenant_id: UUID) -> None:
        """Redis has lost the tenant's data: what this process knows of it goes back without waiting for the next beat."""
        if tenant_id not in self._looking:
            looking = self._looking[tenant_id] = asyncio.ensure_future(self._look_now(tenant_id))
            looking.add_done_callback(lambda _: self._looking.pop(tenant_id, None))

    async def _look_now(self, tenant_id: UUID) -> None:
        with contextlib.suppress(StoreUnavailable):
            await self._look_after_tenant(tenant_id, time.monotonic())

    def take_allowance(self, tenant_id: UUID, allowance: Allowance, nanousd: int) -> bool:
        """Let a request through while limits cannot be checked, if the tenant's allowance in this process has room for it, and the disk for
        what it will have used."""
        if self._unkept:
            return False
        left = self._allowances.setdefault(tenant_id, [allowance.requests, allowance.nanousd])
        if left[0] < 1 or left[1] < nanousd:
            return False
        left[0] -= 1
        left[1] -= nanousd
        return True

    async def settle(self, settlement: Settlement, demand: Demand | None = None) -> None:
        """Charge, release and record; into the spool if Redis is away. Never raises but when cancelled. `demand`: what the settlement's was
        made of, which takes less room to remember."""
        await self.start_settling(settlement, demand).done

    def start_settling(self, settlement: Settlement, demand: Demand | None = None) -> Started:
        """As `settle`, begun."""
        # Off the books before it is sent, so that a hold that is being settled is not put back afterwards.
        request_id = settlement.request_id
        self._holds.pop(request_id, None)
        if self.is_cut_off or request_id in self._restoring or request_id in self._unanswered:
            return Started(self._settle(settlement, demand, self._settle_in_turn(settlement)), is_sent=False)
        is_sent = self.redis.is_sure(counters.SETTLE)
        reply = counters.start_settling(self.redis, settlement)
        return Started(self._settle(settlement, demand, reply), is_sent=is_sent)

    async def _settle(self, settlement: Settlement, demand: Demand | None, reply: Coroutine[Any, Any, object]) -> None:
        try:
            await reply
        except StoreUnavailable:
            self.is_cut_off = True
            self._begin_beating()
            await self._keep(settlement)  # what it records comes back with it, not also from what is recent
        except asyncio.CancelledError:
            self._recent.note(settlement, demand, time.monotonic())  # it is on its way
            raise
        else:
            self._recent.note(settlement, demand, time.monotonic())
        finally:
            if self._waiting:
                self._wake(UUID(settlement.tenant_id))

    async def _settle_in_turn(self, settlement: Settlement) -> None:
        """After what has to be over first."""
        restored = self._restoring.get(settlement.request_id)
        if restored is not None:
            await restored
        if settlement.request_id in self._unanswered:
            # On another connection the release could overtake the reservation, which would then be held by nobody.
            self._unanswered.discard(settlement.request_id)
            await self.redis.quiet()
        if self.is_cut_off:
            raise _away()
        await counters.settle(self.redis, settlement)

    async def room(self, tenant_id: UUID, seconds: float) -> None:
        """Wait until a request of the tenant has ended here, which may make room, or for `seconds`: others end elsewhere."""
        woken = asyncio.get_running_loop().create_future()
        queue = self._waiting[tenant_id]
        queue.append(woken)
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await woken
        except TimeoutError:
            pass
        finally:
            if woken in queue:
                queue.remove(woken)
            if not queue:
                self._waiting.pop(tenant_id, None)

    def _wake(self, tenant_id: UUID) -> None:
        """Those who have waited longest try again; waking all would have all but a few wait on."""
        queue = self._waiting.get(tenant_id)
        for _ in range(min(WOKEN, len(queue or ()))):
            waiter = queue.popleft()  # type: ignore[union-attr]
            if not waiter.done():
                waiter.set_result(None)

    async def _keep(self, settlement: Settlement) -> None:
        try:
            await self._spool_one(settlement)
        except SpoolError as error:
            if not self._unkept:
                logger.error("%s. Settlements wait in memory until Redis or the disk takes them.", error)
            self._unkept.add(settlement.without_cache())

    async def _spool_one(self, settlement: Settlement) -> None:
        await self._spool.append(msgspec.msgpack.encode(settlement.without_cache()))

    def _begin_beating(self) -> None:
        if self._beating is None:
            self._beating = asyncio.ensure_future(self._beat())

    async def _beat(self) -> None:
        while True:
            try:
                await self.look_after()
            except StoreUnavailable:
                self.is_cut_off = True
                with contextlib.suppress(SpoolError):
                    await self._unkept.hand_on(self._spool_one)
            except Exception:
                logger.exception("looking after the books failed")
            await asyncio.sleep(BEAT_SECONDS)

    async def look_after(self) -> None:
        """One beat. Raises `StoreUnavailable` if Redis is away."""
        now = time.monotonic()
        self._recent.forget_old(now)
        was_cut_off = self.is_cut_off
        if was_cut_off:
            await self.redis.call("PING")
        tenants = {hold.tenant_id for hold in self._holds.values()} | set(map(UUID, self._recent.tenants()))
        for tenant_id in tenants:
            await self._look_after_tenant(tenant_id, now)
        for tenant_id in self._epochs.keys() - tenants:
            del self._epochs[tenant_id]
        await self._spool.replay(self._replay)
        await self._unkept.hand_on(self._settle_again)
        if was_cut_off:
            # Not before: what waited in the spool is used up, and Redis has to know before more is let in.
            self.is_cut_off = False
            self._allowances.clear()
            logger.warning("Redis answers again")

    async def _look_after_tenant(self, tenant_id: UUID, now: float) -> None:
        holds = [hold for hold in self._holds.values() if hold.tenant_id == tenant_id]
        due = [hold.request_id for hold in holds if now - hold.reserved_at > self.lease_ms * RENEW_AFTER / 1000]
        epoch, _ = await counters.renew(self.redis, tenant_id, due, self.lease_ms)
        if not epoch and tenant_id in self._epochs:
            await self._reopen(tenant_id)
            epoch, _ = await counters.renew(self.redis, tenant_id, [], self.lease_ms)
        if not epoch:
            return
        # A hold without an epoch has not been answered yet; the answer says in which it was made.
        lost = [hold for hold in self._holds.values() if hold.tenant_id == tenant_id and hold.epoch not in ("", epoch)]
        if self._epochs.setdefault(tenant_id, epoch) != epoch:
            await self._put_back(tenant_id, epoch, lost)
        else:
            await self._restore(epoch, lost)

    async def _put_back(self, tenant_id: UUID, epoch: str, lost: list[Hold]) -> None:
        """Redis has lost of the tenant's data. What this process knows goes back, before requests are admitted again."""
        recent = self._recent.of(str(tenant_id))
        logger.warning("tenant %s: %s holds and %s settlements go back to Redis", tenant_id, len(lost), len(recent))
        # All at once: one after the other could take longer than requests are kept waiting. A settlement is made again rather than its
        # records alone, as the hold that it released may be there again.
        await asyncio.gather(
            self._restore(epoch, lost), *(counters.settle(self.redis, settlement) for settlement in recent)
        )
        self._epochs[tenant_id] = epoch

    async def _restore(self, epoch: str, lost: list[Hold]) -> None:
        await asyncio.gather(*(self._restore_one(epoch, hold) for hold in lost))

    async def _restore_one(self, epoch: str, hold: Hold) -> None:
        if hold.request_id not in self._holds or hold.request_id in self._restoring:
            return  # settled meanwhile, or being restored
        done = self._restoring[hold.request_id] = asyncio.get_running_loop().create_future()
        try:
            await counters.restore(self.redis, hold, epoch)
            hold.epoch = epoch
        finally:
            del self._restoring[hold.request_id]
            done.set_result(None)

    async def _replay(self, payload: bytes) -> None:
        """A settlement out of the spool."""
        try:
            settlement = _settlements.decode(payload)
        except msgspec.MsgspecError:
            logger.exception("the spool holds something that is no settlement")
            return
        await self._settle_again(settlement)

    async def _settle_again(self, settlement: Settlement) -> None:
        await counters.settle(self.redis, settlement)
        self._recent.note(settlement, None, time.monotonic())

    async def close(self) -> None:
        """Stop looking after the books; what the spool holds stays for the next process."""
        for looking in list(self._looking.values()):
            looking.cancel()
        if self._beating is not None:
            self._beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._beating
        if self._unkept:
            with contextlib.suppress(SpoolError):
                await self._unkept.hand_on(self._spool_one)
            self._unkept.give_up()
        await self._spool.close()


@lru_cache(maxsize=4096)
def _epoch(name: bytes) -> str:
    return name.decode()


def _away() -> StoreUnavailable:
    return StoreUnavailable("Limits cannot be checked just now. Try again in a few seconds.", retry_after_seconds=1)
