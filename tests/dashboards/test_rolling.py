"""The rollups follow the log: every record is added once, however late it comes, and whoever dies in between."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from dashboards import ranges, reading, rolling, scopes, tasks
from dashboards.figures import Row
from dashboards.models import Series
from dashboards.reading import View
from gateway.models import LogChange
from tenants.models import Tenant
from tests.dashboards import records

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 10, 30, 14, 37, tzinfo=dt.UTC)
MEASURES = (
    "requests",
    "calls",
    "errors",
    "input_tokens",
    "cost_usd",
    "estimated",
    "fallbacks",
    "retries",
    "escalations",
)


def seen(tenant: Tenant, days: int = 60) -> Row | None:
    """What the rollups say of the last days."""
    view = View(
        scopes.of_tenant(tenant),
        ranges.custom(NOW - dt.timedelta(days=days), NOW, NOW, ranges.ZoneInfo("Europe/Vienna")),
    )
    rows = reading.ask(
        replace(view, range=replace(view.range, start=_midnight(days), end=_midnight(-1))), measures=MEASURES
    ).rows
    return rows[0] if rows else None


def _midnight(days_ago: int) -> dt.datetime:
    day = (NOW - dt.timedelta(days=days_ago)).astimezone(ranges.ZoneInfo("Europe/Vienna"))
    return day.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(dt.UTC)


def cells() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM dashboards_cell ORDER BY level, tenant_id, shape, bucket, series_id")
        return cursor.fetchall()


def test_adds_each_record_once_however_often_it_runs(tenant):
    records.put([records.record(tenant.id, NOW, cost_usd=Decimal("0.000000001"))])
    assert rolling.roll_up(NOW) == 1
    before = cells()
    assert rolling.roll_up(NOW) == 0
    assert cells() == before
    row = seen(tenant)
    assert row is not None
    assert (row.sums.requests, row.sums.cost_usd) == (1, Decimal("0.000000001"))


def test_takes_no_more_at_once_than_it_is_told_and_goes_on_where_it_stopped(tenant):
    records.put([records.record(tenant.id, NOW) for _ in range(5)])
    assert [rolling.roll_up(NOW, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    row = seen(tenant)
    assert row is not None
    assert row.sums.requests == 5


@pytest.mark.parametrize("days", [1, 5, 20, 50])
def test_a_late_record_counts_in_the_day_it_belongs_to(tenant, days):
    at = NOW - dt.timedelta(days=days)
    records.put([records.record(tenant.id, NOW), records.record(tenant.id, at, input_tokens=7)])
    rolling.roll_up(NOW)
    records.put([records.record(tenant.id, at, input_tokens=5)])
    rolling.roll_up(NOW)
    zone = ranges.ZoneInfo("Europe/Vienna")
    day = at.astimezone(zone).replace(hour=0, minute=0)
    view = View(scopes.of_tenant(tenant), ranges.custom(day, day + dt.timedelta(days=1), NOW, zone))
    (row,) = reading.ask(view, measures=MEASURES).rows
    assert (row.sums.requests, row.sums.input_tokens) == (2, 12)


def test_a_late_record_is_added_also_where_the_log_has_its_day_no_more(tenant):
    at = NOW - dt.timedelta(days=20)
    records.put([records.record(tenant.id, at, input_tokens=7)])
    rolling.roll_up(NOW)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM gateway_requestlog")
    records.put([records.record(tenant.id, at, input_tokens=5)])
    rolling.roll_up(NOW)
    row = seen(tenant)
    assert row is not None
    assert (row.sums.requests, row.sums.input_tokens) == (2, 12)


@pytest.mark.parametrize("is_seen_before", [True, False])
def test_what_was_held_gives_way_to_what_was_used(tenant, is_seen_before):
    held = records.record(tenant.id, NOW, **records.HELD, cost_usd=Decimal("0.5"))
    records.put([held])
    if is_seen_before:
        rolling.roll_up(NOW)
        row = seen(tenant)
        assert row is not None
        assert (row.sums.errors, row.sums.input_tokens, row.sums.estimated) == (1, 900, 1)
    real = records.Record(
        tenant.id, held.accepted_at, held.request_id, input_tokens=300, cost_usd=Decimal("0.1"), latency_ms=50.0
    )
    records.put([real], replacing=[held])
    rolling.roll_up(NOW)
    row = seen(tenant)
    assert row is not None
    assert (row.sums.requests, row.sums.calls, row.sums.errors) == (1, 1, 0)
    assert (row.sums.input_tokens, row.sums.cost_usd, row.sums.estimated) == (300, Decimal("0.1"), 0)
    assert not LogChange.objects.exists()


def test_tells_retries_fallbacks_and_escalations_apart(tenant):
    first = records.record(
        tenant.id, NOW, is_final=False, outcome="upstream_error", status=503, error_type="upstream_overloaded"
    )
    again = replace(first, attempt=2, opens_model=False)
    other = replace(first, attempt=3, model_served="m2", outcome="escalated", status=200, error_type="")
    last = replace(other, attempt=4, model_served="m3", outcome="ok", is_final=True)
    records.put([first, again, other, last])
    rolling.roll_up(NOW)
    row = seen(tenant)
    assert row is not None
    sums = row.sums
    assert (sums.requests, sums.calls, sums.retries, sums.fallbacks, sums.escalations) == (1, 4, 1, 1, 1)


def test_finds_earlier_calls_of_a_request_that_were_added_before(tenant):
    first = records.record(
        tenant.id,
        NOW,
        is_final=False,
        outcome="escalated",
        finish_reason="stop",
        cost_usd=Decimal("0.25"),
        model_served="m2",
    )
    last = replace(first, attempt=2, model_served="m3", outcome="ok", is_final=True, cost_usd=Decimal("0.75"))
    records.put([first])
    rolling.roll_up(NOW)
    records.put([last])
    rolling.roll_up(NOW)
    view = View(scopes.of_tenant(tenant), ranges.preset("24h", NOW, ranges.ZoneInfo("UTC")))
    (row,) = reading.ask(view, measures=MEASURES, kinds=("cost",)).rows
    assert row.sums.fallbacks == 0
    assert row.quantile("cost", 0.5) == pytest.approx(1.0, rel=0.01)  # the whole request's


def test_gives_each_combination_of_labels_one_number(tenant):
    records.put([records.record(tenant.id, NOW) for _ in range(3)])
    rolling.roll_up(NOW)
    last = Series.objects.order_by("-id").values_list("id", flat=True)[0]
    records.put([records.record(tenant.id, NOW) for _ in range(3)])
    rolling.roll_up(NOW)
    assert Series.objects.order_by("-id").values_list("id", flat=True)[0] == last


def test_adds_up_records_of_a_tenant_that_is_gone():
    records.put([records.record(uuid4(), NOW)])
    assert rolling.roll_up(NOW) == 1


def test_keeps_tenants_apart(tenant):
    other = Tenant.objects.create(name="Globex", slug=f"globex-{uuid4().hex[:8]}")
    records.put([records.record(tenant.id, NOW), *(records.record(other.id, NOW) for _ in range(2))])
    rolling.roll_up(NOW)
    row = seen(tenant)
    assert row is not None
    assert row.sums.requests == 1


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_dies_before_its_commit_has_neither_added_nor_taken_anything(tenant):
    class Died(Exception):
        pass

    def roll_up_and_die() -> None:
        with transaction.atomic():
            assert rolling.roll_up(NOW) == 1
            raise Died

    records.put([records.record(tenant.id, NOW)])
    with pytest.raises(Died):
        roll_up_and_die()
    assert cells() == []
    assert LogChange.objects.count() == 1
    assert rolling.roll_up(NOW) == 1
    row = seen(tenant)
    assert row is not None
    assert row.sums.requests == 1


@pytest.mark.django_db(transaction=True)
def test_stands_back_while_another_worker_is_at_it(tenant):
    records.put([records.record(tenant.id, NOW)])
    other = connections.create_connection("default")
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [rolling.LOCK])
        assert rolling.roll_up(NOW) is None
        other.rollback()
        assert rolling.roll_up(NOW) == 1
    finally:
        other.close()


def test_a_row_whose_partition_was_dropped_before_it_was_added_stops_nothing(tenant):
    records.put([records.record(tenant.id, NOW)])
    LogChange.objects.create(tenant=tenant, accepted_at=NOW, record_id=UUID(int=5))
    assert rolling.roll_up(NOW) == 2
    row = seen(tenant)
    assert row is not None
    assert row.sums.requests == 1


def test_the_tasks_roll_up_and_forget_and_may_run_twice(tenant):
    records.put([records.record(tenant.id, timezone.now()) for _ in range(3)])
    assert [tasks.roll_up(), tasks.roll_up()] == [3, 0]
    assert tasks.forget_rollups() == 0
    assert tasks.follow_time_zones() == 0
