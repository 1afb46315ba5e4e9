"""Reads what is judged: traffic by five minutes and by the hour from the rollups, votes by the week, and who is to be looked at.

A step is read once it has been over for a while, so that its records are in the rollups. Shares may be judged by what has come so far, for
what is late is like what is there. Sums may not: while records of the last hours wait to be added up, an hour's cost is not known.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.db import connection

from billing import windows
from dashboards import ranges, reading, scopes
from dashboards.alarms import drops, spending
from dashboards.alarms.drops import Votes
from dashboards.figures import Row, Sums
from dashboards.ranges import Step
from dashboards.reading import View
from dashboards.shapes import TOTAL, Level
from dashboards.sketches import UNITS, Sketch
from gateway.judging import counting, ratings
from gateway.models import LogChange
from gateway.quality.figures import Counts
from tenants.models import Tenant

MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
STEP_MINUTES, LOOKED_BACK = 5, 3 * HOUR
SETTLED_AFTER = MINUTE
HOURS_LOOKED_BACK = 29 * DAY  # four weeks, and the neighbours of their first hour
WAITING_MATTERS = 3 * HOUR
CALLED_WITHIN = DAY
VOTED_WITHIN = 14 * DAY
WEEK_DAYS = 7
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MEASURES = ("requests", "errors", "errors_budget")
_CACHES = ("cache_hits", "cache_semantic", "cache_stale", "cache_misses")


@dataclass(frozen=True)
class Traffic:
    """`by_task`: of each task (empty: none) a row for each step, None where nothing happened. `edges`: when steps begin."""

    edges: tuple[dt.datetime, ...]
    end: dt.datetime
    by_task: Mapping[str, Sequence[Row | None]]

    def sums(self, step: int) -> list[Sums]:
        return [row.sums for rows in self.by_task.values() if (row := rows[step]) is not None]

    def latencies(self, tasks: Collection[str], step: int) -> Sketch:
        """Of several tasks together."""
        rows = (self.by_task[task][step] for task in tasks)
        data = b"".join(row.sketches["latency"].data for row in rows if row is not None)
        return Sketch(data, UNITS["latency"])


@dataclass(frozen=True)
class Hours:
    """Whole hours of the tenant's clock, the newest last. `known_from`: the first one that has any traffic."""

    edges: tuple[dt.datetime, ...]
    end: dt.datetime
    zone: ZoneInfo
    sums: Sequence[Sums]
    known_from: int

    def costs_at_this_time(self, place: int) -> list[float]:
        """What the hour and its neighbours cost in the weeks before, by the clock on the wall; only what is known."""
        wall = {_wall(edge, self.zone): at for at, edge in enumerate(self.edges)}
        at = _wall(self.edges[place], self.zone)
        wanted = [
            at - dt.timedelta(weeks=week) + by * HOUR
            for week in range(1, spending.WEEKS + 1)
            for by in spending.NEIGHBOURS
        ]
        found = [wall[one] for one in wanted if one in wall]
        return [float(self.sums[one].cost_usd) for one in found if one >= self.known_from]


