"""A tenant's month: what was used, by model, task, API key and end user, and the plan it was on. Read from the daily sums.

A month is the calendar's in the tenant's time zone, as the days are. The plan's price stands beside the usage and is not added to it:
it is the plan's own price for a whole month, as it is set today.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from operator import add
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext as _

from billing import windows
from billing.models import DailyUsage, Subscription
from tenants.models import ApiKey, Tenant

logger = logging.getLogger(__name__)

Dimension = DailyUsage.Dimension
SECTIONS = (Dimension.MODEL, Dimension.TASK, Dimension.KEY, Dimension.END_USER)
TOP_END_USERS = 50
BATCH = 2000
_SUMS = "sum(requests), sum(input_tokens), sum(cache_read_tokens), sum(output_tokens), sum(cost_usd)"


@dataclass(frozen=True)
class Figures:
    """What was used. `input_tokens` includes those read from a cache. The cost is exact."""

    requests: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.requests + other.requests,
            self.input_tokens + other.input_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.output_tokens + other.output_tokens,
            self.cost_usd + other.cost_usd,
        )

    def __sub__(self, other: Figures) -> Figures:
        return Figures(
            self.requests - other.requests,
            self.input_tokens - other.input_tokens,
            self.cache_read_tokens - other.cache_read_tokens,
            self.output_tokens - other.output_tokens,
            self.cost_usd - other.cost_usd,
        )

    def values(self) -> tuple[int, int, int, int, Decimal]:
        return self.requests, self.input_tokens, self.cache_read_tokens, self.output_tokens, self.cost_usd


@dataclass(frozen=True)
class Line:
    """One subject's part. `name` is for people: a key's name and beginning, elsewhere the subject itself."""

    subject: str
    name: str
    figures: Figures


@dataclass(frozen=True)
class Section:
    """The month in one dimension, dearest first.

    `more` subjects, who used `more_figures`, are not among the lines. `rest` is what belongs to no subject, such as requests without an
    end user and the input of attempts that no model answered.
    """

    dimension: str
    lines: tuple[Line, ...]
    more: int
    more_figures: Figures
    rest: Figures

    @property
    def has_rest(self) -> bool:
        return self.rest != Figures()


@dataclass(frozen=True)
class PlanLine:
    """A subscription's time within the month, both days included, and the plan's price for a whole month."""

    name: str
    first_day: dt.date
    last_day: dt.date
    price_usd_per_month: Decimal


@dataclass(frozen=True)
class MonthTotal:
    """What was used in a month by everybody. `is_so_far`: it has not ended."""

    first_day: dt.date
    total: Figures
    is_so_far: bool


@dataclass(frozen=True)
class Statement:
    """`is_so_far`: the month has not ended. `problems` says what does not add up; empty unless the daily sums were tampered with."""

    tenant: Tenant
    first_day: dt.date
    last_day: dt.date
    made_at: dt.datetime
    is_so_far: bool
    total: Figures
    sections: tuple[Section, ...]
    plans: tuple[PlanLine, ...]
    problems: tuple[str, ...]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.tenant.timezone)


def current_month(tenant: Tenant, now: dt.datetime) -> dt.date:
    """The first day of the tenant's present month."""
    return now.astimezone(ZoneInfo(tenant.timezone)).date().replace(day=1)


def months(tenant: Tenant, now: dt.datetime) -> list[MonthTotal]:
    """From the tenant's first month to the present one, the latest first; those without use too."""
    sql = (
        f"SELECT date_trunc('month', day)::date, {_SUMS} FROM billing_dailyusage "  # noqa: S608
        "WHERE tenant_id = %s AND dimension = %s GROUP BY 1"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [tenant.pk, Dimension.TENANT])
        used = {month: _figures(sums) for month, *sums in cursor.fetchall()}
    present = current_month(tenant, now)
    month = min([current_month(tenant, tenant.created_at), *used])
    found = []
    while month <= present:
        found.append(MonthTotal(month, used.get(month, Figures()), month == present))
        month = _next_month(month)
    return found[::-1]


def statement(tenant: Tenant, year: int, month: int, *, now: dt.datetime) -> Statement:
    """The tenant's statement of that month, up to `now` where it has not ended.

    The figures come from one statement in SQL, so they belong together even while usage is being added.
    """
    first_day = dt.date(year, month, 1)
    next_first = _next_month(first_day)
    total, sections = _usage(tenant, first_day, next_first)
    return Statement(
        tenant=tenant,
        first_day=first_day,
        last_day=next_first - dt.timedelta(days=1),
        made_at=now,
        is_so_far=first_day == current_month(tenant, now),
        total=total,
        sections=sections,
        plans=tuple(_plans(tenant, first_day, next_first, now)),
        problems=tuple(_problems(tenant, first_day, sections)),
    )


def neighbours(made: Statement) -> tuple[dt.date | None, dt.date | None]:
    """The months before and after that have a statement: from the tenant's first one to the present one."""
    first = current_month(made.tenant, made.tenant.created_at)
    earlier, later = (made.first_day - dt.timedelta(days=1)).replace(day=1), _next_month(made.first_day)
    return (
        earlier if earlier >= first else None,
        later if later <= current_month(made.tenant, made.made_at) else None,
    )


def end_users(made: Statement) -> Iterator[list[Line]]:
    """Every end user of the statement's month in the order of their names, in batches. Each batch is read when it is asked for."""
    after: str | None = None
    while True:
        batch = _end_users_after(made, after)
        if batch:
            yield batch
        if len(batch) < BATCH:
            return
        after = batch[-1].subject


