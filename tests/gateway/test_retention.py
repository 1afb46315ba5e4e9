"""How long whose requests are kept."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError

from dashboards import rolling
from gateway import retention
from gateway.models import RequestLog
from tenants.models import Tenant
from tests.dashboards import records

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 10, 30, 14, 37, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def installation(settings: Any) -> None:
    settings.REQUEST_LOG_RETENTION_DAYS = 30


def a_tenant(log_days: int | None) -> Tenant:
    return Tenant.objects.create(name="T", slug=uuid4().hex, log_days=log_days)


def days_left(tenant: Tenant) -> set[int]:
    rows = RequestLog.objects.filter(tenant=tenant).values_list("accepted_at", flat=True)
    return {(NOW.date() - at.date()).days for at in rows}


def a_row_a_day(*tenants: Tenant) -> None:
    days = (0, 5, 6, 7, 8, 29, 31, 45)
    records.put(records.record(tenant.id, NOW - dt.timedelta(days=day)) for tenant in tenants for day in days)


def test_deletes_what_is_older_than_its_tenant_keeps_it_and_nothing_else():
    short, usual, long = a_tenant(7), a_tenant(None), a_tenant(40)
    a_row_a_day(short, usual, long)
    rolling.roll_up(NOW)
    assert retention.forget(NOW, seconds=30) == 6
    assert days_left(short) == {0, 5, 6, 7}
    assert days_left(usual) == {0, 5, 6, 7, 8, 29}
    assert days_left(long) == {0, 5, 6, 7, 8, 29, 31, 45}  # its rows go with their partitions
    assert retention.forget(NOW, seconds=30) == 0
    assert retention.longest_days() == 40


def test_deletes_nothing_that_has_not_been_added_up():
    short, long = a_tenant(7), a_tenant(40)
    a_row_a_day(short, long)
    assert retention.forget(NOW, seconds=30) == 0
    rolling.roll_up(NOW)
    assert retention.forget(NOW, seconds=30) == 4


def test_a_day_of_utc_is_kept_whole():
    tenant = a_tenant(7)
    assert retention.kept_from(tenant, NOW) == dt.datetime(2026, 10, 23, tzinfo=dt.UTC)


def test_keeping_more_days_brings_nothing_back_that_was_deleted():
    tenant = a_tenant(7)
    retention.forget(NOW, seconds=30)
    tenant.refresh_from_db()
    tenant.log_days = 25
    assert retention.kept_from(tenant, NOW) == dt.datetime(2026, 10, 23, tzinfo=dt.UTC)
    assert retention.kept_from(tenant, NOW + dt.timedelta(days=20)) == dt.datetime(2026, 10, 25, tzinfo=dt.UTC)


def test_an_edit_of_it_concerns_no_gateway():
    tenant = a_tenant(None)
    tenant.refresh_from_db()
    version = tenant.config_version
    tenant.log_days = 9
    tenant.save(update_fields=["log_days"])
    tenant.refresh_from_db()
    assert tenant.config_version == version


def test_a_tenant_keeps_a_day_at_least():
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Tenant(name="T", slug="t", log_days=0).full_clean()
