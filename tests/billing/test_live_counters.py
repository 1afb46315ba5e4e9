"""What pages see of Redis's counters: used, held, and the last minute."""

import time
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from django_redis import get_redis_connection

from billing import limits, live_counters, rings
from billing.live_counters import Asked, Counted, LastMinute
from billing.windows import Window
from tenants import redis_keys

MONTH = Window("month", 1_793_491_200, 1_796_083_200)


@pytest.fixture
def tenant_id() -> Iterator[UUID]:
    made = uuid4()
    yield made
    get_redis_connection("default").delete(redis_keys.counters(made), redis_keys.user_counters(made, "ann"))


def put(key: str, dimension: str, subject: str, used: int, held: int | None = None) -> None:
    field = limits.field("usd", MONTH, dimension, subject)
    values = {field: used} if held is None else {field: used, f"h{field}": held}
    get_redis_connection("default").hset(key, mapping=values)


def test_what_is_used_and_held_of_the_tenant_and_of_an_end_user(tenant_id: UUID):
    put(redis_keys.counters(tenant_id), "tenant", "", 5_000, 200)
    put(redis_keys.user_counters(tenant_id, "ann"), "end_user", "", 70)
    asked = [Asked("tenant", "", "usd", MONTH), Asked("end_user", "ann", "usd", MONTH), Asked("key", "k", "usd", MONTH)]
    assert live_counters.counted(tenant_id, asked) == [Counted(5_000, 200), Counted(70, 0), Counted(None, 0)]
    assert live_counters.counted(tenant_id, []) == []


def test_a_counter_that_is_being_read_from_the_ledger_is_not_known(tenant_id: UUID):
    put(redis_keys.counters(tenant_id), "tenant", "", -(2**52) + 17, 3)
    assert live_counters.counted(tenant_id, [Asked("tenant", "", "usd", MONTH)]) == [Counted(None, 3)]


def test_the_last_minute_forgets_slots_that_have_left_it(tenant_id: UUID):
    head = int(time.time()) // rings.SLOT_SECONDS - 15  # the last request was 45 s ago
    requests, tokens = [0] * rings.SLOTS, [0] * rings.SLOTS
    for slots_ago, count in ((0, 2), (3, 5), (20, 100)):  # the last of them a minute and three quarters ago
        place = (head - slots_ago) % rings.SLOTS
        requests[place], tokens[place] = count, count * 10
    fields = {rings.field("tenant|"): rings.pack(rings.State(head, 0, requests, tokens)), "slot|tenant|": 4}
    get_redis_connection("default").hset(redis_keys.counters(tenant_id), mapping=fields)
    asked = [("tenant", ""), ("key", "unknown")]
    assert live_counters.last_minutes(tenant_id, asked) == [LastMinute(7, 70, 4), LastMinute()]


def test_redis_being_away_is_told(tenant_id: UUID, monkeypatch: pytest.MonkeyPatch):
    from redis import Redis

    monkeypatch.setattr(live_counters, "get_redis_connection", lambda _alias: Redis(host="127.0.0.1", port=1))
    with pytest.raises(live_counters.Away):
        live_counters.counted(tenant_id, [Asked("tenant", "", "usd", MONTH)])
