"""Every number of the dashboards is the same as one computed from the records: over borders of days, months, summer time and time zones."""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from dashboards import ranges, reading, rolling, scopes
from dashboards.filters import Filters
from dashboards.measures import NAMES
from dashboards.planning import Unanswerable
from dashboards.ranges import Range, Step
from dashboards.reading import View
from tenants.models import Tenant
from tests.dashboards import records
from tests.dashboards.records import Record

pytestmark = pytest.mark.django_db

KINDS = ("latency", "ttft", "speed", "cost", "own")
UNSAVED = [name for name in NAMES if not name.startswith("saved_")]
QUESTIONS = 40
# A zone, and "now": summer time ends within the days before, or a month does; offsets are of whole, half and quarter hours.
PLACES = [
    ("Europe/Vienna", dt.datetime(2026, 10, 30, 14, 37, 12, tzinfo=dt.UTC)),
    ("America/New_York", dt.datetime(2026, 11, 4, 3, 59, 59, tzinfo=dt.UTC)),
    ("Asia/Kathmandu", dt.datetime(2026, 11, 2, 18, 20, tzinfo=dt.UTC)),
    ("Australia/Lord_Howe", dt.datetime(2026, 10, 9, 0, 1, tzinfo=dt.UTC)),
    ("UTC", dt.datetime(2026, 11, 1, 0, 0, tzinfo=dt.UTC)),
]
DAYS = 44  # beyond what quarters are kept for


def a_tenant(zone: str) -> Tenant:
    return Tenant.objects.create(name="Acme", slug=f"acme-{uuid4().hex[:8]}", timezone=zone)


def history(tenant: Tenant, rng: random.Random, now: dt.datetime) -> list[Record]:
    """Requests mostly of the last days, many of them right at borders of hours and days."""
    zone = ZoneInfo(tenant.timezone)
    made: list[Record] = []
    for _ in range(350):
        back = rng.choice([rng.uniform(0, 1), rng.uniform(0, 4), rng.uniform(0, 17), rng.uniform(0, DAYS)])
        at = now - dt.timedelta(days=back)
        if rng.random() < 0.4:
            local = at.astimezone(zone).replace(minute=0, second=0, microsecond=0)
            local = local.replace(hour=rng.choice([0, local.hour]))
            at = local.astimezone(dt.UTC) + dt.timedelta(milliseconds=rng.choice([-1, 0, 1]))
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        if at <= now:
            made += records.at_random(tenant.id, rng, at)
    return made


def a_range(rng: random.Random, now: dt.datetime, zone: ZoneInfo) -> Range:
    kind = rng.choice(["preset", "preset", "days", "custom", "previous"])
    if kind == "preset":
        return ranges.preset(rng.choice([*ranges.PRESETS, ranges.MONTH_TO_DATE]), now, zone)
    if kind == "previous":
        return ranges.preset(rng.choice(["1h", "6h", "24h", "7d", ranges.MONTH_TO_DATE]), now, zone).previous()
    start = now - dt.timedelta(days=rng.choice([rng.uniform(0, 2), rng.uniform(0, 15), rng.uniform(0, 28)]))
    end = start + dt.timedelta(days=rng.choice([rng.uniform(0.01, 0.2), rng.uniform(0.2, 12)]))
    if kind == "custom":
        return ranges.custom(start, end, now, zone)
    day = start.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    after = (day + dt.timedelta(days=rng.randrange(1, 9))).astimezone(dt.UTC)
    return ranges.custom(day, after, now, zone, rng.choice([Step("day"), Step("week"), Step("hour", 6)]))


def some_filters(rng: random.Random) -> dict[str, tuple[str, ...]]:
    choices: dict[str, list[tuple[str, ...]]] = {
        "task": [("sum",), ("", "sort")],
        "endpoint": [("messages",)],
        "model": [("m1", "m3"), ("m2",)],
        "provider": [("p2",)],
        "key": [(str(records.KEYS[0]), str(records.KEYS[2]))],
        "end_user": [("ada",)],
        "feature": [("inbox",)],
        "tag": [("a",), ("a", "b")],
        "status": [("2xx",), ("429", "5xx")],
        "outcome": [("ok",)],
        "error": [("budget", "provider")],
        "stream": [("true",)],
        "cache": [("hit", "semantic")],
    }
    names = rng.sample(list(choices), rng.choice([0, 0, 1, 1, 1, 2, 3]))
    return {name: rng.choice(choices[name]) for name in names}


