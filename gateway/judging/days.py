"""Adds up votes and judgements by days, so that months of them need not be counted whenever somebody looks.

Triggers note which quarters of an hour have changed, in the transaction that changes them; a day with such a note is out of date, and
whoever asks counts its rows (`counting`). Here such days are counted anew, and the notes that were seen taken away, in one transaction that
sees one state of both: what comes meanwhile is in neither, and is noted for the next time. So sums and rows together are always exact.

Days are those of the tenant's time zone and of UTC. A zone that is changed makes all days of the tenant out of date, by a trigger too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from billing import windows
from gateway.judging import ratings
from gateway.judging.ratings import BOTH, SCORES, Source, Span
from tenants.models import Tenant

AT_ONCE = 5000  # notes
_DAY = dt.timedelta(days=1)

_TAKE = "DELETE FROM gateway_ratingchange WHERE seq IN (SELECT seq FROM gateway_ratingchange ORDER BY seq LIMIT %s) RETURNING tenant_id, at"
_FORGET = """
DELETE FROM gateway_ratingday AS d USING spans AS p WHERE d.tenant_id = p.tenant_id AND d.zone = p.zone AND d.day = p.day
"""
_FORGET_ZONES = """
DELETE FROM gateway_ratingday AS d WHERE d.tenant_id IN (SELECT tenant_id FROM spans)
    AND d.zone <> 'UTC' AND NOT EXISTS (SELECT FROM tenants_tenant AS t WHERE t.id = d.tenant_id AND t.timezone = d.zone)
"""


def add_up() -> int:
    """Count days anew that are out of date; returns how many notes were taken. Atomic; waits for another one that is at it."""
    with transaction.atomic(), connection.cursor() as cursor:
        if not connection.savepoint_ids:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute(
            "LOCK TABLE gateway_ratingday IN SHARE ROW EXCLUSIVE MODE"
        )  # before the state is chosen that is seen
        cursor.execute("SET LOCAL jit = off")
        cursor.execute(_TAKE, [AT_ONCE])
        taken = cursor.fetchall()
        if taken:
            source = Source(_days_of(taken), with_self=True)
            cursor.execute(f"WITH {source.table} {_FORGET}", source.parameters)
            cursor.execute(f"WITH {source.table} {_FORGET_ZONES}", source.parameters)
            for parts, band in ((tuple(ratings.COLUMNS), str(ratings.ALL_LENGTHS)), ((SCORES, BOTH), "t.band")):
                cursor.execute(_added(source, parts, band), source.parameters)
    return len(taken)


def midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.fromtimestamp(windows.midnight(day, zone), dt.UTC)


def _days_of(notes: Iterable[tuple[UUID, dt.datetime]]) -> list[Span]:
    """The days that the notes lie in, of each zone. Whoever is gone has UTC's."""
    times: dict[UUID, set[dt.datetime]] = {}
    for tenant_id, at in notes:
        times.setdefault(tenant_id, set()).add(at)
    names = dict(Tenant.objects.filter(pk__in=times).values_list("pk", "timezone"))
    found = []
    for tenant_id, all_times in times.items():
        for name in {"UTC", names.get(tenant_id, "UTC")}:
            zone = ZoneInfo(name)
            for day in {at.astimezone(zone).date() for at in all_times}:
                found.append(Span(tenant_id, midnight(day, zone), midnight(day + _DAY, zone), name, day))
    return found


def _added(source: Source, parts: Iterable[str], band: str) -> str:
    """The parts' rows by day and labels, and by `band`: of all lengths together, or scores by length, which are a table of their own."""
    keys = ["tenant_id", "zone", "day", *ratings.LABELS]
    groups = ", ".join(f"t.{name}" for name in keys) + f", {band}"
    sums = [f"sum({name})" for name in ratings.ALL]
    sources = [_padded(source, part) for part in parts]
    return (
        f"WITH {source.table} INSERT INTO gateway_ratingday ({', '.join([*keys, 'band', *ratings.ALL])}) "  # noqa: S608
        f"SELECT {groups}, {', '.join(sums)} FROM ({' UNION ALL '.join(sources)}) AS t "
        f"GROUP BY {', '.join(str(1 + place) for place in range(len(keys) + 1))}"
    )


def _padded(source: Source, part: str) -> str:
    mine = ratings.COLUMNS[part]
    values = [f"r.{name}" if name in mine else f"0 AS {name}" for name in ratings.ALL]
    keys = ["tenant_id", "zone", "day", *ratings.LABELS, "band"]
    return f"SELECT {', '.join([*(f'r.{name}' for name in keys), *values])} FROM ({source.rows(part)}) AS r"  # noqa: S608
