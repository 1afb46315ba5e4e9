"""What is stored of a request comes with its settlement, whichever way that goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django_redis import get_redis_connection

from gateway.stores import recent
from gateway.stores.accounts import Accounts
from gateway.stores.counters import Settlement
from gateway.stores.redis import RedisStore
from gateway.stores.spool import Spool
from tenants import redis_keys


async def nothing(_: UUID) -> None:
    return None


@pytest.fixture
async def accounts(tmp_path) -> AsyncIterator[Accounts]:
    store = RedisStore(settings.REDIS_URL, timeout_seconds=30.0)
    made = Accounts(store, Spool(tmp_path), lease_seconds=60, reopen=nothing)
    yield made
    await made.close()
    await store.close()


def settlement(tenant_id: UUID, content: bytes) -> Settlement:
    return Settlement(
        str(tenant_id), "", "", uuid4().hex, "settle", 0, 0, 0, "", b"", b"", (b"record",), content=content
    )


def waiting(tenant_id: UUID) -> list[bytes]:
    found = get_redis_connection("default").xrange(redis_keys.content_stream(tenant_id))
    return [fields[b"c"] for _, fields in found]


async def test_it_waits_in_the_spool_while_redis_is_away(accounts):
    tenant_id = uuid4()
    accounts.is_cut_off = True  # as it is once a command has failed
    await accounts.settle(settlement(tenant_id, b"prompt and answer"))
    assert waiting(tenant_id) == []
    await accounts.look_after()
    assert waiting(tenant_id) == [b"prompt and answer"]
    assert get_redis_connection("default").xlen(redis_keys.usage_stream(tenant_id)) == 1


async def test_what_a_process_remembers_of_it_is_bounded(accounts, monkeypatch):
    """For the case that Redis forgets; then the records come again all the same."""
    monkeypatch.setattr(recent, "MOST_CONTENT_BYTES", 25)
    tenant_id = uuid4()
    for _ in range(3):
        await accounts.settle(settlement(tenant_id, b"x" * 10))
    remembered = accounts._recent.of(str(tenant_id))
    assert [len(kept.content) for kept in remembered] == [10, 10, 0]
    assert all(kept.records for kept in remembered)
    assert waiting(tenant_id) == [b"x" * 10] * 3


async def test_the_more_waits_the_smaller_is_what_is_let_in(accounts):
    """No worker stores it: Redis's memory is for what counts money."""
    tenant_id, redis = uuid4(), get_redis_connection("default")
    stream = redis_keys.content_stream(tenant_id)
    pipeline = redis.pipeline(transaction=False)
    for _ in range(9000):
        pipeline.xadd(stream, {"c": b"x"})
    pipeline.execute()
    large, small = b"y" * 30_000, b"z" * 29_000
    await accounts.settle(settlement(tenant_id, large))
    assert (redis.xlen(stream), int(redis.get(f"{stream}:lost"))) == (9000, 1)
    assert redis.xlen(redis_keys.usage_stream(tenant_id)) == 1
    await accounts.settle(settlement(tenant_id, small))
    assert waiting(tenant_id)[-1] == small
