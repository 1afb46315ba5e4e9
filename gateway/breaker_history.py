"""When circuit breakers were open: changes are noted as `scripts/breaker.lua` tells of them, and read as spans of time.

The script appends each change to a stream in the step that makes it, so of all the processes that see it nobody tells it twice. What Redis
loses before it is noted is missing here: a span then ends, or begins, with what is known next.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from redis import Redis

from gateway.models import BreakerChange
from tenants import redis_keys

BATCH = 500
KEPT = dt.timedelta(days=400)
LONGEST = dt.timedelta(
    days=7
)  # spans that began earlier, before the time that is asked about, are taken to have begun then
FORGOTTEN = dt.timedelta(
    hours=1
)  # without a call, gateways take a breaker for closed after so long; nothing tells of that
CLOSED, OPEN = "closed", "open"
Target = tuple[UUID, str]  # a provider, and what it calls the model


@dataclass(frozen=True)
class Span:
    """A breaker was not closed. `ended_at` None: it still isn't. `openings`: how often it opened, probes that failed included."""

    provider_id: UUID
    upstream_id: str
    began_at: dt.datetime
    ended_at: dt.datetime | None
    openings: int

    def within(self, start: dt.datetime, end: dt.datetime) -> dt.timedelta:
        """How much of it lies in that time."""
        overlap = min(self.ended_at or end, end) - max(self.began_at, start)
        return max(overlap, dt.timedelta())


def note(redis: Redis) -> int:
    """Note the changes that wait; returns how many. Safe to run twice, and at once."""
    found: Any = redis.xrange(redis_keys.breaker_changes(), count=BATCH)
    if not found:
        return 0
    rows = [row for entry, fields in found if (row := _row(entry.decode(), fields)) is not None]
    BreakerChange.objects.bulk_create(rows, ignore_conflicts=True)
    redis.xdel(redis_keys.breaker_changes(), *(entry for entry, _ in found))
    return len(rows)


def forget(now: dt.datetime) -> int:
    """Delete what is older than anybody looks back; returns how many."""
    return BreakerChange.objects.filter(at__lt=now - KEPT).delete()[0]


def spans(start: dt.datetime, end: dt.datetime, targets: Collection[Target] | None = None) -> list[Span]:
    """The spans that reach into that time, the latest first; of these targets, or of all."""
    rows = BreakerChange.objects.filter(at__gte=start - LONGEST, at__lt=end).order_by("at", "entry")
    if targets is not None:
        rows = rows.filter(provider_id__in={provider_id for provider_id, _ in targets})
    found: list[Span] = []
    under_way: dict[Target, tuple[Span, dt.datetime]] = {}  # with its last change
    for row in rows.iterator():
        target = (row.provider_id, row.upstream_id)
        if targets is not None and target not in targets:
            continue
        span, changed_at = under_way.pop(target, (None, row.at))
        if span is not None and row.at - changed_at > FORGOTTEN:
            found.append(replace(span, ended_at=changed_at + FORGOTTEN))
            span = None
        if row.state != CLOSED:
            began_at, openings = (row.at, 0) if span is None else (span.began_at, span.openings)
            under_way[target] = Span(*target, began_at, None, openings + (row.state == OPEN)), row.at
        elif span is not None:
            found.append(replace(span, ended_at=row.at))
    for span, changed_at in under_way.values():
        is_over = end - changed_at > FORGOTTEN
        found.append(replace(span, ended_at=changed_at + FORGOTTEN) if is_over else span)
    return _latest(found, start)


def _latest(found: Iterable[Span], start: dt.datetime) -> list[Span]:
    reaching = (span for span in found if span.ended_at is None or span.ended_at > start)
    return sorted(reaching, key=lambda span: span.began_at, reverse=True)


def _row(entry: str, fields: dict[bytes, bytes]) -> BreakerChange | None:
    key = fields[b"b"].decode().removeprefix(redis_keys.BREAKERS)
    provider_id, _, upstream_id = key.partition("/")
    try:
        return BreakerChange(
            entry=entry,
            provider_id=UUID(provider_id),
            upstream_id=upstream_id[:200],
            state=fields[b"s"].decode(),
            at=dt.datetime.fromtimestamp(int(fields[b"at"]) / 1000, dt.UTC),
        )
    except ValueError:
        return None  # no provider's
