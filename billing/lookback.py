"""What a limit would have done in the last windows: how much was used in each, and which of them would have used it up.

Read from the ledger: days, weeks and months from the daily sums, minutes and hours from the request log. The present window is left out.
What was used is what the limits of the time let through, so it is a lower bound of what people wanted.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from billing import ledger_questions, limits, selectors
from tenants.models import Tenant

WINDOWS = {"minute": 60, "hour": 24, "day": 30, "week": 12, "month": 12, "total": 1}
SECONDS = {"minute": 60, "hour": 3600}
TIMEOUT_MS = 1500


@dataclass(frozen=True)
class Limited:
    """What the limit is about. `subject` None: each by itself."""

    dimension: str
    subject: str | None
    metric: str
    window: str
    amount: Decimal


@dataclass(frozen=True)
class Past:
    """One window. `most` was used by `subject`, who used most; `over` subjects would have used the limit up."""

    start: dt.datetime
    most: Decimal
    subject: str
    over: int


@dataclass(frozen=True)
class LookBack:
    """`windows` has the earliest first, those without use too.

    `over` are the different subjects that would have used it up in one of them, of all `subjects` that used anything.
    """

    windows: tuple[Past, ...]
    over: int
    subjects: int

    @property
    def crossed(self) -> int:
        return sum(1 for item in self.windows if item.over)

    @property
    def most(self) -> Decimal:
        return max((item.most for item in self.windows), default=Decimal(0))

    @property
    def has_use(self) -> bool:
        return any(item.most for item in self.windows)


def look_back(tenant: Tenant, limited: Limited, now: dt.datetime) -> LookBack | None:
    """None if adding it up takes too long."""
    zone = ZoneInfo(tenant.timezone)
    starts = _starts(limited.window, now, zone)
    used, args = (
        _from_log(tenant.pk, limited, starts)
        if limited.window in SECONDS
        else _from_days(tenant.pk, limited, starts, now)
    )
    sql = (
        f"WITH used AS ({used}) SELECT start, max(used), (array_agg(subject ORDER BY used DESC, subject))[1], "  # noqa: S608
        "count(*) FILTER (WHERE used >= %s AND used > 0), "
        "(SELECT count(DISTINCT subject) FROM used WHERE used >= %s AND used > 0), "
        "(SELECT count(DISTINCT subject) FROM used) FROM used GROUP BY start"
    )
    rows = ledger_questions.within_time(sql, [*args, limited.amount, limited.amount], milliseconds=TIMEOUT_MS)
    if rows is None:
        return None
    found = {start: Past(at, Decimal(0), "", 0) for start, at in starts.items()}
    for start, most, subject, over, _all_over, _subjects in rows:
        if start in found:
            found[start] = Past(found[start].start, Decimal(most), subject, over)
    all_over, subjects = (rows[0][4], rows[0][5]) if rows else (0, 0)
    return LookBack(tuple(found.values()), all_over, subjects)


def _starts(window: str, now: dt.datetime, zone: ZoneInfo) -> dict[Any, dt.datetime]:
    """The last windows before the present one, as the statement names them, with the moment at which each began; the earliest first."""
    count = WINDOWS[window]
    if window in SECONDS:
        length = SECONDS[window]
        present = int(now.timestamp()) // length
        return {slot: dt.datetime.fromtimestamp(slot * length, zone) for slot in range(present - count, present)}
    today = now.astimezone(zone).date()
    if window == "total":
        return {dt.date.min: dt.datetime.fromtimestamp(0, zone)}
    first = ledger_questions.start_of(window, today)
    days = [ledger_questions.before(window, first, number) for number in range(count, 0, -1)]
    return {day: dt.datetime(day.year, day.month, day.day, tzinfo=zone) for day in days}


def _from_days(
    tenant_id: UUID, limited: Limited, starts: dict[Any, dt.datetime], now: dt.datetime
) -> tuple[str, list[Any]]:
    is_total = limited.window == "total"
    start = f"'{dt.date.min}'::date" if is_total else f"date_trunc('{limited.window}', day)::date"
    where, args = "tenant_id = %s AND dimension = %s", [tenant_id, limited.dimension]
    if not is_total:
        zone = next(iter(starts.values())).tzinfo
        where += " AND day >= %s AND day < %s"
        args += [min(starts), ledger_questions.start_of(limited.window, now.astimezone(zone).date())]
    if limited.subject is not None:
        where += " AND subject = %s"
        args.append(limited.subject)
    amount = ledger_questions.OF_DAYS[limited.metric]
    return (
        f"SELECT {start} AS start, subject::text, {amount} AS used FROM billing_dailyusage WHERE {where} GROUP BY 1, 2",  # noqa: S608
        args,
    )


def _from_log(tenant_id: UUID, limited: Limited, starts: dict[Any, dt.datetime]) -> tuple[str, list[Any]]:
    length = SECONDS[limited.window]
    subject = selectors.LEDGER_SUBJECTS[limited.dimension]
    amount = ledger_questions.OF_LOG.get(limited.metric) or selectors.counted_requests(limited.dimension)
    source = "gateway_requestlog, unnest(tags) AS tag" if limited.dimension == limits.TAG else "gateway_requestlog"
    where = "tenant_id = %s AND accepted_at >= to_timestamp(%s) AND accepted_at < to_timestamp(%s)"
    args: list[Any] = [tenant_id, min(starts) * length, (max(starts) + 1) * length]
    if limited.dimension != limits.TENANT:
        where += f" AND {subject} <> ''"
    if limited.dimension == limits.TIER:
        where += " AND end_user <> ''"
    if limited.subject is not None:
        where += f" AND {subject} = %s"
        args.append(limited.subject)
    return (
        f"SELECT floor(extract(epoch FROM accepted_at) / {length})::bigint AS start, {subject}::text AS subject, "  # noqa: S608
        f"{amount} AS used FROM {source} WHERE {where} GROUP BY 1, 2"
    ), args
