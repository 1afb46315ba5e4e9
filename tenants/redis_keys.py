"""Every Redis key Tollgate uses, built here and nowhere else.

All keys of a tenant carry the same hash tag, `{tenant id}`, so that one script may touch several of them on Redis Cluster.
"""

from functools import lru_cache
from uuid import UUID

# Formatting a UUID is what these cost, and a process asks for the same few thousand keys over and over.
_remembered = lru_cache(maxsize=65_536)


@_remembered
def tag(tenant_id: UUID | str) -> str:
    """The prefix of all keys of a tenant."""
    return f"tg:{{{tenant_id}}}:"


@_remembered
def config_version(tenant_id: UUID | str) -> str:
    """Integer: the version of the tenant's configuration in force."""
    return f"{tag(tenant_id)}config"


@_remembered
def usage_stream(tenant_id: UUID | str) -> str:
    """Stream of usage records that wait to be drained into PostgreSQL."""
    return f"{tag(tenant_id)}usage"


@_remembered
def key_rate(tenant_id: UUID | str, key_id: UUID | str) -> str:
    """Hash: requests of an API key in the last 60 seconds, by second."""
    return f"{tag(tenant_id)}rate:key:{key_id}"


@_remembered
def key_concurrency(tenant_id: UUID | str, key_id: UUID | str) -> str:
    """Sorted set: requests of an API key under way, by the end of their lease (Unix ms)."""
    return f"{tag(tenant_id)}busy:key:{key_id}"


def refused_records(tenant_id: UUID | str) -> str:
    """Stream of usage records that PostgreSQL refused, for an operator to look at."""
    return f"{tag(tenant_id)}usage:refused"
