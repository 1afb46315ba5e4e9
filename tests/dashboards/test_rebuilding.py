"""Rollups made anew from the log: the same as before, or in another zone's days, or after somebody spoilt them. Old ones are forgotten."""

from __future__ import annotations

import datetime as dt
import random
from io import StringIO
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from dashboards import forgetting, ranges, reading, rebuilding, rolling, scopes
from dashboards.models import Calendar
from dashboards.reading import View
from tenants.models import Tenant
from tests.dashboards import records
from tests.dashboards.records import Record

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 10, 30, 14, 37, tzinfo=dt.UTC)


def history(tenant: Tenant, days: int = 30) -> list[Record]:
    rng = random.Random("rebuild")
    made = [
        item
        for _ in range(120)
        for item in records.at_random(tenant.id, rng, NOW - dt.timedelta(minutes=rng.randrange(days * 1440)))
    ]
    records.put(made)
    while rolling.roll_up(NOW):
        pass
    return made


def cells() -> list[tuple[Any, ...]]:
    """All but the sketches' order of entries."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT level, tenant_id, shape, bucket, series_id, requests, calls, cost_usd, fallbacks, step_reserve_us, length(latency), "
            "length(cost) FROM dashboards_cell ORDER BY 1, 2, 3, 4, 5"
        )
        return cursor.fetchall()


def requests_by_day(tenant: Tenant, zone: str) -> dict[dt.date, int]:
    span = ranges.preset("30d", NOW, ZoneInfo(zone))
    answer = reading.ask(View(scopes.of_tenant(tenant), span), measures=("requests",), by_steps=True)
    assert answer.source.levels == ("day",)
    return {
        span.edges[row.step - 1].astimezone(span.zone).date(): row.sums.requests
        for row in answer.rows
        if row.sums.requests
    }


def expected_by_day(made: list[Record], zone: str) -> dict[dt.date, int]:
    found: dict[dt.date, int] = {}
    first = ranges.preset("30d", NOW, ZoneInfo(zone)).start
    for item in made:
        if item.is_final and item.accepted_at >= first:
            day = item.accepted_at.astimezone(ZoneInfo(zone)).date()
            found[day] = found.get(day, 0) + 1
    return found


def test_makes_the_same_again(tenant):
    other = Tenant.objects.create(name="Globex", slug=uuid4().hex)
    records.put([records.record(other.id, NOW)])
    history(tenant)
    before = cells()
    rebuilding.rebuild(tenant, NOW)
    assert cells() == before


def test_repairs_what_somebody_spoilt(tenant):
    history(tenant)
    before = cells()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE dashboards_cell SET requests = 77 WHERE level = 3")
        cursor.execute("DELETE FROM dashboards_cell WHERE level = 4")
    out = StringIO()
    # The command takes the time of day itself; minutes and quarters may have grown too old by it.
    call_command("rebuild_rollups", tenant.slug, stdout=out)
    assert "records added up" in out.getvalue()
    assert [row for row in cells() if row[0] > 2] == [row for row in before if row[0] > 2]
    with pytest.raises(CommandError, match="There is no tenant nobody"):
        call_command("rebuild_rollups", "nobody", stdout=out)


def test_leaves_changes_that_wait_to_be_added(tenant):
    held = records.record(tenant.id, NOW, **records.HELD)
    records.put([held])
    rolling.roll_up(NOW)
    real = records.Record(tenant.id, held.accepted_at, held.request_id, input_tokens=300)
    records.put([real, records.record(tenant.id, NOW, input_tokens=5)], replacing=[held])
    rebuilding.rebuild(tenant, NOW)  # as if these had not come yet
    view = View(scopes.of_tenant(tenant), ranges.preset("24h", NOW, ZoneInfo("UTC")))
    (row,) = reading.ask(view, measures=("requests", "input_tokens")).rows
    assert (row.sums.requests, row.sums.input_tokens) == (1, 900)
    rolling.roll_up(NOW)
    (row,) = reading.ask(view, measures=("requests", "input_tokens")).rows
    assert (row.sums.requests, row.sums.input_tokens) == (2, 305)


def test_days_follow_the_tenant_into_another_time_zone(tenant):
    made = history(tenant)
    assert requests_by_day(tenant, "Europe/Vienna") == expected_by_day(made, "Europe/Vienna")
    tenant.timezone = "Asia/Kathmandu"
    tenant.save()
    assert rebuilding.follow_time_zones(NOW) == 1
    assert requests_by_day(tenant, "Asia/Kathmandu") == expected_by_day(made, "Asia/Kathmandu")
    assert rebuilding.follow_time_zones(NOW) == 0
    assert Calendar.objects.get(tenant=tenant).exact_from is None


def test_says_from_when_on_days_are_right_where_the_log_does_not_go_back_so_far(tenant):
    history(tenant, days=60)
    tenant.timezone, tenant.log_days = "Asia/Kathmandu", 10
    tenant.save()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM gateway_requestlog WHERE accepted_at < %s", [NOW - dt.timedelta(days=10)])
    rebuilding.follow_time_zones(NOW)
    calendar = Calendar.objects.get(tenant=tenant)
    assert calendar.exact_from is not None
    span = ranges.preset("30d", NOW, ZoneInfo("Asia/Kathmandu"))
    answer = reading.ask(View(scopes.of_tenant(tenant), span), measures=("requests",))
    assert not answer.source.is_exact
    assert answer.source.levels == ("day",)


def test_forgets_minutes_and_quarters_and_keeps_days(tenant):
    history(tenant, days=40)
    later = NOW + dt.timedelta(days=5)

    def count(level: int) -> int:
        return sum(row[0] == level for row in cells())

    before = {level: count(level) for level in (1, 2, 3, 4)}
    assert forgetting.forget(later) > 0
    assert count(1) == 0
    assert 0 < count(2) < before[2]
    assert (count(3), count(4)) == (before[3], before[4])
    assert forgetting.forget(later) == 0
