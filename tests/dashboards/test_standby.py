"""The dashboards read from a streaming replica: bound to the tenant as on the primary, saying when it is behind, and without it."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from django.utils import timezone

from dashboards import metrics, ranges, rolling, scopes, standby
from dashboards.reading import View
from tenants import tenancy
from tenants.models import Tenant
from tests.dashboards import records, replica
from tests.dashboards.replica import Replica
from tests.gateway.live import wait_until


@pytest.fixture(scope="module")
def running(django_db_setup: None, django_db_blocker: Any) -> Iterator[Replica]:
    with tempfile.TemporaryDirectory(prefix="tg-") as name, django_db_blocker.unblock():
        Path(name).chmod(0o711)
        with replica.running(Path(name)) as found:
            yield found


@pytest.fixture
def there(running: Replica, django_db_blocker: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Replica]:
    """The replica, as one that is configured. What is written is committed, or it would not get there."""
    monkeypatch.setitem(settings.DATABASES, standby.REPLICA, running.settings)
    monkeypatch.setattr(standby, "_avoided_until", 0.0)
    with django_db_blocker.unblock():
        yield running
        connections[standby.REPLICA].close()
        del connections[standby.REPLICA]


@pytest.fixture
def tenant(there: Replica) -> Tenant:
    return Tenant.objects.create(name="Far away", slug=f"far-{uuid4().hex[:8]}")


def add(tenant: Tenant, count: int) -> None:
    """So many requests of the tenant, in the rollups."""
    records.put([records.record(tenant.pk, timezone.now() - dt.timedelta(minutes=10)) for _ in range(count)])
    while rolling.roll_up(timezone.now()):
        pass


def counted(tenant: Tenant) -> Any:
    view = View(scopes.of_tenant(tenant), ranges.preset("24h", timezone.now(), ZoneInfo("UTC")))
    return metrics.totals(view, ("requests",))[0]["requests"]


def until_level() -> None:
    """Until the replica has everything."""

    def is_level() -> bool:
        with standby.preferred():
            choice = standby._chosen.get()
            return choice is not None and choice.alias == standby.REPLICA and not choice.lag

    wait_until(is_level)


def asked_of(statement: str) -> Any:
    def ask(alias: str) -> Any:
        with connections[alias].cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone()

    return standby.read(ask)


def test_questions_go_to_the_replica_and_see_the_tenants_rows_only(tenant: Tenant):
    other = Tenant.objects.create(name="Another", slug=f"other-{uuid4().hex[:8]}")
    add(other, 2)
    add(tenant, 3)
    until_level()
    unfiltered = "SELECT pg_is_in_recovery(), current_user, count(*), count(DISTINCT tenant_id) FROM gateway_requestlog"
    with tenancy.entered(tenant.pk), standby.preferred():
        assert asked_of(unfiltered) == (True, tenancy.ROLE, 3, 1)
        assert counted(tenant) == 3
        assert standby.behind() is None
    with tenancy.entered(tenant.pk):  # what has not said that it bears a lag
        assert asked_of(unfiltered) == (False, tenancy.ROLE, 3, 1)
    with tenancy.across("a test"), standby.preferred():
        assert asked_of("SELECT pg_is_in_recovery(), current_user") == (True, "postgres")


def test_a_page_says_as_of_when_it_is_and_beyond_the_limit_the_primary_is_read_from(
    tenant: Tenant, there: Replica, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(standby, "SHOWN", dt.timedelta())
    olga = User.objects.create_user(uuid4().hex, f"{uuid4().hex}@example.com", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(olga)
    address = f"/t/{tenant.slug}/dashboards/latency/"
    add(tenant, 1)
    until_level()
    there.run("SELECT pg_wal_replay_pause()")
    try:
        add(tenant, 4)
        page = client.get(address)
        assert (page.status_code, page.context["answers_requests"]) == (200, 1)
        assert b"the database that answers is" in page.content
        monkeypatch.setattr(settings, "REPLICA_LAG_SECONDS", 0.0)
        page = client.get(address)
        assert (page.status_code, page.context["answers_requests"]) == (200, 5)
        assert b"the database that answers is" not in page.content
    finally:
        there.run("SELECT pg_wal_replay_resume()")


def test_without_the_replica_the_primary_answers_and_the_replica_is_left_alone_for_a_while(
    tenant: Tenant, there: Replica
):
    add(tenant, 2)
    until_level()
    with tenancy.entered(tenant.pk), standby.preferred():
        there.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        assert counted(tenant) == 2  # asked anew of the primary
        assert asked_of("SELECT pg_is_in_recovery()") == (False,)
    with tenancy.entered(tenant.pk), standby.preferred():
        assert asked_of("SELECT pg_is_in_recovery()") == (False,)
    there.child.stop(seconds=5)
    standby._avoided_until = 0.0
    with tenancy.entered(tenant.pk), standby.preferred():
        assert counted(tenant) == 2
    assert standby._avoided_until > 0


def test_a_server_that_is_no_replica_is_not_read_from(
    tenant: Tenant, there: Replica, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setitem(settings.DATABASES, standby.REPLICA, {**connections["default"].settings_dict})
    for _ in range(2):
        with tenancy.entered(tenant.pk), standby.preferred():
            assert asked_of("SELECT pg_is_in_recovery()") == (False,)
    assert caplog.messages == ["the replica is no replica (any more); the primary is read from"]
