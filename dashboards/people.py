"""What each end user comes to in a range: days that are over from the strings in which they are packed (`dashboards.entries`), what is
left from the rollups or the log. Exactly; of several tenants, whose users may bear the same name, each user counts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connections

from billing import windows
from dashboards import entries, planning, reading, standby
from dashboards.figures import Sums
from dashboards.planning import Source
from dashboards.ranges import Range
from dashboards.reading import Each, Leader, View
from dashboards.shapes import CUBE, TOTAL, USER_NUMBERS, Level

DIMENSION = "end_user"
MEASURES = {"requests": "requests", "cost_usd": "costs"}
MOST_GAPS = 4  # spans that are not packed: each is a question of its own
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class People:
    """`newcomers`: names of users that have no number yet, by the (negative) one that they are given here."""

    sums: entries.Sums
    newcomers: Mapping[int, str]
    source: Source

    @property
    def cost_usd(self) -> Decimal:
        return usd(self.sums.cost)

    def leaders(self, measure: str, limit: int) -> tuple[Leader, ...]:
        """Those that have most of "requests" or "cost_usd", and of those that have the same, the first in the alphabet."""
        if not limit or not self.sums.count:
            return ()
        places = self.sums.top(MEASURES[measure], limit)
        rows = [(int(self.sums.users[at]), int(self.sums.requests[at]), int(self.sums.costs[at])) for at in places]
        names = {**_names([user for user, _requests, _cost in rows if user > 0]), **self.newcomers}
        found = [Leader(names[user], requests, usd(cost)) for user, requests, cost in rows]
        return tuple(sorted(found, key=lambda one: (-getattr(one, measure), one.value))[:limit])


def usd(nanos: int) -> Decimal:
    return Decimal(nanos).scaleb(-9)


def read(view: View) -> People | None:
    """None where nothing of the range is packed, or what is asked about is not in it: then the rollups have to be asked. Raises
    `planning.Unanswerable`."""
    level = planning.day_level(view.scope, view.range, TOTAL)
    days = view.range.whole_days
    if level is None or days is None or not view.filters.values.keys() <= set(CUBE.dimensions):
        return None
    packed, missing = _days(view, level, days)
    spans = _gaps(view.range, days, missing)
    if not packed or len(spans) > MOST_GAPS:
        return None
    series = reading.series(view, CUBE) if view.filters.values else None
    asked = [reading.each(replace(view, range=_span(view.range, *span)), DIMENSION) for span in spans]
    rest = [one for rows, _source in asked for one in rows]
    numbers, newcomers = _numbers(rest)
    more = [(numbers[one.tenant_id, one.value], one.requests, int(one.cost_usd.scaleb(9))) for one in rest]
    return People(entries.added(packed, series, more), newcomers, _source([source for _rows, source in asked]))


def leading(view: View, measure: str, limit: int, known: People | None = None) -> tuple[str, ...] | None:
    """The names that have most of a measure, and "" for all requests without one, as one among them. None as with `read`, which is not
    asked again where `known` is what it said."""
    if measure not in MEASURES or view.scope.is_across or (found := known or read(view)) is None:
        return None
    answer = reading.ask(view, measures=tuple(MEASURES))
    whole = answer.rows[0].sums if answer.rows else Sums()
    others: dict[str, Any] = {
        "requests": whole.requests - int(found.sums.requests.sum()),
        "cost_usd": whole.cost_usd - found.cost_usd,
    }
    ranked = [(-getattr(one, measure), one.value) for one in found.leaders(measure, limit)]
    if any(others.values()):
        ranked.append((-others[measure], ""))
    return tuple(name for _value, name in sorted(ranked)[:limit])


def _days(view: View, level: Level, days: tuple[dt.date, dt.date]) -> tuple[list[bytes], set[dt.date]]:
    """The strings of the days that all of the tenants have packed, and which days have traffic of one that has not."""
    first, after = (dt.datetime.combine(day, dt.time(), dt.UTC) for day in days)
    of: dict[str, Any] = {"level": int(level), "tenants": list(view.scope.tenant_ids), "first": first, "after": after}
    rows = _rows(
        "SELECT DISTINCT c.bucket FROM dashboards_cell AS c WHERE c.level = %(level)s AND c.tenant_id = ANY(%(tenants)s) "  # noqa: S608
        f"AND c.shape = {TOTAL.code} AND c.bucket >= %(first)s AND c.bucket < %(after)s AND NOT EXISTS ("
        "SELECT FROM dashboards_userday AS d WHERE d.level = c.level AND d.tenant_id = c.tenant_id AND d.bucket = c.bucket)",
        of,
    )
    missing = [row[0] for row in rows]
    rows = _rows(
        "SELECT entries FROM dashboards_userday WHERE level = %(level)s AND tenant_id = ANY(%(tenants)s) "
        "AND bucket >= %(first)s AND bucket < %(after)s AND NOT bucket = ANY(%(missing)s::timestamptz[])",
        {**of, "missing": missing},
    )
    return [bytes(row[0]) for row in rows], {bucket.date() for bucket in missing}


def _rows(sql: str, parameters: Any) -> list[Any]:
    """From where the page's other questions are answered."""

    def ask(alias: str) -> list[Any]:
        with connections[alias].cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())

    return standby.read(ask)


def _gaps(span: Range, days: tuple[dt.date, dt.date], missing: set[dt.date]) -> list[tuple[dt.datetime, dt.datetime]]:
    """What is not packed: what lies before and after the whole days, and days that are missing."""
    begins, ends = span.bounds_of_days
    parts = [(span.start, begins), (ends, span.end)]
    day = days[0]
    while day < days[1]:
        if day in missing:
            parts.append((_midnight(day, span), _midnight(day + _DAY, span)))
        day += _DAY
    return reading.joined(sorted((start, end) for start, end in parts if start < end))


def _midnight(day: dt.date, span: Range) -> dt.datetime:
    return dt.datetime.fromtimestamp(windows.midnight(day, span.zone), dt.UTC)


def _span(of: Range, start: dt.datetime, end: dt.datetime) -> Range:
    return Range(start, end, of.zone, of.step, of.now)


def _numbers(rows: Sequence[Each]) -> tuple[dict[tuple[UUID, str], int], dict[int, str]]:
    """The users' numbers; and the names of those that have none, and get one for the moment."""
    wanted = list({(one.tenant_id, one.value): None for one in rows})
    numbered = _rows(
        "SELECT s.tenant_id, s.labels[1], s.id FROM unnest(%s::uuid[], %s::text[]) AS w (tenant_id, name) "  # noqa: S608
        f"JOIN dashboards_series AS s ON s.tenant_id = w.tenant_id AND s.shape = {USER_NUMBERS} AND s.labels = ARRAY[w.name]",
        [[tenant_id for tenant_id, _name in wanted], [name for _tenant_id, name in wanted]],
    )
    found = {(tenant_id, name): number for tenant_id, name, number in numbered}
    newcomers = [key for key in wanted if key not in found]
    found |= {key: -place for place, key in enumerate(newcomers, start=1)}
    return found, {-place: name for place, (_tenant_id, name) in enumerate(newcomers, start=1)}


def _names(numbers: Sequence[int]) -> dict[int, str]:
    return dict(_rows("SELECT id, labels[1] FROM dashboards_series WHERE id = ANY(%s)", [list(numbers)]))


def _source(rest: Sequence[Source]) -> Source:
    levels = dict.fromkeys(level for source in rest for level in source.levels)
    notes = dict.fromkeys(note for source in rest for note in source.notes)
    return Source(("packed days", *levels), "", sum(source.raw_seconds for source in rest), tuple(notes))
