"""Makes a tenant's rollups anew from the request log, as far back as it goes: where its time zone has changed, after a mapping was
changed, or to repair what somebody did by hand. What is older than the log stays as it is.

One transaction that sees one state of the log; readers see the old rollups until it ends. Changes that wait to be added are left to be
added: the rollups come out as they would be if these had not happened yet.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection
from itertools import pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from billing import windows
from dashboards import facts, folding
from dashboards.models import Calendar
from dashboards.shapes import Level
from gateway import retention
from tenants.models import Tenant

logger = logging.getLogger(__name__)
CHUNK = 100_000  # rows folded at once
_DAY = dt.timedelta(days=1)
_KNOWN = (
    "l.tenant_id = %(tenant)s AND NOT EXISTS (SELECT FROM gateway_logchange AS w "
    "WHERE w.was IS NULL AND w.accepted_at = l.accepted_at AND w.record_id = l.id)"
)
_STILL = (
    "SELECT 1, l.* FROM gateway_logchange AS w, LATERAL jsonb_populate_record(NULL::gateway_requestlog, w.was) AS l "
    "WHERE w.was IS NOT NULL AND w.tenant_id = %(tenant)s AND l.accepted_at >= %(since)s AND l.accepted_at < %(until)s"
)
# The records that have been rolled up; the parameters are `tenant`, `since` and `until`.
ROLLED_UP = f"{facts.log(_KNOWN)} UNION ALL {_STILL}"


def rebuild(tenant: Tenant, now: dt.datetime, levels: Collection[Level] = tuple(Level)) -> int:
    """Returns how many records were added up. Waits for a roll-up that is under way, and keeps others waiting."""
    since = retention.kept_from(tenant, now)
    with transaction.atomic(), connection.cursor() as cursor:
        if not connection.savepoint_ids:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute(
            "LOCK TABLE dashboards_cell, dashboards_userday IN SHARE ROW EXCLUSIVE MODE"
        )  # before the state is chosen that is seen
        cursor.execute("SET LOCAL jit = off")
        starts = _starts(tenant, since, levels)
        _set_calendar(cursor, tenant, starts.get(Level.DAY))
        for level, start in starts.items():
            for table in ("cell", "userday"):  # end users' days are packed anew by and by
                cursor.execute(
                    f"DELETE FROM dashboards_{table} WHERE level = %s AND tenant_id = %s AND bucket >= %s",  # noqa: S608
                    [int(level), tenant.id, start],
                )
        count = 0
        for begin, end in _chunks(cursor, tenant.id, since):
            folding.begin(cursor)
            grain = Level.MINUTE if Level.MINUTE in levels else Level.QUARTER
            count += folding.collect(cursor, ROLLED_UP, since=begin, until=end, grain=grain, tenant=tenant.id)
            folding.add(cursor, levels, now, starts)
    return count


def follow_time_zones(now: dt.datetime) -> int:
    """Make the days of tenants anew whose time zone was changed; returns how many there were."""
    zones = dict(Calendar.objects.values_list("tenant_id", "zone"))
    changed = [tenant for tenant in Tenant.objects.filter(id__in=zones) if tenant.timezone != zones[tenant.id]]
    for tenant in changed:
        count = rebuild(tenant, now, (Level.DAY,))
        logger.info(
            "the days of tenant %s are those of %s now: %s records added up again", tenant.slug, tenant.timezone, count
        )
    return len(changed)


def _starts(tenant: Tenant, since: dt.datetime, levels: Collection[Level]) -> dict[Level, dt.datetime]:
    """From which bucket on each level can be made anew: the log's first day is whole in UTC, but perhaps not in the tenant's zone."""
    zone = ZoneInfo(tenant.timezone)
    day = since.astimezone(zone).date()
    if windows.midnight(day, zone) < since.timestamp():
        day += _DAY
    first = dt.datetime.combine(day, dt.time(), dt.UTC)
    return {level: first if level is Level.DAY else since for level in levels}


def _set_calendar(cursor: Any, tenant: Tenant, days_from: dt.datetime | None) -> None:
    if days_from is None:
        return
    cursor.execute(
        "SELECT EXISTS (SELECT FROM dashboards_cell WHERE level = %s AND tenant_id = %s AND shape = 1 AND bucket < %s)",
        [int(Level.DAY), tenant.id, days_from],
    )
    has_older = cursor.fetchone()[0]
    calendar, is_new = Calendar.objects.get_or_create(tenant_id=tenant.id, defaults={"zone": tenant.timezone})
    if not is_new and calendar.zone != tenant.timezone:
        calendar.zone, calendar.exact_from = tenant.timezone, days_from.date() if has_older else None
        calendar.save()


def _chunks(cursor: Any, tenant_id: UUID, since: dt.datetime) -> list[tuple[dt.datetime, dt.datetime]]:
    """The tenant's time in the log in spans of not too many rows each, none of them over midnight UTC."""
    cursor.execute(
        "SELECT date_trunc('day', accepted_at AT TIME ZONE 'UTC') AS day, count(*) FROM gateway_requestlog "
        "WHERE tenant_id = %s AND accepted_at >= %s GROUP BY 1 ORDER BY 1",
        [tenant_id, since],
    )
    found = []
    for day, count in cursor.fetchall():
        begin, parts = day.replace(tzinfo=dt.UTC), 1 + count // CHUNK
        edges = [begin + _DAY * part / parts for part in range(parts + 1)]
        found += list(pairwise(edges))
    return found
