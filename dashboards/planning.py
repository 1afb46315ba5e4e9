"""Which rollups answer a question: the smallest shape that has its dimensions, its range cut into whole days, quarters of an hour and
minutes, and the raw log for what is left. No I/O.

Nothing is rounded: a range that begins at 13:37 takes minutes up to 13:45, then quarters up to midnight, then days.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from dashboards.ranges import Range
from dashboards.scopes import UTC, Scope
from dashboards.shapes import SECONDS, SHAPES, TENANT, Level, Shape, kept_from

RAW_DAYS = 31  # most that a question reads from the raw log
Span = tuple[dt.datetime, dt.datetime]
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Unanswerable(Exception):
    """Nothing can answer the question exactly; the message says what to ask instead."""


@dataclass(frozen=True)
class Part:
    """Buckets of one level: those that begin in one of the spans. A day's bucket is midnight UTC of its date."""

    level: Level
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Plan:
    """`shape` None: no rollup has these dimensions together. `raw`: what is read from the log itself."""

    shape: Shape | None
    parts: tuple[Part, ...]
    raw: tuple[Span, ...]
    notes: tuple[str, ...] = ()

    @property
    def raw_time(self) -> dt.timedelta:
        return sum((end - start for start, end in self.raw), dt.timedelta())


@dataclass(frozen=True)
class Source:
    """Where an answer comes from. `notes` say, for people, in what way it may not be exact; empty: it is."""

    levels: tuple[str, ...]
    shape: str
    raw_seconds: float
    notes: tuple[str, ...]

    @property
    def is_exact(self) -> bool:
        return not self.notes


def source(plan: Plan) -> Source:
    return Source(
        levels=tuple(part.level.name.lower() for part in plan.parts) + (("log",) if plan.raw else ()),
        shape=plan.shape.name if plan.shape else "",
        raw_seconds=plan.raw_time.total_seconds(),
        notes=plan.notes,
    )


def plan(
    scope: Scope,
    span: Range,
    dimensions: Iterable[str],
    *,
    by_steps: bool,
    has_sketches: bool = False,
    is_single: bool = True,
) -> Plan:
    """Raises `Unanswerable`. `is_single`: no record has several of the values asked about, as it may where several tags are."""
    wanted = set(dimensions) - {TENANT}
    candidates = [
        _cut(scope, span, shape, by_steps)
        for shape in SHAPES
        if is_single and wanted <= set(shape.dimensions) and (shape.has_sketches or not has_sketches)
    ]
    best = min(candidates, key=lambda found: found.raw_time, default=Plan(None, (), ((span.start, span.end),)))
    if best.raw_time > dt.timedelta(days=RAW_DAYS):
        raise Unanswerable(
            _(
                "These filters together are answered from the request log, for at most %(days)s days. Choose a shorter range."
            )
            % {"days": RAW_DAYS}
        )
    if best.raw and min(start for start, _end in best.raw) < scope.log_from:
        if not best.parts:
            raise Unanswerable(
                _("The request log goes back to %(date)s only. Choose a later range, or fewer filters.")
                % {"date": f"{scope.log_from:%Y-%m-%d}"}
            )
        raise Unanswerable(
            _(
                "So long ago there are rollups by the day only, and none of these filters together. Choose whole days, or fewer filters."
            )
        )
    return best


def _cut(scope: Scope, span: Range, shape: Shape, by_steps: bool) -> Plan:
    """The range in the largest buckets that the shape has and that no edge between steps goes through."""
    parts: list[Part] = []
    notes: list[str] = []
    rest = [(span.start, span.end)]
    level_of_days = day_level(scope, span, shape)
    days = span.whole_days
    if level_of_days and days and (span.step.is_whole_days or not by_steps):
        first, after = (dt.datetime.combine(day, dt.time(), dt.UTC) for day in days)
        parts.append(Part(level_of_days, ((first, after),)))
        begins, ends = span.bounds_of_days
        rest = [(start, end) for start, end in ((span.start, begins), (ends, span.end)) if start < end]
        if level_of_days is Level.DAY and scope.days_from and days[0] < scope.days_from:
            notes.append(
                _("Days before %(date)s are those of the time zone that was set then.")
                % {"date": scope.days_from.isoformat()}
            )
    if Level.QUARTER in shape.levels and (span.step.is_whole_quarters or not by_steps):
        rest = _take(rest, Level.QUARTER, shape, span.now, parts)
    if Level.MINUTE in shape.levels:
        rest = _take(rest, Level.MINUTE, shape, span.now, parts)
    return Plan(shape, tuple(parts), tuple(rest), tuple(notes))


def day_level(scope: Scope, span: Range, shape: Shape) -> Level | None:
    """Which rollups by the day are of the range's days; None: none."""
    if span.zone.key == scope.day_zone:
        return Level.DAY
    return Level.UTC_DAY if span.zone.key == UTC and Level.UTC_DAY in shape.levels else None


def _take(spans: list[Span], level: Level, shape: Shape, now: dt.datetime, parts: list[Part]) -> list[Span]:
    """Take the whole buckets of the level out of the spans; returns what is left."""
    size = dt.timedelta(seconds=SECONDS[level])
    kept = kept_from(shape, level, now)
    taken: list[Span] = []
    left: list[Span] = []
    for start, end in spans:
        first = _EPOCH - (_EPOCH - max(start, kept or start)) // size * size
        last = _EPOCH + (end - _EPOCH) // size * size
        if first < last:
            taken.append((first, last))
            left += [(a, b) for a, b in ((start, first), (last, end)) if a < b]
        else:
            left.append((start, end))
    if taken:
        parts.append(Part(level, tuple(taken)))
    return left
