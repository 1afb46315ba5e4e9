"""Which version of a tenant's configuration is in force, and how every gateway process hears of a new one.

PostgreSQL holds the truth (`Tenant.config_version`, raised by triggers in the transaction of the edit). Redis holds a
copy that the reserve step compares with the snapshot it was called with. `publish` copies PostgreSQL's to Redis; it only
ever raises Redis's, so publishers may race.
"""

import logging
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from tenants import redis_keys

logger = logging.getLogger(__name__)

RAISE_TO = """
local current = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[1]) > current then redis.call('SET', KEYS[1], ARGV[1]) return 1 end
return 0
"""


def publish_on_commit(tenant_id: UUID | None) -> None:
    """Publish the tenant's version (every tenant's for None) once the current transaction commits."""
    transaction.on_commit(partial(publish, tenant_id))


def publish(tenant_id: UUID | None = None) -> int:
    """Copy versions from PostgreSQL to Redis, of one tenant or of all; returns how many rose.

    Idempotent. Redis being down is logged, not raised: the edit is committed, and the periodic task publishes it later.
    """
    sql = "SELECT id, config_version FROM tenants_tenant"
    with connection.cursor() as cursor:
        if tenant_id is None:
            cursor.execute(sql)
        else:
            cursor.execute(sql + " WHERE id = %s", [tenant_id])
        rows: list[tuple[Any, int]] = cursor.fetchall()
    try:
        redis = get_redis_connection("default")
        pipeline = redis.pipeline(transaction=False)
        for row_id, version in rows:
            pipeline.eval(RAISE_TO, 1, redis_keys.config_version(row_id), version)
        return sum(pipeline.execute())
    except RedisError as error:
        logger.warning("could not publish configuration versions: %s", error)
        return 0
