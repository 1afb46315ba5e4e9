"""What is left of plans' prices."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from billing.models import Plan, Subscription
from dashboards import margins, ranges, rolling, scopes
from dashboards.reading import View
from tenants.models import Tenant
from tests.dashboards import records

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 10, 30, 14, 37, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def tenant(plan: Plan | None) -> Tenant:
    made = Tenant.objects.create(name="T", slug=f"t-{uuid4().hex[:8]}", timezone="UTC")
    if plan is not None:
        Subscription.objects.create(tenant=made, plan=plan, started_at=NOW - DAY)
    return made


def test_prices_are_those_of_the_range_and_costs_of_all_the_plans_tenants():
    plan = Plan.objects.create(name="Team", slug=uuid4().hex, price_usd_per_month=100)
    start = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
    span = ranges.custom(start, start + 20 * DAY, NOW, ZoneInfo("UTC"))
    old, new, none = tenant(plan), tenant(plan), tenant(None)
    records.put(
        records.record(who.pk, start + DAY, cost_usd=Decimal(cost)) for who, cost in ((old, 30), (new, 20), (none, 7))
    )
    rolling.roll_up(NOW)
    found = {item.plan: item for item in margins.margins(View(scopes.across_tenants(reason="a test"), span)).plans}
    team, free = found["Team"], found[""]
    price = Decimal(100) * 40 / (Decimal("365.25") / 12)  # twenty days of two tenants
    assert (team.tenants, team.cost_usd, free.cost_usd) == (2, 50, 7)
    assert float(team.price_usd) == pytest.approx(float(price), abs=0.00001)
    assert team.usd == team.price_usd - 50
    assert (free.price_usd, free.usd, free.share) == (0, -7, None)
