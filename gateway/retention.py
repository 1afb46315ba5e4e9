"""How long the request log keeps whose records: days that a tenant sets, or the installation's.

Days of UTC are kept whole. Rows of tenants that keep fewer days are deleted in small batches; a partition is dropped once nobody keeps
its day. What has not been added to the rollups yet is not deleted.
"""

from __future__ import annotations

import datetime as dt
import time
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Max

from billing import windows
from gateway import log_changes
from tenants.models import Tenant

BATCH = 5000


def kept_from(tenant: Tenant, now: dt.datetime) -> dt.datetime:
    """From when on every record of the tenant is there."""
    wanted = _midnight(now, tenant.log_days or settings.REQUEST_LOG_RETENTION_DAYS)
    return max(wanted, tenant.log_kept_from or wanted)


def first_whole_day(tenant_id: UUID, now: dt.datetime, zone: dt.tzinfo) -> dt.date:
    """The first day of the zone of which every record of the tenant is there."""
    since = kept_from(Tenant.objects.only("id", "log_days", "log_kept_from").get(id=tenant_id), now)
    day = since.astimezone(zone).date()
    return day if windows.midnight(day, zone) >= since.timestamp() else day + dt.timedelta(days=1)


def all_kept_from(now: dt.datetime) -> dt.datetime:
    """From when on every tenant's records are there."""
    return max(
        (kept_from(tenant, now) for tenant in _tenants()), default=_midnight(now, settings.REQUEST_LOG_RETENTION_DAYS)
    )


def _tenants() -> list[Tenant]:
    return list(Tenant.objects.only("id", "log_days", "log_kept_from"))


def longest_days() -> int:
    """How many days the tenant that keeps most keeps."""
    most = Tenant.objects.aggregate(most=Max("log_days"))["most"]
    return max(most or 0, settings.REQUEST_LOG_RETENTION_DAYS)


def _midnight(now: dt.datetime, days: int) -> dt.datetime:
    today = now.astimezone(dt.UTC).date()
    return dt.datetime.combine(today - dt.timedelta(days=days), dt.time(), dt.UTC)


def forget(now: dt.datetime, *, seconds: float) -> int:
    """Delete rows that are older than their tenants keep them, for at most so long; returns how many. Idempotent; each batch commits by
    itself.
    """
    end = time.monotonic() + seconds
    longest = longest_days()
    deleted = 0
    waiting: set[UUID] | None = None
    for tenant in _tenants():
        before = kept_from(tenant, now)
        if tenant.log_kept_from != before:  # noted first: nobody shall take what is left of a day for all of it
            Tenant.objects.filter(id=tenant.id).update(log_kept_from=before)
        if (tenant.log_days or settings.REQUEST_LOG_RETENTION_DAYS) >= longest:
            continue  # its rows go with their partitions
        if waiting is None:
            waiting = log_changes.wait_before(now - dt.timedelta(days=1))
        while tenant.id not in waiting and time.monotonic() < end:
            count = _delete(tenant.id, before)
            deleted += count
            if count < BATCH:
                break
    return deleted


def _delete(tenant_id: UUID, before: dt.datetime) -> int:
    """A batch, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH old AS (SELECT accepted_at, id FROM gateway_requestlog WHERE tenant_id = %s AND accepted_at < %s "
            "ORDER BY accepted_at LIMIT %s) "
            "DELETE FROM gateway_requestlog AS r USING old WHERE r.accepted_at = old.accepted_at AND r.id = old.id "
            "AND r.accepted_at < %s",
            [tenant_id, before, BATCH, before],
        )
        return int(cursor.rowcount)
