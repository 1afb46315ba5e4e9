"""Usage records on their way from Redis into the request log: none lost, none twice."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from django.db import connection, connections
from django_redis import get_redis_connection

from gateway import drain, emptying, ledger
from gateway.models import LogChange, RequestLog
from gateway.pipeline.exchange import new_request_id
from gateway.stores import usage_record
from gateway.stores.usage_record import Trail, UsageRecord
from tenants import api_keys, redis_keys
from tenants.models import EndUser, Tenant
from tests.gateway.live import wait_until

pytestmark = pytest.mark.django_db


def make_record(tenant_id: UUID, **changes: Any) -> UsageRecord:
    request_id = new_request_id()
    record = UsageRecord(
        id=UUID(int=request_id.int | 1), request_id=request_id, attempt=1, accepted_ms=request_id.int >> 80, tenant_id=tenant_id,
        api_key_id=uuid4(), endpoint="messages", end_user="ada", task="", feature="", tags=("a", "b"), model_asked="m", model_served="m",
        provider="p", is_stream=False, status=200, outcome="ok", error_type="", error_message="", finish_reason="end_turn",
        cache="bypass", input_tokens=1000, cache_read_tokens=600, cache_write_5m_tokens=100, cache_write_1h_tokens=50,
        output_tokens=20, reasoning_tokens=5, usage_source="reported", cost_nanousd=1_234_567_891, is_priced=True,
        latency_ms=12.5, ttft_ms=None, steps_us={"reserve": 200}, prefix_saved_nanousd=-1_000_000_002,
        cache_reason="no entry", saved_nanousd=123_456, cache_age_ms=2_000, cache_similarity=0.97,
    )  # fmt: skip
    return msgspec.structs.replace(record, **changes)


def put(*records: UsageRecord) -> None:
    redis = get_redis_connection("default")
    for record in records:
        redis.xadd(redis_keys.usage_stream(record.tenant_id), {"r": usage_record.encode(record)})


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.objects.create(name="Acme", slug=f"acme-{uuid4().hex[:8]}")


@pytest.fixture
def redis() -> Any:
    return get_redis_connection("default")


def test_writes_every_field_of_a_record(tenant, redis):
    record = make_record(
        tenant.id, trail=Trail(rates=(5, 1, 6, 8, 20), rule="Cheap ones", skipped=(("o3", "breaker is open"),))
    )
    put(record)
    assert drain.drain(redis, tenant.id) == drain.Drained(inserted=1)
    row = RequestLog.objects.get(id=record.id)
    for name in UsageRecord.__struct_fields__:
        if name not in {
            "accepted_ms",
            "cost_nanousd",
            "prefix_saved_nanousd",
            "saved_nanousd",
            "secret_prefix",
            "tags",
            "trail",
        }:
            assert getattr(row, name) == getattr(record, name), name
    assert row.accepted_at == dt.datetime.fromtimestamp(record.accepted_ms / 1000, dt.UTC)
    assert row.cost_usd == Decimal("1.234567891")
    assert row.prefix_saved_usd == Decimal("-1.000000002")
    assert row.saved_usd == Decimal("0.000123456")
    assert row.tags == ["a", "b"]
    assert row.trail == {"rates": [5, 1, 6, 8, 20], "rule": "Cheap ones", "skipped": [["o3", "breaker is open"]]}
    assert redis.xlen(redis_keys.usage_stream(tenant.id)) == 0


def test_inserts_a_record_once_however_often_it_stands_in_the_stream(tenant, redis):
    record = make_record(tenant.id)
    put(record, record)
    assert drain.drain(redis, tenant.id) == drain.Drained(inserted=1, repeated=1)
    put(record)
    assert drain.drain(redis, tenant.id) == drain.Drained(repeated=1)
    assert RequestLog.objects.filter(request_id=record.request_id).count() == 1


def test_keeps_two_attempts_of_one_request_apart(tenant, redis):
    first = make_record(tenant.id)
    second = msgspec.structs.replace(first, id=UUID(int=first.request_id.int | 2), attempt=2)
    put(first, second)
    assert drain.drain(redis, tenant.id).inserted == 2


def test_leaves_the_stream_alone_until_postgresql_has_committed(tenant, redis, monkeypatch):
    """A worker that dies after the commit and before the deletion repeats the batch and inserts nothing."""
    put(make_record(tenant.id))

    class Died(Exception):
        pass

    class DyingRedis:
        def __getattr__(self, name: str) -> Any:
            return getattr(redis, name)

        def xdel(self, *_: Any) -> None:
            raise Died

    with pytest.raises(Died):
        drain.drain(DyingRedis(), tenant.id)
    assert redis.xlen(redis_keys.usage_stream(tenant.id)) == 1
    assert drain.drain(redis, tenant.id) == drain.Drained(repeated=1)


def test_sets_aside_what_cannot_be_stored_and_stores_the_rest(tenant, redis):
    good = make_record(tenant.id)
    with_nul = make_record(tenant.id, finish_reason="a\x00b")
    put(good, with_nul)
    redis.xadd(redis_keys.usage_stream(tenant.id), {"r": b"\xc1 not msgpack"})
    assert drain.drain(redis, tenant.id) == drain.Drained(inserted=1, set_aside=2)
    assert redis.xlen(redis_keys.refused_records(tenant.id)) == 2
    assert redis.xlen(redis_keys.usage_stream(tenant.id)) == 0


def test_makes_end_users_known_once(tenant, redis):
    EndUser.objects.create(tenant=tenant, external_id="grace", tier="paid")
    put(
        make_record(tenant.id),
        make_record(tenant.id),
        make_record(tenant.id, end_user="grace"),
        make_record(tenant.id, end_user=""),
    )
    drain.drain(redis, tenant.id)
    assert list(EndUser.objects.filter(tenant=tenant).values_list("external_id", "tier")) == [
        ("ada", "free"),
        ("grace", "paid"),
    ]


def test_notes_when_a_key_was_last_used_without_a_new_configuration_version(tenant, redis):
    api_key = api_keys.create(tenant, name="k").api_key
    tenant.refresh_from_db()
    version = tenant.config_version
    record = make_record(tenant.id, api_key_id=api_key.id)
    put(record)
    drain.drain(redis, tenant.id)
    api_key.refresh_from_db()
    tenant.refresh_from_db()
    assert api_key.last_used_at == dt.datetime.fromtimestamp(record.accepted_ms / 1000, dt.UTC)
    assert tenant.config_version == version


def test_notes_which_of_a_keys_secrets_was_last_used(tenant, redis):
    made = api_keys.create(tenant, name="k")
    newer = api_keys.rotate(made.api_key)
    early, late = (make_record(tenant.id, api_key_id=made.api_key.id, secret_prefix=made.secret[:10]) for _ in range(2))
    put(late, early, make_record(tenant.id, api_key_id=made.api_key.id, secret_prefix=""))
    drain.drain(redis, tenant.id)
    used = dict(made.api_key.secrets.values_list("prefix", "last_used_at"))
    latest = max(early.accepted_ms, late.accepted_ms)
    assert used == {made.secret[:10]: dt.datetime.fromtimestamp(latest / 1000, dt.UTC), newer.secret[:10]: None}


def test_takes_records_of_a_tenant_that_is_gone(redis):
    gone = uuid4()
    put(make_record(gone))
    assert drain.drain(redis, gone).inserted == 1


def test_tells_which_tenants_have_records_waiting(tenant, redis):
    put(make_record(tenant.id))
    assert emptying.waiting(redis, [uuid4(), tenant.id], redis_keys.usage_stream) == [tenant.id]


def changes(tenant: Tenant) -> list[tuple[UUID, bool]]:
    """What waits to be added up: the row, and whether it went away."""
    return [
        (change.record_id, change.was is not None) for change in LogChange.objects.filter(tenant=tenant).order_by("seq")
    ]


def test_notes_each_new_row_once_for_those_who_add_up(tenant, redis):
    record = make_record(tenant.id)
    put(record)
    drain.drain(redis, tenant.id)
    put(record)
    drain.drain(redis, tenant.id)
    assert changes(tenant) == [(record.id, False)]


def test_notes_nothing_of_a_batch_that_is_rolled_back(tenant, redis):
    put(make_record(tenant.id, finish_reason="a\x00b"))
    drain.drain(redis, tenant.id)
    assert changes(tenant) == []


@pytest.mark.parametrize("is_seen", [True, False])
def test_notes_what_was_replaced_as_it_was_unless_nobody_has_seen_it(tenant, redis, is_seen):
    real = make_record(tenant.id)
    held = msgspec.structs.replace(real, usage_source=usage_record.HELD, outcome="abandoned", input_tokens=4000)
    put(held)
    drain.drain(redis, tenant.id)
    if is_seen:
        LogChange.objects.all().delete()
    put(real)
    drain.drain(redis, tenant.id)
    assert changes(tenant) == ([(real.id, True)] if is_seen else []) + [(real.id, False)]
    if is_seen:
        was = LogChange.objects.exclude(was=None).get().was
        assert (was["input_tokens"], was["usage_source"]) == (4000, "held")


@pytest.mark.django_db(transaction=True)
def test_stands_back_while_another_worker_is_at_the_tenant(redis):
    tenant_id = uuid4()
    put(make_record(tenant_id))
    other = connections.create_connection("default")
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [ledger.LOCK_SPACE, str(tenant_id)])
        assert drain.drain_batch(redis, tenant_id) is None
        other.rollback()
        assert drain.drain_batch(redis, tenant_id) == drain.Drained(inserted=1)
    finally:
        other.close()
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM gateway_requestlog")


@pytest.mark.django_db(transaction=True)
def test_takes_its_turn_behind_those_who_read_counters_from_the_ledger(redis, monkeypatch):
    monkeypatch.setattr(drain, "LOCK_WAIT", "30s")
    tenant_id = uuid4()
    put(make_record(tenant_id))
    reader = connections.create_connection("default")

    def drained() -> drain.Drained | None:
        try:
            return drain.drain_batch(redis, tenant_id)
        finally:
            connection.close()

    try:
        reader.set_autocommit(False)
        with reader.cursor() as cursor, ThreadPoolExecutor(1) as pool:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [ledger.LOCK_SPACE, str(tenant_id)])
            drain_of_it = pool.submit(drained)
            wait_until(lambda: _waits_for(tenant_id) or drain_of_it.done())
            assert not drain_of_it.done()
            reader.rollback()
            assert drain_of_it.result() == drain.Drained(inserted=1)
    finally:
        reader.close()
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM gateway_requestlog")


def _waits_for(tenant_id: UUID) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND classid = %s "
            "AND objid = (hashtext(%s)::bigint & 4294967295)::bigint)",
            [ledger.LOCK_SPACE, str(tenant_id)],
        )
        return bool(cursor.fetchone()[0])
