"""A month of usage for tests of statements: Acme's October of 2026."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from billing.models import DailyUsage
from tenants.models import Tenant
from tests.cast import Cast, Company

FIRST, LAST = dt.date(2026, 10, 1), dt.date(2026, 10, 31)
LATER = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
GONE = "01999999-0000-7000-8000-000000000001"  # a key that was deleted since


def today(tenant: Tenant) -> dt.date:
    """Where the tenant is, which near midnight is another day than the tests'."""
    return timezone.localdate(timezone=ZoneInfo(tenant.timezone))


def used(company: Company, day: dt.date, dimension: str, subject: str, **sums: Any) -> None:
    """A row of the daily sums, as the drain writes it."""
    values = {"requests": 1, "input_tokens": 100, "cache_read_tokens": 0, "output_tokens": 10, "cost_usd": "0.5"}
    DailyUsage.objects.create(
        tenant=company.tenant, day=day, dimension=dimension, subject=subject, **{**values, **sums}
    )


def month_of_usage(cast: Cast) -> None:
    """Ten requests on the month's first and last day; one failed before any model answered."""
    key = str(cast.acme.key.api_key.pk)
    for day, dimension, subject, *sums in (
        (FIRST, "tenant", "", 7, 1000, 500, 100, "11.345678901"),
        (LAST, "tenant", "", 3, 300, 0, 30, "1"),
        (FIRST, "key", key, 7, 1000, 500, 100, "11.345678901"),
        (LAST, "key", GONE, 3, 300, 0, 30, "1"),
        (FIRST, "model", "gpt-4o-mini", 4, 700, 400, 80, "9.000000001"),
        (LAST, "model", "gpt-4o-mini", 2, 200, 0, 20, "1"),
        (FIRST, "model", "claude-haiku", 3, 400, 100, 30, "2.3456789"),
        (FIRST, "task", "summarise", 4, 600, 0, 60, "6"),
        (FIRST, "end_user", "ann", 3, 400, 0, 40, "4.5"),
        (LAST, "end_user", "ann", 1, 100, 0, 10, "0.5"),
        (LAST, "end_user", "ben", 2, 200, 0, 20, "2.5"),
        (FIRST, "tier", "free", 6, 700, 0, 70, "7.5"),
        (FIRST, "tag", "beta", 9, 900, 0, 90, "9.5"),
    ):
        names = ("requests", "input_tokens", "cache_read_tokens", "output_tokens", "cost_usd")
        used(cast.acme, day, dimension, subject, **dict(zip(names, sums, strict=True)))
