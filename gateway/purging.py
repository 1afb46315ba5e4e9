"""Having a tenant's cached answers forgotten, for a person: what is purged stands in the audit trail."""

from __future__ import annotations

from django_redis import get_redis_connection

from gateway.models import CachePolicy
from gateway.semantic import entries
from gateway.stores import cache
from gateway.stores.cache import Purge
from tenants import audit
from tenants.models import Tenant


def purge(tenant: Tenant, what: Purge, *, said: str, policy: CachePolicy | None = None) -> None:
    """From now on nothing of it is given again. `said` is the same for people. Raises `RedisError`; then nothing was purged."""
    cache.purge_now(get_redis_connection("default"), tenant.pk, what)
    entries.forget(tenant.pk, what.kind, what.subject)
    policy = policy or CachePolicy.objects.filter(tenant=tenant).order_by("task_id").first()
    audit.note(policy or tenant, purged=said)
