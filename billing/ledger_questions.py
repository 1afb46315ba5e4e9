"""What the ledger says was used of several limits at once, most by whom. To be looked at; enforcement counts in Redis.

However many questions there are, PostgreSQL is asked once. If that takes too long it is given up, and what an index answers is asked for
alone, without what has to be added up over many rows. Days and longer come from the daily sums; minutes and hours from the request log
itself.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction

from billing import limits, selectors
from billing.windows import Window

TOP = 5
TIMEOUT_MS = 2000
OF_DAYS = {
    limits.REQUESTS: "sum(requests)",
    limits.TOKENS: "sum(input_tokens + output_tokens)",
    limits.USD: "sum(cost_usd)",
}
OF_LOG = {
    limits.TOKENS: "sum(input_tokens + output_tokens)",
    limits.USD: "sum(cost_usd)",
}


@dataclass(frozen=True)
class Question:
    """How much of `metric` was used in `window`: by `subject`, or, if that is None, by each of the `top` that used most.

    `tier`: only end users of that tier. `like`: only subjects whose name holds this text.
    """

    tenant_id: UUID
    dimension: str
    subject: str | None
    metric: str
    window: Window
    zone: dt.tzinfo
    tier: str = ""
    like: str = ""
    top: int = TOP

    @property
    def is_from_log(self) -> bool:
        return self.window.kind in ("minute", "hour")


Answer = list[tuple[str, Decimal]]


def ask(questions: Sequence[Question]) -> list[Answer | None]:
    """Each question's (subject, usage in requests, tokens or USD), most first; None where adding it up took too long."""
    everything = list(range(len(questions)))
    quick = [place for place, item in enumerate(questions) if item.subject is not None and not item.is_from_log]
    answers: list[Answer | None] = [None] * len(questions)
    for places in (everything, quick) if len(quick) < len(everything) else (everything,):
        rows = _ask([(place, questions[place]) for place in places]) if places else None
        if rows is None:
            continue
        found: dict[int, Answer] = {place: [] for place in places}
        for place, subject, usage in sorted(rows, key=lambda row: (row[0], -row[2], row[1])):
            found[place].append((subject, Decimal(usage)))
        for place in places:
            answers[place] = found[place]
        break
    return answers


def within_time(sql: str, args: Sequence[Any], *, milliseconds: int | None = None) -> list[Any] | None:
    """The statement's rows; None if it takes too long. The limit goes to PostgreSQL in the same message."""
    limit = f"SET LOCAL statement_timeout = {milliseconds or TIMEOUT_MS}"
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"{limit}; {sql}; SET LOCAL statement_timeout = DEFAULT", args)
            cursor.nextset()
            rows: list[Any] = cursor.fetchall()
    except OperationalError:
        return None
    return rows


def _ask(group: Sequence[tuple[int, Question]]) -> list[Any] | None:
    """All the questions in one statement."""
    parts = [_from_log(place, item) if item.is_from_log else _from_days(place, item) for place, item in group]
    sql = " UNION ALL ".join(f"({part})" for part, _args in parts)
    return within_time(sql, [arg for _part, args in parts for arg in args])


def _from_days(place: int, asked: Question) -> tuple[str, list[Any]]:
    window = asked.window
    where = "tenant_id = %s AND dimension = %s"
    args: list[Any] = [asked.tenant_id, asked.dimension]
    if window.end is not None:
        where += " AND day >= %s AND day < %s"
        args += [dt.datetime.fromtimestamp(at, asked.zone).date() for at in (window.start, window.end)]
    more, more_args = _which(asked, "subject")
    return (
        f"SELECT {place}, subject::text, {OF_DAYS[asked.metric]} AS used FROM billing_dailyusage "  # noqa: S608
        f"WHERE {where}{more} GROUP BY subject ORDER BY used DESC, subject LIMIT {asked.top}"
    ), args + more_args


