"""What is measured goes into the configuration when it matters, and out again."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import pytest

from gateway import selectors
from gateway.judging import measured
from gateway.models import MeasuredQuality
from gateway.types import Measured
from tenants.models import Tenant
from tests.cast import Cast
from tests.dashboards import ratings
from tests.dashboards.ratings import Answer

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def version(tenant_id: UUID) -> int:
    return Tenant.objects.values_list("config_version", flat=True).get(pk=tenant_id)


def rated(count: int, **fields: object) -> list[Answer]:
    return [Answer(NOW - dt.timedelta(hours=1 + place), **fields) for place in range(count)]  # type: ignore[arg-type]


def test_scores_become_a_figure_of_their_task_and_model(cast: Cast):
    tenant_id = cast.acme.tenant.pk
    ratings.put(tenant_id, [*rated(80, score=5), *rated(20, score=2), *rated(49, model="m2", votes=("up",))])
    ratings.put(cast.globex.tenant.pk, rated(60, votes=("down",)))
    assert {tenant_id, cast.globex.tenant.pk} <= {*measured.tenants(NOW)}
    before = version(tenant_id)
    assert measured.measure(tenant_id, NOW) == 1
    assert version(tenant_id) > before
    assert selectors.preview(cast.acme.tenant).measured == {"sum": {"m1": Measured(71, 100, "judge")}}


def test_a_small_change_is_no_new_configuration_and_a_large_one_is(cast: Cast):
    tenant_id = cast.acme.tenant.pk
    ratings.put(tenant_id, [*rated(160, score=5), *rated(40, score=2)])
    assert measured.measure(tenant_id, NOW) == 1
    (row,) = MeasuredQuality.objects.all()
    before = version(tenant_id)
    ratings.put(tenant_id, rated(1, score=2))
    assert measured.measure(tenant_id, NOW) == 0
    assert version(tenant_id) == before
    ratings.put(tenant_id, rated(60, score=1))
    assert measured.measure(tenant_id, NOW) == 1
    row.refresh_from_db()
    assert row.quality < 60
    assert version(tenant_id) > before


def test_a_model_does_not_measure_itself(cast: Cast):
    ratings.put(cast.acme.tenant.pk, rated(80, score=5, is_self=True))
    assert measured.measure(cast.acme.tenant.pk, NOW) == 0


def test_what_is_not_known_any_more_is_taken_back(cast: Cast):
    tenant_id = cast.acme.tenant.pk
    ratings.put(tenant_id, rated(60, votes=("up",)))
    assert measured.measure(tenant_id, NOW) == 1
    later = NOW + measured.WINDOW
    assert tenant_id in measured.tenants(later + dt.timedelta(days=3))
    assert measured.measure(tenant_id, later + dt.timedelta(days=3)) == 1
    assert selectors.preview(cast.acme.tenant).measured == {}
