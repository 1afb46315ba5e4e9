from uuid import uuid4

import pytest
from django.db import connection

from dashboards import requests
from tenants.models import Tenant
from tests.cast import cast as cast


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search among few rows gets to its end, however long a busy machine takes for it."""
    monkeypatch.setattr(requests, "SECONDS", 60.0)


@pytest.fixture(autouse=True)
def _nothing_of_other_tests(request: pytest.FixtureRequest) -> None:
    """What gateways under test have committed before is away, within the test's transaction: sums are taken over all that waits."""
    if request.node.get_closest_marker("django_db") is not None:
        request.getfixturevalue("db")
        with connection.cursor() as cursor:
            for table in ("gateway_logchange", "dashboards_cell", "dashboards_series"):
                cursor.execute(f"DELETE FROM {table}")


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.objects.create(name="Acme", slug=f"acme-{uuid4().hex[:8]}", timezone="Europe/Vienna")
