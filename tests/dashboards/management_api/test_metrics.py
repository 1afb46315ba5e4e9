"""The dashboards' numbers by the management API: what the records add up to, as JSON and as a table; what makes no sense is refused."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from tests.cast import Cast
from tests.dashboards.pages.conftest import read_csv
from tests.dashboards.records import Record
from tests.management import error_of, script

pytestmark = pytest.mark.django_db


def plain(usd: Decimal) -> str:
    return f"{usd.normalize():f}"


def test_totals_are_what_the_records_add_up_to(cast: Cast, history: list[Record]):
    told = script(cast.acme.tenant, "viewer").get("metrics", metrics="requests,cost_usd,error_rate", range="7d").json()
    final = [item for item in history if item.is_final]
    (line,) = told["results"]
    assert line["metrics"] == {
        "requests": len(final),
        "cost_usd": plain(sum((item.cost_usd for item in history), Decimal(0))),
        "error_rate": sum(item.error != "" for item in final) / len(final),
    }
    assert (told["time_zone"], told["by"], told["notes"]) == ("Europe/Vienna", None, [])
    assert told["units"] == {"requests": "count", "cost_usd": "usd", "error_rate": "share"}
    assert "times" not in told


def test_by_a_dimension_the_dearest_come_first(cast: Cast, history: list[Record]):
    told = script(cast.acme.tenant).get("metrics", by="task", metrics="cost_usd", order="cost_usd", limit=2).json()
    costs: dict[str, Decimal] = defaultdict(Decimal)
    for item in history:
        costs[item.task] += item.cost_usd
    ranked = sorted(costs.items(), key=lambda pair: (-pair[1], pair[0]))[:2]
    assert [(line["value"], line["metrics"]["cost_usd"]) for line in told["results"]] == [
        (task, plain(cost)) for task, cost in ranked
    ]


def test_filters_narrow_down_also_to_what_has_none(cast: Cast, history: list[Record]):
    ada = script(cast.acme.tenant)
    for asked, wanted in (
        ({"task": ["sum", "sort"]}, {"sum", "sort"}),
        ({"task": ""}, {""}),
    ):
        (line,) = ada.get("metrics", metrics="requests", **asked).json()["results"]
        assert line["metrics"]["requests"] == sum(item.is_final and item.task in wanted for item in history)
    (line,) = ada.get("metrics", metrics="requests", status="4xx").json()["results"]
    assert line["metrics"]["requests"] == sum(item.is_final and 400 <= item.status < 500 for item in history)


def test_over_time_the_steps_add_up_and_the_others_are_one_line(cast: Cast, history: list[Record]):
    ada = script(cast.acme.tenant)
    told = ada.get("metrics", metrics="requests", steps="true", by="task", limit=1).json()
    assert [line["value"] for line in told["results"]][1:] == [None]
    assert sum(line["metrics"]["requests"] for line in told["results"]) == sum(item.is_final for item in history)
    for line in told["results"]:
        assert len(line["steps"]["requests"]) == len(told["times"]) == 96
        assert sum(line["steps"]["requests"]) == line["metrics"]["requests"]


def test_as_a_table_it_says_the_same(cast: Cast, history: list[Record]):
    ada = script(cast.acme.tenant)
    asked: dict[str, Any] = {"by": "model", "metrics": "requests,cost_usd"}
    told, response = ada.get("metrics", **asked).json(), ada.get("metrics", **asked, format="csv")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert read_csv(response.content) == [
        ["model", "requests (count)", "cost_usd (usd)"],
        *([line["value"], str(line["metrics"]["requests"]), line["metrics"]["cost_usd"]] for line in told["results"]),
    ]
    by_time = read_csv(ada.get("metrics", metrics="requests", steps="1", format="csv").content)
    assert (by_time[0], len(by_time)) == (["time", "requests (count)"], 97)
    assert dt.datetime.fromisoformat(by_time[1][0]).utcoffset() is not None


def test_of_a_neighbour_there_is_nothing(cast: Cast, history: list[Record]):
    ada = script(cast.acme.tenant)
    assert "globex" not in ada.get("metrics", by="task").content.decode()
    assert "globex" not in ada.get("metrics/names").content.decode()
    (line,) = ada.get("metrics", task="globex-task").json()["results"]
    assert line["metrics"]["requests"] == 0


def test_the_names_are_told_with_what_can_be_asked_for(cast: Cast, history: list[Record]):
    told = script(cast.acme.tenant).get("metrics/names").json()
    assert {"name": "latency_p95", "unit": "ms", "is_good": False} in told["metrics"]
    assert "end_user" in told["dimensions"]
    assert told["values"]["task"] == ["", "sort", "sum"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"metrics": "latency_p96"}, "metrics[0]"),
        ({"metrics": ""}, "metrics"),
        ({"by": "colour"}, "by"),
        ({"modle": "x"}, "modle"),
        ({"key": "x"}, "key[0]"),
        ({"status": "2000"}, "status[0]"),
        ({"since": ""}, "since"),
        ({"until": ""}, "until"),
        ({"by": ""}, "by"),
        ({"range": "7d", "since": "2026-01-01T00:00:00Z"}, "range"),
        ({"until": "2026-01-01T00:00:00Z"}, "since"),
        ({"steps": "1", "by": "task", "limit": 51}, "limit"),
        ({"limit": ["x", "3"]}, "limit"),
    ],
)
def test_what_is_not_understood_is_refused_also_where_a_table_was_wanted(cast: Cast, asked: dict[str, Any], field: str):
    ada = script(cast.acme.tenant)
    for form in ({}, {"format": "csv"}):
        assert list(error_of(ada.get("metrics", **asked, **form), 400)["fields"]) == [field]


def test_a_range_that_ends_before_it_begins_is_refused(cast: Cast):
    asked = {"since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}
    error = error_of(script(cast.acme.tenant).get("metrics", **asked), 400)
    assert error["message"] == "A range ends after it begins."
