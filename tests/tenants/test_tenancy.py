"""Whose rows code may see: it has to be said, it ends with its block, and the database holds to it."""

import threading
from typing import Any

import pytest
from django.db import connection, transaction

from tenants import tenancy
from tenants.models import EndUser, Membership, Tenant
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def session() -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, coalesce(current_setting('app.tenant_id', true), '')")
        found: tuple[str, str] = cursor.fetchone()
        return found


def test_nothing_said_is_an_error_and_not_everybody(cast: Cast):
    with tenancy.nowhere():
        for model in (Tenant, EndUser, Membership):
            with pytest.raises(tenancy.NoTenancy, match=r"Enter a tenant .* or say why not"):
                model.objects.all()
            with pytest.raises(tenancy.NoTenancy):
                cast.acme.tenant.enduser_set.count()
        assert EndUser.objects.across("to show that it is named").count() >= 2


def test_within_a_tenant_there_are_its_rows(cast: Cast):
    with tenancy.nowhere(), tenancy.entered(cast.acme.tenant.pk):
        assert set(EndUser.objects.values_list("tenant", flat=True)) == {cast.acme.tenant.pk}
        assert list(Tenant.objects.all()) == [cast.acme.tenant]
        assert cast.globex.tenant.enduser_set.count() == 0


def test_rows_related_to_the_operators_are_seen_within_a_tenant(cast: Cast):
    """Django makes the manager of related rows anew, and it has to know that theirs are for everybody."""
    with tenancy.nowhere(), tenancy.entered(cast.acme.tenant.pk):
        assert cast.task.fallbacks.count() == 1
        assert cast.rule.targets.count() == 2
        assert cast.globex.rule.targets.count() == 0


def test_tollgates_own_processes_act_for_all(cast: Cast):
    assert {cast.acme.tenant, cast.globex.tenant} <= set(Tenant.objects.all())
    found: list[Any] = []
    with tenancy.entered(cast.acme.tenant.pk):  # a thread of its own is none of the request's
        thread = threading.Thread(target=lambda: found.append(tenancy.present()))
        thread.start()
        thread.join()
    assert isinstance(found[0], tenancy.Across)


def test_the_connection_is_bound_until_the_block_ends(cast: Cast):
    before = session()
    with tenancy.entered(cast.acme.tenant.pk):
        assert session() == ("tollgate_console", str(cast.acme.tenant.pk))
        with tenancy.entered(cast.acme.tenant.pk), transaction.atomic():
            assert session() == ("tollgate_console", str(cast.acme.tenant.pk))
        assert session() == ("tollgate_console", str(cast.acme.tenant.pk))
    assert session() == before


@pytest.mark.parametrize("ending", ["error", "rollback"])
def test_the_connection_is_free_again_however_the_block_ends(cast: Cast, ending: str):
    before = session()
    try:
        with tenancy.entered(cast.acme.tenant.pk):
            EndUser.objects.create(tenant=cast.acme.tenant, external_id="gone again")
            if ending == "error":
                raise RuntimeError
            transaction.set_rollback(True)
    except RuntimeError:
        pass
    assert session() == before
    assert not EndUser.objects.filter(external_id="gone again").exists()


def test_another_tenant_cannot_be_entered_from_within(cast: Cast):
    with tenancy.entered(cast.acme.tenant.pk):
        with pytest.raises(tenancy.NoTenancy), tenancy.entered(cast.globex.tenant.pk):
            pass
        assert session() == ("tollgate_console", str(cast.acme.tenant.pk))


def test_crossing_lifts_the_binding_for_its_block_alone(cast: Cast):
    before = session()
    with tenancy.entered(cast.acme.tenant.pk):
        with tenancy.across("to show that it is named"):
            assert session() == before
            assert {cast.acme.tenant, cast.globex.tenant} <= set(Tenant.objects.all())
        assert session() == ("tollgate_console", str(cast.acme.tenant.pk))
        assert list(Tenant.objects.all()) == [cast.acme.tenant]


def test_an_error_while_crossing_does_not_leave_the_binding_lifted(cast: Cast):
    with tenancy.entered(cast.acme.tenant.pk):
        with pytest.raises(RuntimeError), tenancy.across("to show what an error does"):
            raise RuntimeError
        assert session() == ("tollgate_console", str(cast.acme.tenant.pk))


@pytest.mark.django_db(transaction=True)
def test_a_pooled_connection_carries_nothing_on(cast: Cast):
    before = session()
    for _ in range(2):
        with tenancy.entered(cast.acme.tenant.pk):
            assert EndUser.objects.count() == 1
        assert session() == before
