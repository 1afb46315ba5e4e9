"""Looks through the request log, newest first: what a table of requests shows and what a chart drills down to.

An index leads to a tenant's latest rows, to one end user's and to those that were not answered; for every other filter the rollups tell
in which days and quarters of an hour there is something to be found, so that only those are read, however rare it is. A search that takes
long stops after a while and says how far back it has come; it goes on from there.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, OperationalError, connections, transaction
from django.db.models import Q, QuerySet

from dashboards import errors, reading, standby
from dashboards.filters import STATUS_CLASS
from dashboards.planning import Span, Unanswerable
from dashboards.reading import View
from gateway.models import RequestLog

PAGE = 50
SECONDS = 2.0  # before a search says how far it has come
SLACK = dt.timedelta(seconds=1)
_COLUMNS = {
    "task": "task",
    "endpoint": "endpoint",
    "model": "model_served",
    "provider": "provider",
    "key": "api_key_id",
    "outcome": "outcome",
    "error_type": "error_type",
    "cache": "cache",
    "end_user": "end_user",
    "feature": "feature",
}


@dataclass(frozen=True)
class Cursor:
    """Where a page ends: the next one has what is older."""

    at: dt.datetime
    row_id: UUID


@dataclass(frozen=True)
class Page:
    """`rows` newest first; `after` None: there is nothing older. `is_cut`: the search was stopped before the page was full."""

    rows: tuple[RequestLog, ...]
    after: Cursor | None
    is_cut: bool = False


def page(
    view: View,
    *,
    text: str = "",
    before: Cursor | None = None,
    limit: int = PAGE,
    is_final_only: bool = False,
    slower_than_ms: float | None = None,
) -> Page:
    """The view's newest rows, older than `before`.

    `text` finds exactly an end user, a feature or an error type, or is part of an error's message. (A request id is found by `find`.)
    `is_final_only`: no attempts that failed before. `slower_than_ms`: only those that took longer.
    """
    deadline = time.monotonic() + SECONDS
    found: list[RequestLog] = []
    start, end = view.range.start, view.range.end
    if before is not None:
        end = min(end, before.at + dt.timedelta(microseconds=1))
    base = _matching(view, text)
    if is_final_only:
        base = base.filter(is_final=True)
    if slower_than_ms is not None:
        base = base.filter(latency_ms__gt=slower_than_ms)
    if before is not None:
        base = base.filter(Q(accepted_at__lt=before.at) | Q(accepted_at=before.at, id__lt=before.row_id))
    for since, until in _spans(view, start, end, is_searched=bool(text) or slower_than_ms is not None):
        rows = base.filter(accepted_at__gte=since, accepted_at__lt=until).order_by("-accepted_at", "-id")
        left = deadline - time.monotonic()
        new = _within(rows[: limit + 1 - len(found)], left) if left > 0 else None
        if new is None:
            return Page(tuple(found), Cursor(until, UUID(int=0)), is_cut=True)
        found += new
        if len(found) > limit:
            last = found[limit - 1]
            return Page(tuple(found[:limit]), Cursor(last.accepted_at, last.id))
    return Page(tuple(found), None)


def find(view: View, request_id: UUID) -> tuple[RequestLog, ...]:
    """All attempts of a request, first to last; none if it is not one of the view's tenants' (whatever its range and filters)."""
    at = dt.datetime.fromtimestamp((request_id.int >> 80) / 1000, dt.UTC)
    rows = RequestLog.objects.filter(
        accepted_at__gte=at - SLACK,
        accepted_at__lte=at + SLACK,
        request_id=request_id,
        tenant_id__in=view.scope.tenant_ids,
    )
    found = standby.read(lambda alias: _loaded(rows, alias))
    return tuple(sorted(found, key=lambda row: (row.is_final, row.attempt)))


def _within(rows: QuerySet[RequestLog], seconds: float) -> list[RequestLog] | None:
    """The rows; None if finding them takes longer than that."""

    def ask(alias: str) -> list[RequestLog]:
        with transaction.atomic(alias), connections[alias].cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {max(1, int(seconds * 1000))}")
            return _loaded(rows, alias)

    try:
        return standby.read(ask)
    except OperationalError:
        return None


def _loaded(rows: QuerySet[RequestLog], alias: str) -> list[RequestLog]:
    """The rows; what they refer to is looked up where everything else is."""
    found = list(rows.using(alias))
    for row in found:
        row._state.db = DEFAULT_DB_ALIAS
    return found


def _matching(view: View, text: str) -> QuerySet[RequestLog]:
    ids = view.scope.tenant_ids
    rows = RequestLog.objects.filter(Q(tenant_id=ids[0]) if len(ids) == 1 else Q(tenant_id__in=ids))
    for name, values in view.filters.values.items():
        if name in _COLUMNS:
            rows = rows.filter(**{f"{_COLUMNS[name]}__in": values})
        elif name == "status":
            rows = rows.filter(_status(values))
        elif name == "stream":
            rows = rows.filter(is_stream__in=[value == "true" for value in values])
        elif name == "tag":
            rows = rows.filter(tags__overlap=values)
        elif name == "error":
            rows = rows.extra(  # noqa: S610 - only names that the code knows get into it
                where=[errors.matching_sql(values, RequestLog._meta.db_table)]
            )
    if text:
        failed = ~Q(outcome="ok") & (Q(error_type=text) | Q(error_message__icontains=text))
        rows = rows.filter(Q(end_user=text) | Q(feature=text) | failed)
    return rows


def _status(values: list[str]) -> Q:
    wanted = Q(pk__in=[])
    for value in values:
        if STATUS_CLASS.match(value):
            wanted |= Q(status__gte=int(value[0]) * 100, status__lt=int(value[0]) * 100 + 100)
        elif value.isdecimal():
            wanted |= Q(status=int(value))
    return wanted


def _spans(view: View, start: dt.datetime, end: dt.datetime, *, is_searched: bool) -> Iterator[Span]:
    """The spans of time that may have matching rows, newest first. `is_searched`: for what no index leads to."""
    names = set(view.filters.values)
    if not names - {"end_user"}:
        yield from _slices(start, end) if is_searched else [(start, end)]
        return
    try:
        spans = reading.occupied(view)
    except Unanswerable:
        spans = [(start, end)]
    for since, until in reversed(spans):
        if max(since, start) < min(until, end):
            yield from _slices(max(since, start), min(until, end))


def _slices(start: dt.datetime, end: dt.datetime) -> Iterator[Span]:
    """Days of UTC, newest first: each is one partition, and what was searched before a stop is not lost."""
    while start < end:
        day = (end - dt.timedelta(microseconds=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        yield max(day, start), end
        end = day
