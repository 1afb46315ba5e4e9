"""Packs the end users of days that are over into a string each (`dashboards.entries`), from the request log.

From then on a late record's user is appended where it is rolled up (`folding.append_users`). Packing waits for a roll-up under way, and
takes the records that have been rolled up, no others; so a record is in the day's string exactly once, whichever came first. A day that is
not packed, for whatever reason, is read from the rollups: nothing depends on this but speed.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from billing import windows
from dashboards import entries, facts, folding, rebuilding
from dashboards.models import Calendar
from dashboards.rolling import LOCK
from dashboards.shapes import CUBE, TOTAL, USER_NUMBERS, Level
from gateway import retention
from tenants.models import Tenant

AFTER = dt.timedelta(hours=1)  # most of what is late has come by then
_DAY = dt.timedelta(days=1)
_FACTS = "labels text[], end_user text, requests bigint, cost_usd numeric(30,9)"


@dataclass(frozen=True)
class Day:
    """`bucket` as in the rollups; it begins and ends at these moments. `zone`: the tenant's, by which it was chosen."""

    level: Level
    tenant_id: UUID
    zone: str
    bucket: dt.datetime
    begins: dt.datetime
    ends: dt.datetime


def pack(now: dt.datetime, *, seconds: float) -> int:
    """Pack days that are over, for so many seconds; returns how many. Idempotent."""
    until = time.monotonic() + seconds
    packed = 0
    for tenant in Tenant.objects.filter(pk__in=Calendar.objects.values("tenant_id")).iterator():
        for day in _unpacked(tenant, now):
            if time.monotonic() > until:
                return packed
            packed += _pack(day)
    return packed


def _unpacked(tenant: Tenant, now: dt.datetime) -> Iterator[Day]:
    """The latest first. Only whole days of the present zone that the log still has."""
    calendar = Calendar.objects.get(tenant_id=tenant.pk)
    log_from = retention.kept_from(tenant, now)
    for level, zone in ((Level.DAY, ZoneInfo(calendar.zone)), (Level.UTC_DAY, ZoneInfo("UTC"))):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT c.bucket FROM dashboards_cell AS c WHERE c.level = %s AND c.tenant_id = %s AND c.shape = %s AND c.bucket >= %s "
                "AND NOT EXISTS (SELECT FROM dashboards_userday AS d WHERE d.level = c.level AND d.tenant_id = c.tenant_id "
                "AND d.bucket = c.bucket) ORDER BY c.bucket DESC",
                [int(level), tenant.pk, TOTAL.code, log_from - _DAY],
            )
            buckets = [row[0] for row in cursor.fetchall()]
        for bucket in buckets:
            begins, ends = (_midnight(day, zone) for day in (bucket.date(), bucket.date() + _DAY))
            is_of_zone = level is Level.UTC_DAY or calendar.exact_from is None or bucket.date() >= calendar.exact_from
            if begins >= log_from and ends + AFTER <= now and is_of_zone:
                yield Day(level, tenant.pk, calendar.zone, bucket, begins, ends)


def _midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.fromtimestamp(windows.midnight(day, zone), dt.UTC)


def _pack(day: Day) -> bool:
    """Whether it was this one that did it. Atomic."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit = off")
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s)", [LOCK]
        )  # what is rolled up by now is seen by the next statement
        cursor.execute("LOCK TABLE dashboards_userday IN ROW EXCLUSIVE MODE")  # and so is a zone that has been changed
        if not Calendar.objects.filter(tenant_id=day.tenant_id, zone=day.zone).exists():
            return False
        cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS packed_facts ({_FACTS}) ON COMMIT DELETE ROWS")
        cursor.execute("TRUNCATE packed_facts")
        cursor.execute(
            f"INSERT INTO packed_facts SELECT ARRAY[{', '.join(CUBE.dimensions)}], end_user, sum(requests), sum(cost_usd) "  # noqa: S608
            f"FROM ({facts.select(rebuilding.ROLLED_UP, ('requests', 'cost_usd'))}) AS f WHERE end_user <> '' GROUP BY 1, 2",
            {"since": day.begins, "until": day.ends, "tenant": day.tenant_id},
        )
        cursor.execute("ANALYZE packed_facts")
        folding.number_users(
            cursor, "SELECT %(tenant)s::uuid AS tenant_id, end_user FROM packed_facts", {"tenant": day.tenant_id}
        )
        entry = entries.entry_sql("c.id", "u.id", "p.requests", "p.cost_usd")
        cursor.execute(
            "INSERT INTO dashboards_userday (level, tenant_id, bucket, entries) "  # noqa: S608
            f"SELECT %(level)s, %(tenant)s, %(bucket)s, coalesce(string_agg({entry}, ''), '') FROM packed_facts AS p "
            f"JOIN dashboards_series AS c ON c.tenant_id = %(tenant)s AND c.shape = {CUBE.code} AND c.labels = p.labels "
            f"JOIN dashboards_series AS u ON u.tenant_id = %(tenant)s AND u.shape = {USER_NUMBERS} AND u.labels = ARRAY[p.end_user] "
            "ON CONFLICT DO NOTHING",
            {"level": int(day.level), "tenant": day.tenant_id, "bucket": day.bucket},
        )
        return bool(cursor.rowcount)
