"""Charts, tables and totals of metrics."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from dashboards import figures, measures, metrics, ranges, rolling, scopes, sketches, steps, users
from dashboards.filters import Filters
from dashboards.metrics import METRICS, Unit
from dashboards.reading import Leader, View
from tenants.models import Tenant
from tests.dashboards import records

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 10, 30, 14, 37, tzinfo=dt.UTC)
ZONE = ZoneInfo("Europe/Vienna")
HOUR = dt.timedelta(hours=1)


def view_of(tenant: Tenant, preset: str = "24h", **filters: tuple[str, ...]) -> View:
    return View(scopes.of_tenant(tenant), ranges.preset(preset, NOW, ZONE), Filters(**filters))


def test_every_measure_and_sketch_has_its_place_in_the_results():
    names = set(figures._KINDS) | set(figures.STEP_COLUMNS)
    assert names == set(measures.NAMES)
    for metric in METRICS.values():
        assert set(metric.measures) <= set(measures.NAMES)
        assert set(metric.kinds) <= set(sketches.NAMES)


def test_totals_of_nothing_are_nought_or_nothing(tenant):
    found, source = metrics.totals(view_of(tenant), ("requests", "cost_usd", "error_rate", "latency_p95", "saved_usd"))
    assert found == {
        "requests": 0,
        "cost_usd": Decimal(0),
        "error_rate": None,
        "latency_p95": None,
        "saved_usd": Decimal(0),
    }
    assert source.is_exact


def test_a_chart_has_a_point_for_each_step_and_the_whole_beside(tenant):
    times = [NOW - HOUR, NOW - HOUR, NOW - 3 * HOUR]
    records.put(
        [
            records.record(tenant.id, at, latency_ms=ms, cost_usd=Decimal("0.5"))
            for at, ms in zip(times, (100, 300, 7000), strict=True)
        ]
    )
    rolling.roll_up(NOW)
    view = view_of(tenant)
    chart = metrics.chart(view, ("requests", "cost_usd", "latency_p95", "slow_share"))
    (line,) = chart.lines
    steps_of = {
        name: {place: value for place, value in enumerate(values) if value} for name, values in line.steps.items()
    }
    early, late = (sum(edge <= at for edge in view.range.edges) - 1 for at in (times[2], times[0]))
    assert steps_of["requests"] == {early: 1, late: 2}
    assert steps_of["cost_usd"] == {early: Decimal("0.5"), late: Decimal(1)}
    assert steps_of["latency_p95"] == {early: pytest.approx(7000, rel=0.01), late: pytest.approx(300, rel=0.01)}
    assert line.whole["latency_p95"] == pytest.approx(7000, rel=0.01)
    assert line.whole["slow_share"] == pytest.approx(1 / 3)
    assert line.steps["slow_share"].count(None) == 94
    assert len(line.steps["requests"]) == len(view.range.edges) == 96


def test_a_chart_by_a_dimension_shows_the_top_ones_and_all_others_as_one(tenant):
    made = [
        records.record(tenant.id, NOW - HOUR, model_served=f"m{number}")
        for number in range(5)
        for _ in range(number + 1)
    ]
    records.put(made)
    rolling.roll_up(NOW)
    chart = metrics.chart(view_of(tenant), ("requests",), by="model", top=3)
    assert [(line.name, line.whole["requests"]) for line in chart.lines] == [("m4", 5), ("m3", 4), ("m2", 3), (None, 3)]


def test_a_table_has_most_first_and_may_go_on_by_other_dimensions(tenant):
    made = [
        records.record(tenant.id, NOW - HOUR, model_served="m1", provider="p1", cost_usd=Decimal(1)),
        records.record(tenant.id, NOW - HOUR, model_served="m2", provider="p2", cost_usd=Decimal(4)),
        records.record(tenant.id, NOW - HOUR, model_served="m1", provider="p2", cost_usd=Decimal(2)),
    ]
    records.put(made)
    rolling.roll_up(NOW)
    chart = metrics.table(
        view_of(tenant), "model", ("cost_usd", "cost_per_request"), order="cost_usd", limit=2, then=("provider",)
    )
    assert [(line.name, line.whole["cost_usd"]) for line in chart.lines] == [
        ("m2\tp2", Decimal(4)),
        ("m1\tp2", Decimal(2)),
    ]
    by_model = metrics.table(view_of(tenant), "model", ("cost_usd", "cost_per_request"), order="cost_usd")
    assert [line.whole["cost_per_request"] for line in by_model.lines] == [Decimal(4), Decimal("1.5")]


def test_shares_of_caches_count_what_was_looked_up(tenant):
    caches = ["hit", "hit", "semantic", "miss", "bypass", "repeat", ""]
    records.put([records.record(tenant.id, NOW - HOUR, cache=cache) for cache in caches])
    rolling.roll_up(NOW)
    found, _source = metrics.totals(
        view_of(tenant), ("hit_rate", "exact_hit_rate", "semantic_hit_rate", "cache_bypassed")
    )
    assert found == {"hit_rate": 0.75, "exact_hit_rate": 0.5, "semantic_hit_rate": 0.5, "cache_bypassed": 1}


def test_the_steps_of_the_pipeline_add_up_to_the_mean_latency(tenant):
    made = [
        records.record(tenant.id, NOW - HOUR, latency_ms=10.0, steps_us={"validate": 1000, "provider": 6000}),
        records.record(tenant.id, NOW - HOUR, latency_ms=30.0, steps_us={"validate": 1000, "stream": 29000}),
    ]
    records.put(made)
    rolling.roll_up(NOW)
    found = steps.breakdown(view_of(tenant))
    assert [(item.step, item.mean_ms, item.is_upstream) for item in found.steps] == [
        ("validate", 1.0, False),
        ("provider", 3.0, True),
        ("stream", 14.5, True),
        ("other", 1.5, False),
    ]
    assert (found.mean_ms, found.requests) == (20.0, 2)
    assert steps.breakdown(view_of(tenant, task=("none such",))).mean_ms is None


def test_counts_end_users_once_over_days_and_not_those_who_are_nobody(tenant):
    made = [
        records.record(tenant.id, NOW - dt.timedelta(days=days), end_user=user, cost_usd=Decimal(1), task=task)
        for days, user, task in (
            (0, "ada", ""),
            (3, "ada", "sum"),
            (20, "bob", "sum"),
            (20, "", "sum"),
            (40, "cy", "sum"),
        )
    ]
    records.put(made)
    rolling.roll_up(NOW)
    found = users.users(view_of(tenant, "30d"), leaders=5)
    assert found.leaders == (Leader("ada", 2, Decimal(2)), Leader("bob", 1, Decimal(1)))
    assert (found.count, found.cost_usd, found.cost_per_user) == (2, Decimal(3), Decimal("1.5"))
    assert found.source.levels == ("day",)
    narrowed = users.users(view_of(tenant, "90d", task=("sum",)))
    assert (narrowed.count, narrowed.cost_usd) == (3, Decimal(3))
    assert narrowed.source.levels == ("day",)
    assert sum(users.by_step(view_of(tenant, "30d"))) == 3


def test_a_metric_says_what_it_is_and_which_way_is_good():
    assert (METRICS["latency_p95"].unit, METRICS["latency_p95"].is_good) == (Unit.MS, False)
    assert (METRICS["hit_rate"].unit, METRICS["hit_rate"].is_good) == (Unit.SHARE, True)
    assert METRICS["requests"].is_good is None
