"""What keys used this month, beside what they may."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from billing import key_use
from billing.key_use import KeyUse
from tenants import api_keys
from tests.billing.usage import used
from tests.cast import Cast

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 10, 31, 23, 30, tzinfo=dt.UTC)  # in Vienna it is November


def test_the_month_is_that_of_each_keys_tenant(cast: Cast, django_assert_num_queries: Any):
    cast.globex.tenant.timezone = "UTC"
    cast.globex.tenant.save()
    keys = [cast.acme.key.api_key, cast.globex.key.api_key, api_keys.create(cast.acme.tenant, name="unused").api_key]
    for company in (cast.acme, cast.globex):
        key = str(company.key.api_key.pk)
        used(company, dt.date(2026, 10, 31), "key", key, requests=2, cost_usd="0.25")
        used(company, dt.date(2026, 11, 1), "key", key, requests=1, cost_usd="0.5")
        used(company, dt.date(2026, 9, 30), "key", key, requests=9, cost_usd="9")
    for key in keys:
        assert key.tenant.name  # loaded
    with django_assert_num_queries(1):
        found = key_use.this_month(keys, NOW)
    assert found == {
        keys[0].pk: KeyUse(1, 110, Decimal("0.5")),
        keys[1].pk: KeyUse(3, 220, Decimal("0.75")),
        keys[2].pk: KeyUse(0, 0, Decimal(0)),
    }
    assert key_use.this_month([], NOW) == {}


@pytest.mark.parametrize(
    ("spent", "limit", "percent", "level"),
    [
        ("0", "10", "0 %", ""),
        ("0.01", "10", "< 1 %", ""),
        ("7.99", "10", "79 %", ""),
        ("8", "10", "80 %", "near"),
        ("12", "10", "120 %", "full"),
        ("0", "0", "100 %", "full"),
    ],
)
def test_a_budget_of_its_own_is_a_bar(cast: Cast, spent: str, limit: str, percent: str, level: str):
    key = cast.acme.key.api_key
    key.usd_per_month = Decimal(limit)
    ((bar, of),) = key_use.shown(key, KeyUse(1, 10, Decimal(spent))).bars
    assert (bar.percent, bar.level, of) == (percent, level, f"${limit}")
    assert 0 <= bar.width <= 100


def test_without_one_there_is_only_what_was_spent(cast: Cast):
    found = key_use.shown(cast.acme.key.api_key, KeyUse(3, 10, Decimal("1.5")))
    assert (found.spent, found.requests, found.bars) == ("$1.50", 3, ())
