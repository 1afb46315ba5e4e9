"""What a month will cost, from weeks of made days."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from billing.models import Budget
from dashboards import forecast, rolling
from tenants.models import Tenant
from tests.dashboards import records

pytestmark = pytest.mark.django_db

ZONE = ZoneInfo("Europe/Vienna")
NOW = dt.datetime(
    2026, 10, 16, 10, 0, tzinfo=dt.UTC
)  # a Friday; sixteen days are to come, and summer time ends among them
WEEKDAYS, WEEKEND = Decimal(10), Decimal(2)


def usual(day: dt.date) -> Decimal:
    return WEEKEND if day.weekday() >= 5 else WEEKDAYS


def spend(tenant: Tenant, days: int, **extra: Decimal) -> None:
    """What such a day usually costs, on each of the days before today."""
    made = []
    for back in range(1, days + 1):
        day = NOW.astimezone(ZONE).date() - dt.timedelta(days=back)
        at = dt.datetime.combine(day, dt.time(12), ZONE).astimezone(dt.UTC)
        made.append(records.record(tenant.id, at, cost_usd=usual(day) + extra.get(f"d{back}", Decimal(0))))
    records.put(made)
    rolling.roll_up(NOW)


def october(first: int, last: int) -> Decimal:
    return sum((usual(dt.date(2026, 10, day)) for day in range(first, last + 1)), Decimal(0))


def test_a_steady_month_is_foretold_to_the_cent(tenant):
    spend(tenant, 60)
    found = forecast.month(tenant, NOW)
    assert found.spent_usd == october(1, 15)
    assert found.expected_usd == october(1, 31)
    assert found.low_usd == found.high_usd == found.expected_usd
    assert not found.is_guess
    assert [day.day for day in found.by_day] == list(range(16, 32))


def test_one_mad_day_changes_nothing_that_is_to_come(tenant):
    spend(tenant, 60, d5=Decimal(5000))
    found = forecast.month(tenant, NOW)
    assert found.expected_usd == october(1, 31) + 5000


def test_today_counts_as_what_it_has_cost_if_that_is_more_than_usual(tenant):
    spend(tenant, 60)
    records.put([records.record(tenant.id, NOW - dt.timedelta(hours=1), cost_usd=Decimal(25))])
    rolling.roll_up(NOW)
    found = forecast.month(tenant, NOW)
    assert found.spent_usd == october(1, 15) + 25
    assert found.expected_usd == october(1, 15) + 25 + october(17, 31)


def test_says_when_a_budget_will_be_used_up(tenant):
    Budget.objects.create(tenant=tenant, name="All", amount=october(1, 20) - 1)
    Budget.objects.create(tenant=tenant, name="More than enough", amount=10_000)
    Budget.objects.create(tenant=tenant, name="A day's", amount=1, window="day")
    spend(tenant, 60)
    found = forecast.month(tenant, NOW)
    assert [(item.name, item.reached_on) for item in found.budgets] == [
        ("All", dt.date(2026, 10, 20)),
        ("More than enough", None),
    ]


def test_calls_it_a_guess_where_little_is_known(tenant):
    spend(tenant, 4)
    found = forecast.month(tenant, NOW)
    assert (found.is_guess, found.days_known) == (True, 4)
    assert found.low_usd < found.expected_usd < found.high_usd


def test_of_nothing_it_expects_nothing(tenant):
    found = forecast.month(tenant, NOW)
    assert (found.spent_usd, found.expected_usd, found.days_known) == (Decimal(0), Decimal(0), 0)
