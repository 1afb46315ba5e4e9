"""Redis Cluster: `REDIS_URL=redis+cluster://host:port` (or rediss+cluster) names any of its nodes.

Every key of a tenant carries one hash tag, so scripts and transactions stay on one node; the client spreads commands of several tenants.
Celery's broker cannot be a cluster and has a URL of its own.
"""

from __future__ import annotations

from typing import Any

from django_redis.pool import ConnectionFactory
from redis.cluster import RedisCluster

SUFFIX = "+cluster"


def is_cluster(url: str) -> bool:
    return url.partition("://")[0].endswith(SUFFIX)


def node_url(url: str) -> str:
    """The URL without what marks a cluster, as redis-py takes it."""
    scheme, _, rest = url.partition("://")
    return f"{scheme.removesuffix(SUFFIX)}://{rest}"


class ClusterConnectionFactory(ConnectionFactory):  # type: ignore[misc]  # django-redis has no types
    """Gives django-redis one client for the whole process: it knows the cluster's slots and keeps a pool for each node."""

    _clients: dict[str, RedisCluster] = {}

    def connect(self, url: str) -> Any:
        if url not in self._clients:
            seconds = self.options.get("SOCKET_TIMEOUT")
            self._clients[url] = RedisCluster.from_url(
                node_url(url), socket_timeout=seconds, socket_connect_timeout=seconds
            )
        return self._clients[url]

    def disconnect(self, connection: Any) -> None:
        connection.close()