def matches(item: Record, filters: dict[str, tuple[str, ...]]) -> bool:
    def fits(value: str, wanted: str) -> bool:
        return value == wanted or (wanted.endswith("xx") and value[:1] == wanted[0])

    return all(
        any(fits(value, want) for value in records.values_of(item, name) for want in wanted)
        for name, wanted in filters.items()
    )


def expected(
    view: View, filters: dict[str, tuple[str, ...]], by: str, by_steps: bool, everything: list[Record]
) -> dict[tuple[int, tuple[str, ...]], list[Record]]:
    groups: dict[tuple[int, tuple[str, ...]], list[Record]] = defaultdict(list)
    for item in everything:
        if view.range.start <= item.accepted_at < view.range.end and matches(item, filters):
            step = sum(edge <= item.accepted_at for edge in view.range.edges) if by_steps else 0
            for value in records.values_of(item, by) if by else [""]:
                if by != "tag" or "tag" not in filters or value in filters["tag"]:
                    groups[step, (value,) if by else ()].append(item)
    return groups


def check(view: View, by: str, by_steps: bool, filters: dict[str, tuple[str, ...]], everything: list[Record]) -> Any:
    answer = reading.ask(view, measures=UNSAVED, kinds=KINDS, by=(by,) if by else (), by_steps=by_steps)
    groups = expected(view, filters, by, by_steps, everything)
    found = {(row.step, row.group): row for row in answer.rows}
    assert found.keys() == groups.keys(), answer.source
    for place, members in groups.items():
        row = found[place]
        for name, value in records.add_up(members, everything).items():
            assert getattr(row.sums, name) == value, (name, place, answer.source)
        for step in ("validate", "reserve", "provider"):
            total = sum(item.steps_us[step] for item in members if records.is_timed(item))
            assert row.sums.steps_us.get(step, 0) == total, (step, place)
        for kind, values in records.distributions(members, everything).items():
            assert row.sketches[kind].count == len(values), (kind, place)
            for share in (0.05, 0.5, 0.95, 0.99) if values else ():
                exact = records.nearest_rank(values, share)
                assert row.quantile(kind, share) == pytest.approx(exact, rel=0.01, abs=0), (kind, share, place)
    return answer


@pytest.mark.parametrize(("zone_name", "now"), PLACES, ids=[place for place, _now in PLACES])
def test_sums_are_equal_and_percentiles_within_one_percent(zone_name: str, now: dt.datetime):
    rng = random.Random(f"rollups {zone_name}")
    tenant = a_tenant(zone_name)
    everything = history(tenant, rng, now)
    records.put(everything)
    assert rolling.roll_up(now) == len(everything)
    scope = scopes.of_tenant(tenant)
    sources = set()
    for _ in range(QUESTIONS):
        zone = ZoneInfo(rng.choice([zone_name, zone_name, "UTC", "Asia/Kolkata"]))
        filters = some_filters(rng)
        by = rng.choice(["", "", "model", "task", "error", "end_user", "tag", "key"])
        view = View(scope, a_range(rng, now, zone), Filters(**filters))
        try:
            answer = check(view, by, rng.random() < 0.5, filters, everything)
        except Unanswerable:
            # Only what would take more than a month of the log is refused: long ranges in another zone's days, or of dimensions that no
            # rollup has together, an end user's percentiles among them.
            assert view.range.end - view.range.start > dt.timedelta(days=31)
            assert zone.key != zone_name or len(filters.keys() | {by}) > 1 or by == "end_user"
            continue
        sources.update(answer.source.levels)
        assert answer.source.is_exact
    assert {"day", "quarter", "minute", "log"} <= sources
