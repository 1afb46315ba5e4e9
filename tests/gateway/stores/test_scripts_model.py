"""The scripts against a plain model: whatever order requests are admitted, settled, swept, lost and put back in, the books agree.

The model is a list of requests; what is used and held follows from it. Some are given a cached answer, or told to wait for one. Rings
depend on the time of day and are not in it. Nor is what the scripts leave to reconciliation: a settlement repeated over a loss of data, and
a late one where the loss took what was swept.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings as django_settings
from django_redis import get_redis_connection
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from billing import limits
from gateway import sweeper
from gateway.ledger import SEEDING
from gateway.stores import counters, usage_record
from gateway.stores.counters import (
    METRICS,
    TENANT_HASH,
    USER_HASH,
    Demand,
    Hold,
    Settlement,
)
from gateway.stores.lookups import Lookup
from gateway.stores.redis import RedisStore, Script
from gateway.stores.usage_record import HELD, REPORTED, UsageRecord
from tenants import redis_keys
from tests.gateway.live import wait_until
from tests.gateway.stores.demands import (
    COUNTERS,
    DEMANDS,
    LEASE_MS,
    PERCENT,
    PROBE,
    SLOT,
    USER,
    Request,
    affordable,
    amounts,
    record,
)

HOLDINGS = Script("holdings")
DIGEST = "d" * 48
ENTRY = struct.pack(">dddd", 0, 2**50, 2**50, 2**50) + b"\0\0an entry"
GIVEN = Lookup(DIGEST, reads=True, reads_only=False, joins=True, max_age_ms=2**52)
JOINED = Lookup("e" * 48, reads=True, reads_only=False, joins=True, max_age_ms=2**52)


def about_one(test: Callable[[Request], bool], **drawn: st.SearchStrategy[Any]) -> Callable[..., Any]:
    """A rule about one of the requests that `test` is true of."""
    item = st.runner().flatmap(lambda books: st.sampled_from(books.those(test)))
    return lambda action: precondition(lambda books: books.those(test))(rule(item=item, **drawn)(action))


class Books(RuleBasedStateMachine):
    """One tenant's counters in the suite's Redis, and the model of them."""

    def __init__(self) -> None:
        super().__init__()
        self.tenant_id = uuid4()
        self.redis = get_redis_connection("default")
        self.runner = asyncio.Runner()
        self.store = RedisStore(django_settings.REDIS_URL, timeout_seconds=30.0)
        named = (redis_keys.counters, redis_keys.holds, redis_keys.swept, redis_keys.leases, redis_keys.usage_stream)
        own, self.holds, self.swept, self.leases, self.stream = (key(self.tenant_id) for key in named)
        self.hashes = {TENANT_HASH: own, USER_HASH: redis_keys.user_counters(self.tenant_id, USER)}
        self.keys = [*self.hashes.values(), self.holds, self.swept, self.leases, self.stream]
        self.cache = redis_keys.cached(self.tenant_id)
        self.flight = redis_keys.flight(self.tenant_id, JOINED.digest)
        self.redis.hset(self.cache, DIGEST, ENTRY)
        self.requests: list[Request] = []
        self.logged: list[bytes] = []
        self.epoch = self.open(0)

    def teardown(self) -> None:
        with self.runner:
            self.runner.run(self.store.close())
        self.redis.delete(*self.keys, self.cache, self.flight, redis_keys.config_version(self.tenant_id))

    def open(self, since_ms: int) -> str:
        epoch = f"{uuid4().hex}:{since_ms}:0:{self.redis.info('server')['run_id']}"
        self.redis.set(redis_keys.config_version(self.tenant_id), 1)
        self.redis.hset(self.hashes[TENANT_HASH], "epoch", epoch)
        return epoch

    def dump(self) -> list[Any]:
        """Everything the scripts may write. Not by DUMP: the order of a large hash is not stable."""
        leases = self.redis.zrange(self.leases, 0, -1, withscores=True)
        return [*map(self.redis.hgetall, self.keys[:4]), leases, self.streamed()]

    def counted(self, owner: int, field: str) -> tuple[int, int]:
        """What a counter has to say: used, and held."""
        at = METRICS[field.split("|")[0]] - 1
        own = self.those(lambda item: any((line.hash, line.field) == (owner, field) for line in item.demand.counters))
        return sum(item.charged[at] for item in own), sum(item.held[at] for item in own if item.is_held)

    def busy(self, owner: int) -> int:
        return sum(item.is_held and any(slot.hash == owner for slot in item.demand.slots) for item in self.requests)

    def those(self, test: Callable[[Request], bool]) -> list[Request]:
        return [item for item in self.requests if test(item)]

    def expected(self, demand: Demand) -> tuple[str, int]:
        """The verdict, and the output cap of a request that is let in."""
        if any(self.busy(slot.hash) >= slot.amount for slot in demand.slots):
            return "busy", 0
        cap, refusals = demand.output_wanted, set()
        for line in demand.counters:
            used, held = self.counted(line.hash, line.field)
            if line.amount >= 0:
                cap = min(cap, most := affordable(demand, line.metric, line.amount - used - held))
                if most < demand.output_least:
                    unheld = affordable(demand, line.metric, line.amount - used)
                    refusals.add("spent" if unheld < demand.output_least else "held")
        return (max(refusals), 0) if refusals else ("ok", cap)  # "spent" before "held"

    def expected_light(self, demand: Demand) -> str:
        """The verdict on a request that takes no tokens, no money and no place: "ok", or what refuses it: a limit on requests, or a budget
        that is used up."""
        refusals = set()
        for line in demand.counters:
            used, held = self.counted(line.hash, line.field)
            is_spent = used >= line.amount
            if line.amount >= 0 and line.metric != METRICS[limits.REQUESTS] and is_spent:
                refusals.add("spent")
            if line.amount >= 0 and line.metric == METRICS[limits.REQUESTS] and used + held >= line.amount:
                refusals.add("spent" if is_spent else "held")
        return max(refusals) if refusals else "ok"

    def ask(self, demand: Demand, lookup: Lookup | None = None) -> tuple[Hold, list[Any]]:
        request_id = uuid4()
        kept = record(self.tenant_id, request_id, (1, demand.input_tokens, 0), demand.input_tokens, HELD)
        hold = Hold(self.tenant_id, request_id.hex, USER, "", counters.encode(demand), kept, 0, "", 0.0)
        return hold, self.runner.run(counters.reserve(self.store, hold, 1, lookup))

    @initialize(demands=st.lists(DEMANDS, min_size=4, max_size=6))
    def begin(self, demands: list[Demand]) -> None:
        for demand in demands:
            self.reserve(demand)

    @rule(demand=DEMANDS)
    def reserve(self, demand: Demand) -> None:
        before, (kind, cap) = self.dump(), self.expected(demand)
        hold, verdict = self.ask(demand)
        assert verdict[0].decode() == kind, verdict
        if kind != "ok":
            assert self.dump() == before
            return
        assert verdict[1:4:2] == [cap, self.epoch.encode()]
        hold.output_cap, hold.epoch = cap, self.epoch
        self.requests.append(Request(hold, demand, amounts(demand, cap)))
        for own in demand.counters:
            counted = self.redis.hmget(self.hashes[own.hash], own.field, f"h{own.field}")
            assert own.amount < 0 or sum(map(int, counted)) <= own.amount
        after = self.dump()
        assert self.runner.run(counters.reserve(self.store, hold, 1)) == verdict  # its reply was lost
        assert self.dump() == after

    @rule(demand=DEMANDS)
    def reserve_what_is_cached(self, demand: Demand) -> None:
        before, kind = self.dump(), self.expected_light(demand)
        hold, verdict = self.ask(demand, GIVEN)
        assert verdict[0].decode() == ("hit" if kind == "ok" else kind), verdict
        if kind != "ok":
            assert self.dump() == before
            return
        assert (verdict[1], verdict[3], verdict[9]) == (0, self.epoch.encode(), ENTRY)
        light = counters.light(demand)
        hold.demand, hold.output_cap, hold.epoch = counters.encode(light), 0, self.epoch
        self.requests.append(Request(hold, light, (1, 0, 0)))
        after = self.dump()
        assert self.runner.run(counters.reserve(self.store, hold, 1, GIVEN)) == verdict  # its reply was lost
        assert self.dump() == after

    @rule(demand=DEMANDS, is_under_way=st.booleans())
    def reserve_what_others_may_be_asking(self, demand: Demand, is_under_way: bool) -> None:
        if not is_under_way:
            kind, cap = self.expected(demand)
            hold, verdict = self.ask(demand, JOINED)
            assert verdict[0].decode() == kind, verdict
            assert self.redis.get(self.flight) == (hold.request_id.encode() if kind == "ok" else None)
            if kind == "ok":
                assert (verdict[1], verdict[9]) == (cap, 1)
                hold.output_cap, hold.epoch = cap, self.epoch
                self.requests.append(Request(hold, demand, amounts(demand, cap)))
        else:
            leader = uuid4().hex
            self.redis.set(self.flight, leader, ex=60)
            before, kind = self.dump(), self.expected_light(demand)
            verdict = self.ask(demand, JOINED)[1]
            assert verdict[0].decode() == ("flight" if kind == "ok" else kind), verdict
            assert self.dump() == before
            assert self.redis.get(self.flight).decode() == leader + ("+" if kind == "ok" else "")
        self.redis.delete(self.flight)

    def settle(self, item: Request, requests: int, tokens: int, nano: int) -> str:
        used = requests, item.held[1] * tokens // 100, item.held[2] * nano // 100
        hold, fed = item.hold, min(item.demand.input_tokens, item.held[1] * tokens // 100)
        kept = record(self.tenant_id, UUID(hold.request_id), used, fed, REPORTED)
        whose = (str(self.tenant_id), USER, "", hold.request_id)
        item.settlement = Settlement(*whose, "settle", *used, hold.epoch, hold.demand, b"", (kept,))
        item.charged, item.is_repeatable = used, hold.epoch == self.epoch
        item.is_open = item.is_held = item.is_expired = item.is_swept = False
        return self.runner.run(counters.settle(self.store, item.settlement))

    @about_one(lambda item: item.is_open, **PERCENT)
    def end(self, item: Request, **usage: int) -> None:
        """Also one whose hold was lost and not put back."""
        assert self.settle(item, **usage) == "ok"

    @about_one(lambda item: item.is_swept, **PERCENT)
    def end_late(self, item: Request, **usage: int) -> None:
        assert self.settle(item, **usage) == "corrected"

    @about_one(lambda item: item.is_repeatable)
    def end_again(self, item: Request) -> None:
        before, item.is_repeatable = self.dump(), False
        assert self.runner.run(counters.settle(self.store, item.settlement)) == "again"
        assert self.dump()[:-1] == before[:-1]  # its records come again; each counts once

    @precondition(lambda self: len(self.those(lambda item: item.is_held)) > 3)
    @rule()
    def end_all(self) -> None:
        for item in self.those(lambda item: item.is_open):
            self.settle(item, 1, 100, 101)
        for found in map(self.redis.hgetall, self.hashes.values()):
            assert not any(int(value) for name, value in found.items() if name.startswith((b"h", b"slot|")))

    @about_one(lambda item: item.is_held, fate=st.sampled_from(["prolonged", "over", "swept", "swept"]))
    def lease(self, item: Request, fate: str) -> None:
        """It runs out, with those that have run out before is swept, or is prolonged before the sweeper comes."""
        item.is_expired = fate != "prolonged"
        self.redis.zadd(self.leases, {item.hold.request_id: 1})
        if not item.is_expired:
            renewal = counters.renew(self.store, self.tenant_id, [item.hold.request_id, "unheard-of"], LEASE_MS)
            assert self.runner.run(renewal) == (self.epoch, ["unheard-of"])
            assert self.redis.zscore(self.leases, item.hold.request_id) > self.redis.time()[0] * 1000
        if fate == "swept":
            over = self.those(lambda item: item.is_expired)
            assert sweeper.sweep(self.redis, self.tenant_id) == len(over)
            for item in over:
                item.charged, item.is_swept = item.held, True
                item.is_open = item.is_held = item.is_expired = False

    @precondition(lambda self: len(self.those(lambda item: item.is_held)) > 1)
    @rule(data=st.data())
    def lose_everything(self, data: st.DataObject) -> None:
        """Redis loses the tenant's data. Some holds are put back, and one may be settled while the counters are read from the ledger."""
        self.logged += self.streamed()
        self.redis.delete(*self.keys)
        self.epoch = self.open(self.redis.time()[0] * 1000)
        for item in self.requests:
            item.is_held = item.is_expired = item.is_swept = item.is_repeatable = False
            if item.is_open and data.draw(st.booleans()):
                self.restore(item)
        self.seed(data)

    @precondition(lambda self: len(self.those(lambda item: item.is_held)) > 1)
    @rule(data=st.data())
    def find_another_run(self, data: st.DataObject) -> None:
        """The server was started again with its data, or most of it: what was held stays held, and the counters are read again."""
        held = self.those(lambda item: item.is_held)
        lost = data.draw(st.sampled_from(held)) if data.draw(st.booleans()) else None
        if lost is not None:  # it was admitted in the last moment
            self.redis.hdel(self.holds, lost.hold.request_id)
            self.redis.zrem(self.leases, lost.hold.request_id)
        self.redis.hset(self.hashes[TENANT_HASH], "epoch", self.epoch[:-1] + "?")
        renewal = counters.renew(self.store, self.tenant_id, [], LEASE_MS)
        assert self.runner.run(renewal) == ("", [])
        assert self.ask(PROBE)[1] == [b"unknown"]
        opening = (counters.OPEN.text, 2, self.hashes[TENANT_HASH], self.holds, uuid4().hex, 0, 0)
        assert [self.redis.eval(*opening), self.redis.eval(*opening)] == [1, 0]
        self.epoch = self.redis.hget(self.hashes[TENANT_HASH], "epoch").decode()
        wait_until(lambda: self.ask(PROBE)[1][0] != b"closed")
        for item in self.requests:
            item.is_repeatable = False
        if lost is not None:
            lost.is_held = lost.is_expired = False
            self.restore(lost)
        self.seed(data)

    def seed(self, data: st.DataObject) -> None:
        """What `gateway.ledger` does with counters that are not known."""
        begin = self.ask(PROBE)[1]
        assert begin == [b"seed", [1, 2], []]
        for owner, field in COUNTERS:
            self.redis.hsetnx(self.hashes[owner], field, SEEDING)
        missing = [self.counted(*counter)[0] - SEEDING for counter in COUNTERS]
        assert self.ask(PROBE)[1] == [b"seed", [1, 2], []]
        if (going := self.those(lambda item: item.is_open)) and data.draw(st.booleans()):
            self.settle(data.draw(st.sampled_from(going)), 1, 101, 50)
        for (owner, field), difference in zip(COUNTERS, missing, strict=True):
            self.redis.hincrby(self.hashes[owner], field, difference)

    def restore(self, item: Request) -> None:
        self.runner.run(counters.restore(self.store, item.hold, self.epoch))
        after = self.dump()
        self.runner.run(counters.restore(self.store, item.hold, self.epoch))
        assert self.dump() == after
        item.hold.epoch, item.is_held = self.epoch, True

    @about_one(lambda item: item.is_open and not item.is_held)
    def put_back(self, item: Request) -> None:
        self.restore(item)

    def streamed(self) -> list[bytes]:
        return [entry[b"r"] for _, entry in self.redis.xrange(self.stream)]

    @invariant()
    def redis_agrees(self) -> None:
        for owner, field in COUNTERS:
            found = tuple(int(value or 0) for value in self.redis.hmget(self.hashes[owner], field, f"h{field}"))
            assert found[1] >= 0
            assert found == self.counted(owner, field), field
        for owner, key in self.hashes.items():
            assert int(self.redis.hget(key, SLOT) or 0) == self.busy(owner)
            assert self.redis.eval(HOLDINGS.text, 2, self.holds, key, owner, USER) == []
        holds = {item.hold.request_id.encode() for item in self.requests if item.is_held}
        assert set(self.redis.hkeys(self.holds)) == set(self.redis.zrange(self.leases, 0, -1)) == holds

    @invariant()
    def records_add_up(self) -> None:
        """Each request's record once, what was really used before what was held."""
        found: dict[str, UsageRecord] = {}
        for row in map(usage_record.decode, self.logged + self.streamed()):
            if row.id.hex not in found or found[row.id.hex].usage_source == HELD:
                found[row.id.hex] = row
        used = {r.id.hex: (r.attempt, r.input_tokens + r.output_tokens, r.cost_nanousd) for r in found.values()}
        assert used == {item.hold.request_id: item.charged for item in self.requests if not item.is_open}


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=60, stateful_step_count=25, deadline=None, derandomize=True)