def _end_users_after(made: Statement, after: str | None) -> list[Line]:
    sql = f"SELECT subject, {_SUMS} FROM billing_dailyusage WHERE tenant_id = %s AND dimension = %s"  # noqa: S608
    args: list[Any] = [made.tenant.pk, Dimension.END_USER]
    if after is not None:
        sql += " AND subject > %s"
        args.append(after)
    sql += " AND day >= %s AND day <= %s GROUP BY subject ORDER BY subject LIMIT %s"
    with connection.cursor() as cursor:
        cursor.execute(sql, [*args, made.first_day, made.last_day, BATCH])
        return [Line(subject, subject, _figures(sums)) for subject, *sums in cursor.fetchall()]


def _usage(tenant: Tenant, first_day: dt.date, next_first: dt.date) -> tuple[Figures, tuple[Section, ...]]:
    """The total and the sections. Of the end users those who cost most, and the others as one."""
    wanted = [Dimension.TENANT, *SECTIONS]
    sql = (
        "WITH used AS ("  # noqa: S608
        "SELECT dimension, subject, sum(requests) AS requests, sum(input_tokens) AS input_tokens, "
        "sum(cache_read_tokens) AS cache_read_tokens, sum(output_tokens) AS output_tokens, sum(cost_usd) AS cost_usd, "
        "row_number() OVER (PARTITION BY dimension ORDER BY sum(cost_usd) DESC, sum(requests) DESC, subject) AS place "
        "FROM billing_dailyusage WHERE tenant_id = %s AND day >= %s AND day < %s AND dimension = ANY(%s) "
        "GROUP BY dimension, subject), "
        "shown AS (SELECT *, CASE WHEN dimension <> %s OR place <= %s THEN subject END AS line FROM used) "
        f"SELECT dimension, line, count(*), {_SUMS} FROM shown GROUP BY dimension, line ORDER BY dimension, min(place)"
    )
    with connection.cursor() as cursor:
        args: list[Any] = [
            tenant.pk,
            first_day,
            next_first,
            [str(name) for name in wanted],
            Dimension.END_USER,
            TOP_END_USERS,
        ]
        cursor.execute(sql, args)
        rows = [(dimension, line, count, _figures(sums)) for dimension, line, count, *sums in cursor.fetchall()]
    total = _sum(figures for dimension, _line, _count, figures in rows if dimension == Dimension.TENANT)
    keys = _key_names(tenant, [line for dimension, line, _count, _figures in rows if dimension == Dimension.KEY])
    return total, tuple(_section(dimension, rows, keys, total) for dimension in SECTIONS)


def _section(
    dimension: str, rows: list[tuple[str, str | None, int, Figures]], keys: dict[str, str], total: Figures
) -> Section:
    mine = [row for row in rows if row[0] == dimension]
    lines = tuple(
        Line(name, keys.get(name, name), figures) for _dimension, name, _count, figures in mine if name is not None
    )
    others = [row for row in mine if row[1] is None]
    more_figures = _sum(row[3] for row in others)
    return Section(
        dimension=dimension,
        lines=lines,
        more=sum(row[2] for row in others),
        more_figures=more_figures,
        rest=total - _sum(line.figures for line in lines) - more_figures,
    )


def _key_names(tenant: Tenant, ids: list[str | None]) -> dict[str, str]:
    """Key id → its name and beginning. A key that was deleted since is called by its id."""
    names = {str(subject): _("deleted (%(id)s)") % {"id": subject} for subject in ids}
    names |= {str(key.pk): str(key) for key in ApiKey.objects.filter(tenant=tenant, pk__in=names)}
    return names


def _plans(tenant: Tenant, first_day: dt.date, next_first: dt.date, now: dt.datetime) -> Iterator[PlanLine]:
    """The subscriptions that were open at some time of the month, so far as it has come."""
    zone = ZoneInfo(tenant.timezone)
    begin, end = (dt.datetime.fromtimestamp(windows.midnight(day, zone), dt.UTC) for day in (first_day, next_first))
    until = min(end, now)
    rows = Subscription.objects.filter(Q(ended_at=None) | Q(ended_at__gt=begin), tenant=tenant, started_at__lt=until)
    for row in rows.select_related("plan").order_by("started_at"):
        last_moment = min(row.ended_at or end, end) - dt.timedelta(microseconds=1)
        yield PlanLine(
            name=row.plan.name,
            first_day=max(row.started_at, begin).astimezone(zone).date(),
            last_day=last_moment.astimezone(zone).date(),
            price_usd_per_month=row.plan.price_usd_per_month,
        )


def _problems(tenant: Tenant, first_day: dt.date, sections: Iterable[Section]) -> Iterator[str]:
    """Every record counts once for the tenant, once for its key, and at most once in each of the other dimensions."""
    for section in sections:
        is_short = section.dimension == Dimension.KEY and section.has_rest
        is_over = any(value < 0 for value in section.rest.values())
        if is_short or is_over:
            logger.error("the %s statement of tenant %s does not add up by %s", first_day, tenant.pk, section.dimension)
            yield _("The sums by %(dimension)s are not the total.") % {"dimension": Dimension(section.dimension).label}


def _sum(figures: Iterable[Figures]) -> Figures:
    return reduce(add, figures, Figures())


def _figures(sums: Iterable[Any]) -> Figures:
    requests, input_tokens, cache_read_tokens, output_tokens, cost_usd = sums
    return Figures(int(requests), int(input_tokens), int(cache_read_tokens), int(output_tokens), Decimal(cost_usd))


def _next_month(first_day: dt.date) -> dt.date:
    return (first_day + dt.timedelta(days=32)).replace(day=1)
