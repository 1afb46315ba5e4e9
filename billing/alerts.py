"""Which thresholds the ledger has crossed, and whom to tell: alerts with their deliveries, written as an outbox.

Decides that a crossing happened and that it is told once. Sending is `billing.deliveries`'s, the words are `billing.alert_messages`'s.

A crossing is one threshold of one limit, of one subject, in one window, at one amount; a unique constraint holds each to one row
whoever finds it and however often. People are told of the highest threshold only: 70 → 120 % makes a row for 80 and one for 100,
and one message; and nobody hears of 80 % who has heard of 100 % already.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q

from billing import limits, selectors, telling, windows
from billing.limits import Limit
from billing.models import Alert, Severity
from billing.windows import Window
from tenants import ids
from tenants.models import ApiKey, Tenant

EXHAUSTED = 100
REFUSED_FROM = 50  # with less used, a refusal is about one very large request and not about the budget


@dataclass(frozen=True)
class Refusal:
    """A request that was refused because a limit is used up: its `source`, and the subject it is counted for there.

    What is left may be a little more than nothing, so the sums alone would not tell. `dimension`, if given, must be the limit's:
    who knows only a request's (dimension, subject) pairs may make a refusal of each.
    """

    source: str
    subject: str
    at: dt.datetime
    dimension: str = ""


@dataclass(frozen=True)
class _Reached:
    """What the ledger has of a limit in one window, against the amount in force. Units as in `Limit`."""

    limit: Limit
    subject: str
    window: Window
    amount: int
    used: int
    at: float
    is_refused: bool = False

    def thresholds(self) -> Iterator[int]:
        """Those that are reached. An amount of nothing has no shares: it is used up once anything is used or refused."""
        if self.amount:
            yield from filter(self._has, self.limit.thresholds)
        if self._has(REFUSED_FROM if self.is_refused else EXHAUSTED) and (self.used or self.is_refused):
            yield EXHAUSTED

    def _has(self, percent: int) -> bool:
        return self.used * 100 >= percent * self.amount


def note_crossings(
    tenant_id: UUID,
    *,
    touched: Collection[tuple[str, str]],
    at: Iterable[dt.datetime],
    refused: Iterable[Refusal] = (),
) -> int:
    """Write an alert for each threshold that is crossed and was not before; returns how many.

    To be called in the transaction that added the records to the ledger: alerts are then there exactly if the records are.
    `touched`: the (dimension, subject) pairs that the records count in. `at`: when each of them was accepted. Safe to repeat and to
    run anywhere at once. Asks the ledger once per dimension and window, however many subjects there are. Budgets, the plan's and
    the keys' own monthly amounts alert; what a plan allows each end user in a day does not.
    """
    refusals = list(refused)
    if not touched and not refusals:
        return 0
    watched = _watched(tenant_id, touched, refusals)
    timezone = Tenant.objects.filter(id=tenant_id).values_list("timezone", flat=True).first() if watched else None
    if timezone is None:
        return 0
    reached = _reached(tenant_id, watched, touched, at, refusals, ZoneInfo(timezone))
    return _write(tenant_id, reached)


def _watched(tenant_id: UUID, touched: Collection[tuple[str, str]], refusals: list[Refusal]) -> list[Limit]:
    """The limits that the records or refusals may have crossed."""
    dimensions = {dimension for dimension, _subject in touched}
    sources = {refusal.source for refusal in refusals}
    found = [
        limit
        for limit in selectors.limits_of(tenant_id).limits
        if (limit.dimension in dimensions and (not limit.subject or (limit.dimension, limit.subject) in touched))
        or limit.source in sources
    ]
    keys = {subject for dimension, subject in touched if dimension == limits.KEY}
    keys |= {refusal.subject for refusal in refusals if refusal.source.startswith("key:")}
    return [*found, *_of_keys(tenant_id, {key_id for subject in keys if (key_id := ids.parse(subject))})]


def _of_keys(tenant_id: UUID, key_ids: set[UUID]) -> Iterator[Limit]:
    if not key_ids:
        return
    has_limit = Q(tokens_per_month__isnull=False) | Q(usd_per_month__isnull=False)
    for key in ApiKey.objects.filter(has_limit, tenant_id=tenant_id, id__in=key_ids):
        yield from selectors.of_key(
            key_id=key.id,
            tokens_per_month=key.tokens_per_month,
            usd_per_month=key.usd_per_month,
            changed_at=key.changed_at,
        )


def _reached(
    tenant_id: UUID,
    watched: list[Limit],
    touched: Collection[tuple[str, str]],
    at: Iterable[dt.datetime],
    refusals: list[Refusal],
    zone: ZoneInfo,
) -> Iterator[_Reached]:
    """How far each limit is, for each subject that used anything in a window the records lie in, and for each refusal."""
    times = sorted(time.timestamp() for time in at)
    subjects: dict[str, set[str]] = defaultdict(set)
    for dimension, subject in touched:
        subjects[dimension].add(subject)
    told = [(limit, refusal) for limit in watched for refusal in refusals if _is_about(refusal, limit)]
    for limit, refusal in told:
        subjects[limit.dimension].add(refusal.subject)

    ledger = _Ledger(tenant_id, subjects, zone)
    spans = {kind: _windows(kind, times, zone) for kind in {limit.window for limit in watched}}
    for limit in watched:
        for window, latest in spans[limit.window].items():
            amount = limit.amount_at(latest)
            used = ledger.used(limit.dimension, window)
            for subject in used.keys() & {limit.subject} if limit.subject else used:
                yield _Reached(limit, subject, window, amount, used[subject][limit.metric], latest)
    for limit, refusal in told:
        time = refusal.at.timestamp()
        window = windows.window(limit.window, time, zone)
        own = ledger.used(limit.dimension, window).get(refusal.subject, {})
        amount = limit.amount_at(time)
        yield _Reached(limit, refusal.subject, window, amount, own.get(limit.metric, 0), time, is_refused=True)


def _is_about(refusal: Refusal, limit: Limit) -> bool:
    """A refusal from before the limit was last edited is not about this amount: it may just have been raised because of it."""
    if refusal.source != limit.source or refusal.dimension not in ("", limit.dimension):
        return False
    if limit.dimension == limits.KEY and ids.parse(refusal.subject) is None:
        return False
    return limit.subject in ("", refusal.subject) and refusal.at.timestamp() >= limit.counted_from


def _windows(kind: str, times: list[float], zone: ZoneInfo) -> dict[Window, float]:
    """The windows of that kind the times (in order) lie in, each with the latest of them."""
    found: dict[Window, float] = {}
    current: Window | None = None
    for time in times:
        if current is None or (current.end is not None and time >= current.end):
            current = windows.window(kind, time, zone)
        found[current] = time
    return found


class _Ledger:
    """What the subjects used, asked for once per dimension and window."""

    def __init__(self, tenant_id: UUID, subjects: dict[str, set[str]], zone: ZoneInfo) -> None:
        self._tenant_id = tenant_id
        self._subjects = subjects
        self._zone = zone
        self._known: dict[tuple[str, Window], dict[str, dict[str, int]]] = {}

    def used(self, dimension: str, window: Window) -> dict[str, dict[str, int]]:
        """Subject → metric → amount."""
        place = (dimension, window)
        if place not in self._known:
            wanted = self._subjects.get(dimension, set())
            self._known[place] = selectors.used(self._tenant_id, dimension, wanted, window, self._zone)
        return self._known[place]


class _Crossing(NamedTuple):
    """What there is one alert of."""

    source: str
    dimension: str
    subject: str
    window_start: dt.datetime
    amount: Decimal
    threshold: int

    @property
    def place(self) -> tuple[Any, ...]:
        """The same for all thresholds of one amount."""
        return self[:-1]


def _write(tenant_id: UUID, reached: Iterable[_Reached]) -> int:
    """The alerts that are not there yet, and whom to tell of them."""
    crossed = {crossing: item for item in reached for crossing in _crossings(item)}
    if not crossed:
        return 0
    known = _known(tenant_id, crossed)
    # In one order, so that two at once wait for each other and never crosswise.
    rows = {crossing: _row(tenant_id, crossing, crossed[crossing]) for crossing in sorted(crossed.keys() - known)}
    if not rows:
        return 0
    with transaction.atomic():
        Alert.objects.bulk_create(rows.values(), ignore_conflicts=True)  # somebody else may have been quicker
        ours = set(Alert.objects.filter(id__in=[row.id for row in rows.values()]).values_list("id", flat=True))
        new = {crossing: row for crossing, row in rows.items() if row.id in ours}
        if new:
            _tell(tenant_id, new, known)
    return len(new)


def _crossings(reached: _Reached) -> Iterator[_Crossing]:
    limit = reached.limit
    for threshold in reached.thresholds():
        start = dt.datetime.fromtimestamp(reached.window.start, dt.UTC)
        amount = _quantity(limit, reached.amount)
        yield _Crossing(limit.source, limit.dimension, reached.subject, start, amount, threshold)


def _known(tenant_id: UUID, crossed: Collection[_Crossing]) -> set[_Crossing]:
    """What is noted already of the limits, windows and subjects that were crossed: nearly always all of it."""
    found = Alert.objects.filter(
        tenant_id=tenant_id,
        kind=Alert.Kind.BUDGET,
        source__in={crossing.source for crossing in crossed},
        subject__in={crossing.subject for crossing in crossed},
        window_start__in={crossing.window_start for crossing in crossed},
    )
    return {_Crossing(*values) for values in found.values_list(*_Crossing._fields)}


def _row(tenant_id: UUID, crossing: _Crossing, reached: _Reached) -> Alert:
    limit, window = reached.limit, reached.window
    return Alert(
        tenant_id=tenant_id,
        **crossing._asdict(),
        severity=Severity.CRITICAL if crossing.threshold >= EXHAUSTED else Severity.WARNING,
        budget_id=ids.parse(limit.source),  # plans' and keys' limits have names for a source
        name=limit.name,
        metric=limit.metric,
        window=window.kind,
        window_end=None if window.end is None else dt.datetime.fromtimestamp(window.end, dt.UTC),
        used=_quantity(limit, reached.used),
        crossed_at=dt.datetime.fromtimestamp(reached.at, dt.UTC),
    )


def _quantity(limit: Limit, amount: int) -> Decimal:
    """Requests, tokens or USD."""
    return Decimal(amount) / limits.NANO_PER_USD if limit.metric == limits.USD else Decimal(amount)


def _tell(tenant_id: UUID, new: dict[_Crossing, Alert], known: set[_Crossing]) -> None:
    """Put the highest new alert of each limit and subject into the outbox, unless a higher one is known already."""
    highest: dict[tuple[Any, ...], int] = {}
    for crossing in (*known, *new):
        highest[crossing.place] = max(crossing.threshold, highest.get(crossing.place, 0))
    telling.tell(tenant_id, [alert for crossing, alert in new.items() if crossing.threshold == highest[crossing.place]])
