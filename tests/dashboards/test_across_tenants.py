"""Operators look across tenants by a named call; nobody else's numbers get into a tenant's."""

from __future__ import annotations

import datetime as dt
import logging
import random
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from dashboards import figures, ranges, reading, rolling, scopes
from dashboards.reading import View
from tenants.models import Tenant
from tests.dashboards import records

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 10, 30, 14, 37, tzinfo=dt.UTC)
UTC = ZoneInfo("UTC")
NAMES = ("requests", "errors", "input_tokens", "cost_usd", "fallbacks")


def test_sums_over_all_tenants_equal_their_records_whatever_zones_their_days_are_of(caplog):
    rng = random.Random("across")
    zones = ("Europe/Vienna", "Asia/Kathmandu", "UTC")
    tenants = [Tenant.objects.create(name=zone, slug=uuid4().hex, timezone=zone) for zone in zones]
    everything = [
        item
        for tenant in tenants
        for _ in range(60)
        for item in records.at_random(tenant.id, rng, NOW - dt.timedelta(minutes=rng.randrange(40 * 1440)))
    ]
    records.put(everything)
    rolling.roll_up(NOW)
    with caplog.at_level(logging.INFO):
        scope = scopes.across_tenants(reason="top spenders")
    assert "read across tenants: top spenders" in caplog.text
    for name in ("6h", "24h", "7d", "30d", "90d"):
        span = ranges.preset(name, NOW, UTC)
        within = [item for item in everything if span.start <= item.accepted_at < span.end]
        answer = reading.ask(View(scope, span), measures=NAMES, by=("tenant",))
        assert "log" not in answer.source.levels
        for row in answer.rows:
            mine = records.add_up([item for item in within if str(item.tenant_id) == row.group[0]], everything)
            assert [getattr(row.sums, measure) for measure in NAMES] == [mine[measure] for measure in NAMES]
        assert {row.group[0] for row in answer.rows} == {str(item.tenant_id) for item in within}
        whole = figures.merged(reading.ask(View(scope, span), measures=NAMES).rows)
        assert whole.sums.cost_usd == records.add_up(within, everything)["cost_usd"]
        users, _source = reading.distinct(View(scope, span), "end_user")
        assert (users[0].count if users else 0) == len(
            {(item.tenant_id, item.end_user) for item in within if item.end_user}
        )
