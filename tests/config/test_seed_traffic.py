"""`manage.py seed_traffic`: a history that agrees with itself in log, daily sums and dashboards."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from billing import prices, standing
from billing.models import Budget
from dashboards import ranges, reading, scopes
from dashboards.reading import View
from gateway import daily_usage
from gateway.models import Feedback, Judgement, LogChange, Model, RequestLog
from gateway.types import Usage
from tenants.models import EndUser, Tenant

DAYS, REQUESTS = 4, 1500


def seed(**options: Any) -> str:
    out = StringIO()
    call_command("seed_traffic", days=DAYS, requests=REQUESTS, stdout=out, **options)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_makes_the_same_history_for_the_same_seed_once_and_all_books_agree():
    call_command("flush", interactive=False, verbosity=0)  # what gateways under test have committed before
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE dashboards_cell, gateway_requestlog")  # flush leaves what Django does not manage
    with pytest.raises(CommandError, match="run manage"):
        seed()
    call_command("seed_demo", stdout=StringIO())
    assert "rolled up" in seed()
    rows = list(RequestLog.objects.order_by("accepted_at", "id"))
    final = sum(row.is_final for row in rows)
    assert REQUESTS * 0.6 < final <= REQUESTS  # of today, what lies ahead is missing
    assert not LogChange.objects.exists()
    _costs_are_right(rows)
    now = timezone.now()
    for tenant in Tenant.objects.all():
        zone = ZoneInfo(tenant.timezone)
        mine = [row for row in rows if row.tenant_id == tenant.id]
        first = (now - dt.timedelta(days=DAYS + 1)).astimezone(zone).date()
        assert not daily_usage.differs(tenant.id, first, zone)
        view = View(scopes.of_tenant(tenant), ranges.preset("7d", now, zone))
        (row,) = reading.ask(view, measures=("requests", "cost_usd", "fallbacks", "cache_hits", "errors")).rows
        assert row.sums.requests == sum(row.is_final for row in mine)
        assert row.sums.cost_usd == sum((row.cost_usd for row in mine), Decimal(0))
        assert row.sums.cache_hits == sum(row.cache == "hit" for row in mine)
        assert row.sums.errors > 0
        assert EndUser.objects.filter(tenant=tenant).count() > 10
        for budget, found in standing.standing(Budget.objects.filter(tenant=tenant), now).items():
            assert all(use.percent < 100 for use in found.uses or ()), budget
    rated = Feedback.objects.count(), Judgement.objects.count()
    assert min(rated) > 20
    assert seed().startswith("0 rows written")
    assert RequestLog.objects.count() == len(rows)
    assert (Feedback.objects.count(), Judgement.objects.count()) == rated
    seed(seed=2)
    assert RequestLog.objects.count() > len(rows)


def _costs_are_right(rows: list[RequestLog]) -> None:
    """As the gateway itself prices them."""
    price = {model.name: model.price_at(timezone.now()) for model in Model.objects.all()}
    for row in rows:
        expected = 0
        if row.input_tokens:
            usage = Usage(
                input_tokens=row.input_tokens, cache_read_tokens=row.cache_read_tokens, output_tokens=row.output_tokens
            )
            known = price[row.model_served]
            assert known is not None
            expected = prices.cost_nanousd(known, usage)
        assert row.cost_usd == prices.usd(expected)
