"""Which tier each end user is in, where the reserve step finds it: a hash in Redis of those who are not in the default tier.

PostgreSQL holds the truth. Redis hears of an edit as soon as it commits; a task compares the two every minute, in case that
failed or the edit passed Django by.
"""

from __future__ import annotations

import logging
from functools import partial
from uuid import UUID

from django.db import connection, transaction
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from tenants import redis_keys

logger = logging.getLogger(__name__)

DEFAULT_TIER = "free"  # of end users nobody has put into another one; reserve.lua knows it, too
BATCH = 5000


def publish_on_commit(tenant_id: UUID, end_user: str) -> None:
    """Publish one end user's tier once the current transaction commits."""
    transaction.on_commit(partial(_publish_one, tenant_id, end_user))


def _publish_one(tenant_id: UUID, end_user: str) -> None:
    try:
        publish(tenant_id, end_user)
    except RedisError as error:
        logger.warning("could not publish the tier of an end user: %s", error)


def publish(tenant_id: UUID, end_user: str | None = None) -> int:
    """Copy tiers from PostgreSQL to Redis, of one end user or of all; returns how many changed. Idempotent; raises `RedisError`."""
    redis = get_redis_connection("default")
    key = redis_keys.tiers(tenant_id)
    sql = "SELECT external_id, tier FROM tenants_enduser WHERE tenant_id = %s"
    with connection.cursor() as cursor:
        if end_user is not None:
            cursor.execute(sql + " AND external_id = %s", [tenant_id, end_user])
            known = {end_user: redis.hget(key, end_user)}
        else:
            cursor.execute(sql + " AND tier <> %s", [tenant_id, DEFAULT_TIER])
            known = {name.decode(): tier for name, tier in redis.hscan_iter(key, count=BATCH)}
        wanted = {name: tier for name, tier in cursor.fetchall() if tier != DEFAULT_TIER}
    changed = {name: tier for name, tier in wanted.items() if known.get(name) != tier.encode()}
    gone = [name for name, tier in known.items() if tier is not None and name not in wanted]
    names = list(changed)
    for start in range(0, len(names), BATCH):
        redis.hset(key, mapping={name: changed[name] for name in names[start : start + BATCH]})
    for start in range(0, len(gone), BATCH):
        redis.hdel(key, *gone[start : start + BATCH])
    return len(changed) + len(gone)
