"""Whose requests a question is about: one tenant's, or, by a named call with a reason, those of all."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.utils import timezone

from dashboards.models import Calendar
from gateway import retention
from tenants.models import Tenant

logger = logging.getLogger(__name__)
UTC = "UTC"


@dataclass(frozen=True)
class Scope:
    """`day_zone`: of which zone the rollups by day are (each tenant's own, so none where it is about several); `days_from`: from which
    day on they are of that zone; `log_from`: from when on the request log has every record.
    """

    tenant_ids: tuple[UUID, ...]
    is_across: bool
    day_zone: str
    days_from: dt.date | None
    log_from: dt.datetime


def of_tenant(tenant: Tenant) -> Scope:
    calendar = Calendar.objects.filter(tenant_id=tenant.pk).first()
    return Scope(
        tenant_ids=(tenant.pk,),
        is_across=False,
        day_zone=calendar.zone if calendar else tenant.timezone,
        days_from=calendar.exact_from if calendar else None,
        log_from=retention.kept_from(tenant, timezone.now()),
    )


def across_tenants(*, reason: str) -> Scope:
    """All tenants, also those that are gone: for operators. Its days are UTC's. `reason` is logged."""
    logger.info("read across tenants: %s", reason)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id FROM dashboards_calendar UNION SELECT id FROM tenants_tenant ORDER BY 1")
        ids = tuple(row[0] for row in cursor.fetchall())
    return Scope(ids, is_across=True, day_zone="", days_from=None, log_from=retention.all_kept_from(timezone.now()))