def candidates(now: dt.datetime, kinds: Collection[str]) -> list[Tenant]:
    """The tenants that had traffic or votes lately, or have an episode of these kinds under way."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.id FROM tenants_tenant AS t WHERE t.is_active AND ("
            "EXISTS (SELECT FROM dashboards_cell AS c WHERE c.level = %s AND c.tenant_id = t.id AND c.shape = %s AND c.bucket >= %s) "
            "OR EXISTS (SELECT FROM gateway_feedback AS f WHERE f.tenant_id = t.id AND f.asked_at >= %s) "
            "OR EXISTS (SELECT FROM gateway_judgement AS j WHERE j.tenant_id = t.id AND j.answered_at >= %s) "
            "OR EXISTS (SELECT FROM billing_alert AS a WHERE a.tenant_id = t.id AND a.kind = ANY(%s) AND a.resolved_at IS NULL))",
            [int(Level.MINUTE), TOTAL.code, now - LOOKED_BACK, now - VOTED_WITHIN, now - VOTED_WITHIN, list(kinds)],
        )
        ids = [row[0] for row in cursor.fetchall()]
    return list(Tenant.objects.filter(pk__in=ids))


def traffic(tenant: Tenant, now: dt.datetime) -> Traffic:
    size = STEP_MINUTES * MINUTE
    end = _EPOCH + (now - SETTLED_AFTER - _EPOCH) // size * size
    span = ranges.custom(end - LOOKED_BACK, end, now, ZoneInfo(tenant.timezone), Step("minute", STEP_MINUTES))
    view = View(scopes.of_tenant(tenant), span)
    answer = reading.ask(view, measures=_MEASURES, kinds=("latency",), by=("task",), by_steps=True)
    by_task: dict[str, list[Row | None]] = {}
    for row in answer.rows:
        rows = by_task.setdefault(row.group[0] or "", [None] * len(span.edges))
        rows[row.step - 1] = row
    return Traffic(span.edges, end, by_task)


def hours(tenant: Tenant, now: dt.datetime) -> Hours | None:
    """None while records of the last hours wait to be added up."""
    zone = ZoneInfo(tenant.timezone)
    end = (now - SETTLED_AFTER).astimezone(zone).replace(minute=0, second=0, microsecond=0).astimezone(dt.UTC)
    waiting = LogChange.objects.filter(tenant_id=tenant.pk, accepted_at__gte=end - WAITING_MATTERS, accepted_at__lt=end)
    if waiting.exists():
        return None
    span = ranges.custom(end - HOURS_LOOKED_BACK, end, now, zone, Step("hour"))
    view = View(scopes.of_tenant(tenant), span)
    answer = reading.ask(view, measures=("requests", "cost_usd", *_CACHES), by_steps=True)
    found = [Sums()] * len(span.edges)
    for row in answer.rows:
        found[row.step - 1] = row.sums
    known_from = next((at for at, sums in enumerate(found) if sums.requests), len(found))
    return Hours(span.edges, end, zone, found, known_from)


def votes(tenant: Tenant, now: dt.datetime) -> dict[str, list[Votes]]:
    """Of each task, the weeks that end with yesterday and those before, as many as are judged and are usual; the newest last."""
    return _by_week(tenant, now, ratings.VOTES, lambda counts: Votes(counts.votes, counts.up))


def scores(tenant: Tenant, now: dt.datetime) -> dict[str, list[Votes]]:
    """The same of judges: answers that they scored, and found good."""
    return _by_week(tenant, now, ratings.SCORES, lambda counts: Votes(counts.judged, counts.good))


def _by_week(tenant: Tenant, now: dt.datetime, part: str, of: Callable[[Counts], Votes]) -> dict[str, list[Votes]]:
    found: dict[str, list[Votes]] = {}
    edges = _weeks(tenant, now)
    asked = counting.Asked([tenant.pk], edges[0], edges[-1], zone=ZoneInfo(tenant.timezone))
    for labels, weeks in counting.cells(asked, edges[:-1], parts=(part,)).items():
        of_task = found.setdefault(labels.task, [Votes()] * (len(edges) - 1))
        for week, counts in weeks.items():
            of_task[week] = of_task[week] + of(counts)
    return {task: weeks for task, weeks in found.items() if any(week.of for week in weeks)}


def _weeks(tenant: Tenant, now: dt.datetime) -> list[dt.datetime]:
    """When the weeks begin that are judged or usual, and when the last one ends: with yesterday."""
    zone = ZoneInfo(tenant.timezone)
    today = now.astimezone(zone).date()
    count = drops.USUAL_WEEKS + drops.WEEKS.begins_after
    days = [today - place * WEEK_DAYS * DAY for place in range(count, -1, -1)]
    return [dt.datetime.fromtimestamp(windows.midnight(day, zone), dt.UTC) for day in days]


def called_models(tenant: Tenant, now: dt.datetime) -> set[str]:
    """The names of the models that the tenant's requests have called within the last day."""
    span = ranges.custom(now - CALLED_WITHIN, now, now, ZoneInfo(tenant.timezone))
    answer = reading.ask(View(scopes.of_tenant(tenant), span), measures=("calls",), by=("model",))
    return {row.group[0] for row in answer.rows if row.group[0] and row.sums.calls}


def _wall(at: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    return at.astimezone(zone).replace(tzinfo=None)
