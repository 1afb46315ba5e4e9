"""What each layer saved."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from dashboards import ranges, reading, rolling, savings, scopes
from dashboards.reading import View
from gateway.models import Model
from tests.cast import Cast
from tests.dashboards import records

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 10, 30, 14, 37, tzinfo=dt.UTC)


def test_values_what_context_policies_left_out_at_the_models_price_and_says_that_it_is_an_estimate(cast: Cast):
    tenant = cast.acme.tenant
    Model.objects.filter(id=cast.acme.model.id).update(input_usd_per_mtok=Decimal(3), output_usd_per_mtok=Decimal(9))
    left = {"context_tokens_before": 1500, "context_tokens_after": 500, "model_served": cast.acme.model.name}
    records.put([records.record(tenant.id, NOW, **left) for _ in range(2)])
    rolling.roll_up(NOW)
    found = savings.savings(View(scopes.of_tenant(tenant), ranges.preset("24h", NOW, ZoneInfo("UTC"))))
    by_layer = {item.layer: item for item in found.layers}
    assert by_layer["context"] == savings.Saving("context", Decimal("0.006"), 2000, is_estimate=True)
    assert by_layer["cascade"].usd is None  # the log does not have it
    assert list(by_layer) == list(savings.LAYERS)


def test_tells_the_exact_cache_from_the_semantic_one_and_saves_nothing_by_answers_that_stood_in(cast: Cast):
    tenant = cast.acme.tenant
    for cache, saved in (("hit", "0.002"), ("hit", "0.003"), ("semantic", "0.0007"), ("stale", None), ("miss", None)):
        records.put([records.record(tenant.id, NOW, cache=cache, saved_usd=Decimal(saved) if saved else None)])
    rolling.roll_up(NOW)
    view = View(scopes.of_tenant(tenant), ranges.preset("24h", NOW, ZoneInfo("UTC")))
    found = savings.savings(view)
    by_layer = {item.layer: item.usd for item in found.layers}
    assert (by_layer["exact"], by_layer["semantic"], found.total_usd) == (
        Decimal("0.005"),
        Decimal("0.0007"),
        Decimal("0.0057"),
    )
    (row,) = reading.ask(view, measures=("requests", "calls", "cache_hits", "cache_semantic", "cache_stale")).rows
    sums = row.sums
    assert (sums.requests, sums.calls, sums.cache_hits, sums.cache_semantic, sums.cache_stale) == (5, 2, 2, 1, 1)


def test_does_not_value_what_has_no_price(cast: Cast):
    tenant = cast.acme.tenant
    left = {"context_tokens_before": 1500, "context_tokens_after": 500, "model_served": cast.acme.model.name}
    records.put([records.record(tenant.id, NOW, **left)])
    rolling.roll_up(NOW)
    found = savings.savings(View(scopes.of_tenant(tenant), ranges.preset("24h", NOW, ZoneInfo("UTC"))))
    assert found.layers[-1] == savings.Saving("context", None, 1000, is_estimate=True)
