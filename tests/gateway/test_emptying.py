"""How long a worker goes on with a tenant's stream."""

from __future__ import annotations

from uuid import UUID

import pytest
from django_redis import get_redis_connection

from gateway import emptying
from tenants import redis_keys
from tenants.ids import uuid7
from tests.gateway.test_drain import make_record, put


@pytest.mark.parametrize(("whole", "taken"), [(0, [3, 3, 0, 1]), (3, [3, 3, 0])])
def test_a_batch_that_is_not_whole_is_the_last_where_small_ones_are_dear(whole, taken):
    redis = get_redis_connection("default")
    tenant_id = uuid7()
    put(make_record(tenant_id))
    counts = iter([3, 3, 0, 1, None])
    seen: list[int] = []

    def take(_redis: object, _tenant_id: UUID) -> int | None:
        count = next(counts)
        seen.extend([] if count is None else [count])
        return count

    total = emptying.empty(redis, [tenant_id], redis_keys.usage_stream, take, seconds=60, whole=whole)
    assert (seen, total) == (taken, sum(taken))
    redis.delete(redis_keys.usage_stream(tenant_id))
