"""The Grafana dashboard: Grafana would take it, and every panel asks for metrics by labels that Tollgate's processes have."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from prometheus_client import REGISTRY
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from gateway.gauges import Standing
from gateway.pipeline import observability as observability  # the counters come with what counts
from gateway.stores import semantic as semantic

FOLDER = Path(__file__).resolve().parents[2] / "deploy/grafana"
DASHBOARD = json.loads((FOLDER / "tollgate.json").read_text())
PANELS = DASHBOARD["panels"]
TARGETS = [(panel, target) for panel in PANELS for target in panel.get("targets", [])]
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
FUNCTIONS = {"sum", "max", "min", "rate", "increase", "histogram_quantile", "topk", "by"}
_METRIC = re.compile(r"\btollgate_\w+")


def labels_by_name() -> dict[str, set[str]]:
    """Every series that `/metrics` may have, by name, with its labels."""
    found: dict[str, set[str]] = {}

    def note(metric: Metric, labels: Any) -> None:
        for suffix in SUFFIXES.get(metric.type, ()):
            found[metric.name + suffix] = set(labels) | ({"le"} if suffix == "_bucket" else set())

    for collector in list(REGISTRY._collector_to_names):
        if hasattr(collector, "_labelnames"):
            note(collector.describe()[0], collector._labelnames)
    for metric in Standing().collect():
        note(metric, metric._labelnames)
    return found


@pytest.mark.django_db
def test_every_expression_asks_for_series_and_labels_that_there_are():
    known = labels_by_name()
    asked = set()
    for panel, target in TARGETS:
        text, where = target["expr"], (panel["title"], target["expr"])
        names = set(_METRIC.findall(text))
        asked |= names
        assert names, where
        assert names <= known.keys(), where
        for name, matchers in re.findall(r"\b(tollgate_\w+)\{([^}]*)\}", text):
            wanted = {matcher.partition("=")[0].rstrip("!").strip() for matcher in matchers.split(",")}
            assert wanted <= known[name], where
        grouped = {label.strip() for labels in re.findall(r"by \(([^)]*)\)", text) for label in labels.split(",")}
        for name in names:
            assert grouped <= known[name], where
        assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= grouped, where
    assert len(asked) > 20
    printed = set()
    for family in text_string_to_metric_families(Client().get("/metrics").content.decode()):
        printed |= {family.name + suffix for suffix in SUFFIXES.get(family.type, ())}
    assert asked <= printed


@pytest.mark.parametrize("text", [target["expr"] for _panel, target in TARGETS])
def test_every_expression_is_whole(text: str):
    bare = re.sub(r'"[^"]*"', '""', text)
    for opening, closing in ("()", "{}", "[]"):
        assert bare.count(opening) == bare.count(closing)
    assert set(re.findall(r"\b([a-z_]+) ?\(", bare)) <= FUNCTIONS
    counters = re.findall(r"\b(tollgate_\w+_(?:total|bucket))(?:\{[^}]*\})?(\[)?", bare)
    gauged = {
        "tollgate_content_lost_total",
        "tollgate_traces_dropped_total",
    }  # the same in every process: how many by now
    assert all(bracket or name in gauged for name, bracket in counters)


def test_panels_have_ids_of_their_own_and_places_that_do_not_overlap():
    assert max(Counter(panel["id"] for panel in PANELS).values()) == 1
    for one, other in combinations([panel["gridPos"] for panel in PANELS], 2):
        is_beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        is_below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert is_beside or is_below, (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in PANELS)
    assert {panel["type"] for panel in PANELS} <= {"row", "stat", "timeseries", "bargauge"}
    for panel in PANELS:
        references = [target["refId"] for target in panel.get("targets", [])]
        assert len(references) == len(set(references)), panel["title"]
        assert bool(references) == (panel["type"] != "row"), panel["title"]


def test_every_query_goes_to_the_data_source_that_is_chosen():
    (variable,) = DASHBOARD["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert all(panel["datasource"] == chosen and target["datasource"] == chosen for panel, target in TARGETS)
    assert not [name for name in ("id", "__inputs") if name in DASHBOARD]  # as an export for one Grafana would have
    assert (DASHBOARD["uid"], DASHBOARD["title"]) == ("tollgate", "Tollgate")
