"""Roles and membership change, and a tenant keeps an owner whatever happens at once."""

import threading

import pytest
from django.db import connection

from tenants import memberships, tenancy
from tenants.models import Membership
from tenants.roles import Role
from tests.cast import Cast, logged_in

pytestmark = pytest.mark.django_db


def membership(user: object) -> Membership:
    return Membership.objects.get(user=user)


def test_a_role_is_changed_and_a_member_removed(cast: Cast):
    memberships.change_role(membership(cast.bob), Role.ADMIN)
    assert membership(cast.bob).role == "admin"
    memberships.remove(membership(cast.bob))
    assert not Membership.objects.filter(user=cast.bob).exists()


def test_the_last_owner_is_neither_removed_nor_demoted(cast: Cast):
    alice = membership(cast.alice)
    for act in (memberships.remove, lambda row: memberships.change_role(row, Role.ADMIN)):
        with pytest.raises(memberships.LastOwner, match="last owner"):
            act(alice)
    memberships.change_role(alice, Role.OWNER)  # as it was
    memberships.change_role(membership(cast.ada), Role.OWNER)
    memberships.change_role(alice, Role.VIEWER)
    assert (membership(cast.alice).role, membership(cast.ada).role) == ("viewer", "owner")


def test_the_console_may_do_it_in_its_own_role_of_the_database(cast: Cast):
    with tenancy.entered(cast.acme.tenant.pk):
        memberships.change_role(membership(cast.bob), Role.VIEWER)
        memberships.remove(membership(cast.vera))
        with pytest.raises(memberships.LastOwner):
            memberships.remove(membership(cast.alice))


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_demote_each_other_at_once_do_not_both_succeed(cast: Cast):
    memberships.change_role(membership(cast.ada), Role.OWNER)
    pair = [membership(cast.alice), membership(cast.ada)]
    ready, outcomes = threading.Barrier(2), []

    def demote(row: Membership) -> None:
        try:
            ready.wait()
            memberships.change_role(row, Role.VIEWER)
            outcomes.append("done")
        except memberships.LastOwner:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=demote, args=[row]) for row in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "refused"]
    assert Membership.objects.filter(tenant=cast.acme.tenant, role="owner").count() == 1


def test_a_form_of_the_operators_does_not_demote_the_last_owner_either(cast: Cast):
    alice = membership(cast.alice)
    page = logged_in(cast.olga).post(f"/admin/tenants/membership/{alice.pk}/change/", {"role": "viewer"})
    assert "last owner" in page.content.decode()
    assert membership(cast.alice).role == "owner"
    memberships.change_role(membership(cast.ada), Role.OWNER)
    logged_in(cast.olga).post(f"/admin/tenants/membership/{alice.pk}/change/", {"role": "viewer"})
    assert membership(cast.alice).role == "viewer"
