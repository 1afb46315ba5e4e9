"""What the pages show is what the metrics say, and what the records add up to."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from dashboards import forecast, metrics, ranges, rolling, scopes
from dashboards.metrics import METRICS
from dashboards.pages import cost, words
from dashboards.pages.answers import Answers
from dashboards.pages.asked import Asked
from dashboards.pages.tabs import panel
from dashboards.pages.views import TABS
from dashboards.reading import View
from tests.cast import Cast, ConsoleClient
from tests.dashboards import records
from tests.dashboards.pages.conftest import read_csv
from tests.dashboards.records import Record

pytestmark = pytest.mark.django_db
OF_TENANT = [tab for tab in TABS if not tab.is_for_operators]


def view_of(cast: Cast, name: str = "24h") -> View:
    tenant = cast.acme.tenant
    return View(scopes.of_tenant(tenant), ranges.preset(name, timezone.now(), ZoneInfo(tenant.timezone)))


@pytest.mark.parametrize("tab", OF_TENANT, ids=lambda tab: tab.slug)
def test_tiles_are_the_totals(ada: ConsoleClient, cast: Cast, history: list[Record], tab):
    response = ada.get(f"{ada.home}dashboards/{tab.slug}/")
    assert response.status_code == 200
    totals, _source = metrics.totals(view_of(cast), tab.tiles)
    shown = {tile.label: tile.value for tile in response.context["tiles"]}
    content = response.content.decode()
    for name in tab.tiles:
        written = words.written(totals[name], METRICS[name].unit)
        assert shown[words.metric(name)] == written
        assert written in content


def test_the_cost_is_what_the_records_cost(ada: ConsoleClient, history: list[Record]):
    response = ada.get(f"{ada.home}dashboards/cost/")
    total = sum((item.cost_usd for item in history), Decimal(0))
    tile = response.context["tiles"][0]
    assert (tile.label, tile.exact) == ("Cost", f"${total:,f}")
    people = {item.end_user for item in history} - {""}
    assert response.context["tiles"][4].value == str(len(people))


def test_a_charts_lines_are_the_metrics_step_by_step(ada: ConsoleClient, cast: Cast, history: list[Record]):
    response = ada.get(f"{ada.home}dashboards/latency/", {"range": "7d"})
    shown = {item.panel.key: item for item in response.context["panels"]}
    chart = metrics.chart(view_of(cast, "7d"), ["latency_p50", "latency_p95", "latency_p99"])
    series = shown["latency"].data["series"]
    assert [item["label"] for item in series] == ["p50", "p95", "p99"]
    for item, name in zip(series, ("latency_p50", "latency_p95", "latency_p99"), strict=True):
        assert item["values"] == list(chart.lines[0].steps[name])
    assert len(shown["latency"].data["edges"]) == len(view_of(cast, "7d").range.edges) > 24
    timed = sorted(item.latency_ms for item in history if records.is_timed(item))
    assert chart.lines[0].whole["latency_p95"] == pytest.approx(records.nearest_rank(timed, 0.95), rel=0.01)


def test_errors_are_counted_by_kind(ada: ConsoleClient, history: list[Record]):
    response = ada.get(f"{ada.home}dashboards/errors/")
    kinds = next(item for item in response.context["panels"] if item.panel.key == "kind")
    counted: dict[str, int] = {}
    for item in history:
        if item.is_final and item.error:
            counted[item.error] = counted.get(item.error, 0) + 1
    assert counted
    assert {line.filters["error"]: line.values[0] for line in kinds.panel.lines} == counted


def test_a_table_leaves_nothing_out(ada: ConsoleClient, history: list[Record]):
    for by in cost.TAB.dimensions:
        response = ada.get(f"{ada.home}dashboards/cost/", {"by": by})
        table = next(item for item in response.context["panels"] if item.panel.key == "by")
        total = sum((line.values[0] for line in table.panel.lines), Decimal(0))
        expected = sum((item.cost_usd * (len(set(item.tags)) if by == "tag" else 1) for item in history), Decimal(0))
        assert total == expected, by


def test_a_csv_has_what_the_chart_shows_with_every_digit(ada: ConsoleClient, cast: Cast, history: list[Record]):
    response = ada.get(f"{ada.home}dashboards/cost/cost.csv", {"range": "7d"})
    assert response["Content-Type"].startswith("text/csv")
    head, *rows = read_csv(response.content)
    chart = metrics.chart(view_of(cast, "7d"), ["cost_usd"], by="model", order="cost_usd", top=7)
    assert len(rows) == len(view_of(cast, "7d").range.edges)
    assert rows[0][0] == view_of(cast, "7d").range.edges[0].astimezone(view_of(cast).range.zone).isoformat()
    lines = [line for line in chart.lines if line.name is not None]
    for place, line in enumerate(lines, start=1):
        assert head[place] == f"{line.name or 'no model called'} (usd)"
        assert [Decimal(row[place]) for row in rows] == list(line.steps["cost_usd"])
    assert sum(Decimal(value) for row in rows for value in row[1:]) == sum(item.cost_usd for item in history)


@pytest.mark.parametrize("tab", OF_TENANT, ids=lambda tab: tab.slug)
def test_every_panel_has_a_csv(ada: ConsoleClient, history: list[Record], tab):
    for key in tab.panels:
        response = ada.get(f"{ada.home}dashboards/{tab.slug}/{key}.csv")
        assert (response.status_code, len(read_csv(response.content)) > 1) == (200, True), key


def test_a_csv_has_no_formulas(ada: ConsoleClient, cast: Cast):
    now = timezone.now()
    records.put(
        [records.record(cast.acme.tenant.pk, now, model_served='=HYPERLINK("http://x")', task="-2+3", tags=("@sum",))]
    )
    rolling.roll_up(now)
    for query in ({"by": "model"}, {"by": "task"}, {"by": "tag"}):
        for key in ("by", "cost"):
            for row in read_csv(ada.get(f"{ada.home}dashboards/cost/{key}.csv", query).content):
                assert not [cell for cell in row if cell.startswith(("=", "@", "-", "+"))], row


def test_the_period_before_stands_beside_this_one(ada: ConsoleClient, cast: Cast):
    now = timezone.now()
    then = now - dt.timedelta(hours=30)
    records.put(
        [
            records.record(cast.acme.tenant.pk, now - dt.timedelta(hours=1), latency_ms=200.0, cost_usd=Decimal(3)),
            records.record(cast.acme.tenant.pk, then, latency_ms=100.0, cost_usd=Decimal(2)),
        ]
    )
    rolling.roll_up(now)
    alone = ada.get(f"{ada.home}dashboards/cost/")
    assert alone.context["tiles"][0].before == ""
    response = ada.get(f"{ada.home}dashboards/cost/", {"compare": "1"})
    tile = response.context["tiles"][0]
    assert (tile.value, tile.before, tile.change) == ("$3.00", "$2.00", "+50 %")
    response = ada.get(f"{ada.home}dashboards/latency/", {"compare": "1"})
    tile = response.context["tiles"][0]
    assert tile.tone == "warn"
    chart = next(item for item in response.context["panels"] if item.panel.key == "latency")
    before = [item for item in chart.data["series"] if item["isBefore"]]
    assert [item["label"] for item in before] == ["p50, before", "p95, before", "p99, before"]
    assert [value for value in before[0]["values"] if value] == [pytest.approx(100, rel=0.01)]


def test_the_months_chart_ends_where_the_forecast_does(cast: Cast, history: list[Record]):
    answers = Answers(Asked(view_of(cast)), cast.acme.tenant, cost.TAB.names)
    chart = panel(cost.TAB, "month", answers)
    found = forecast.month(cast.acme.tenant, answers.view.range.now)
    spent, expected = chart.series
    assert [value for value in spent.values if value is not None][-1] == found.spent_usd
    assert expected.values[-1].quantize(Decimal("0.01")) == found.expected_usd
    assert [mark.low for mark in chart.marks] == [float(item.amount_usd) for item in found.budgets[:3]]


def test_the_home_page_says_how_the_last_day_went(ada: ConsoleClient, history: list[Record]):
    final = [item for item in history if item.is_final]
    content = ada.get(ada.home).content.decode()
    assert f"{len(final)} requests for " in content
    assert f'href="{ada.home}dashboards/"' in content