def _from_log(place: int, asked: Question) -> tuple[str, list[Any]]:
    window = asked.window
    assert window.end is not None
    subject = selectors.LEDGER_SUBJECTS[asked.dimension]
    amount = OF_LOG.get(asked.metric) or selectors.counted_requests(asked.dimension)
    source = "gateway_requestlog, unnest(tags) AS tag" if asked.dimension == limits.TAG else "gateway_requestlog"
    where = "tenant_id = %s AND accepted_at >= %s AND accepted_at < %s"
    args: list[Any] = [asked.tenant_id, *(dt.datetime.fromtimestamp(at, dt.UTC) for at in (window.start, window.end))]
    if asked.dimension != limits.TENANT:
        where += f" AND {subject} <> ''"
    if asked.dimension == limits.TIER:
        where += " AND end_user <> ''"
    more, more_args = _which(asked, subject)
    return (
        f"SELECT {place}, {subject}::text, {amount} AS used FROM {source} "  # noqa: S608
        f"WHERE {where}{more} GROUP BY 2 ORDER BY used DESC, 2 LIMIT {asked.top}"
    ), args + more_args


def _which(asked: Question, subject: str) -> tuple[str, list[Any]]:
    """The conditions on the subject, which is that expression."""
    where = ""
    args: list[Any] = []
    if asked.subject is not None:
        where += f" AND {subject} = %s"
        args.append(asked.subject)
    if asked.tier:
        where += f" AND {subject} IN (SELECT external_id FROM tenants_enduser WHERE tenant_id = %s AND tier = %s)"  # noqa: S608
        args += [asked.tenant_id, asked.tier]
    if asked.like:
        where += f" AND {subject} ILIKE %s"
        args.append("%" + asked.like.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%")
    return where, args


def earlier(asked: Sequence[tuple[Question, int]], today: dt.date) -> list[list[Decimal]]:
    """What each question's one subject used in each of so many windows before the present one, the latest last; from the daily sums.

    Windows before the first use are left out. Of a window that never ends, days. Minutes and hours have no daily sums: nothing.
    """
    parts, args = [], []
    for place, (item, count) in enumerate(asked):
        unit = {"week": "week", "month": "month"}.get(item.window.kind, "day")
        if item.is_from_log or item.subject is None:
            continue
        first = start_of(unit, today) if item.window.end is not None else today
        parts.append(
            f"(SELECT {place}, date_trunc('{unit}', day)::date, {OF_DAYS[item.metric]} FROM billing_dailyusage "  # noqa: S608
            "WHERE tenant_id = %s AND dimension = %s AND subject = %s AND day >= %s AND day < %s GROUP BY 2)"
        )
        args += [item.tenant_id, item.dimension, item.subject, before(unit, first, count), first]
    found: list[dict[dt.date, Decimal]] = [{} for _ in asked]
    for place, start, usage in (within_time(" UNION ALL ".join(parts), args) or []) if parts else []:
        found[place][start] = Decimal(usage)
    return [_filled(item, count, found[place], today) for place, (item, count) in enumerate(asked)]


def _filled(item: Question, count: int, found: dict[dt.date, Decimal], today: dt.date) -> list[Decimal]:
    """Window by window from the first use on, those without any use too."""
    if not found:
        return []
    unit = {"week": "week", "month": "month"}.get(item.window.kind, "day")
    first = start_of(unit, today) if item.window.end is not None else today
    starts = [before(unit, first, number) for number in range(count, 0, -1)]
    return [found.get(start, Decimal(0)) for start in starts if start >= min(found)]


def start_of(unit: str, day: dt.date) -> dt.date:
    if unit == "week":
        return day - dt.timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def before(unit: str, first: dt.date, count: int) -> dt.date:
    """The first day of the window that began `count` windows before the one that begins on `first`."""
    if unit == "month":
        months = first.year * 12 + first.month - 1 - count
        return dt.date(months // 12, months % 12 + 1, 1)
    return first - dt.timedelta(days=count * (7 if unit == "week" else 1))
