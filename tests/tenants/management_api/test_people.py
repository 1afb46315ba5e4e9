"""Members, invitations, end users and the audit trail by the management API."""

import pytest
from django.core import mail

from tenants.models import EndUser, Invitation, Membership
from tests.cast import Cast
from tests.management import error_of, script

pytestmark = pytest.mark.django_db


def test_owners_keys_change_and_remove_members_but_the_last_owner(cast: Cast):
    alice = script(cast.acme.tenant, "owner", by=cast.alice)
    members = {row["email"]: row for row in alice.get("members").json()["results"]}
    assert set(members) == {person.email for person in (cast.alice, cast.ada, cast.bob, cast.vera)}
    bob, owner = members[cast.bob.email]["id"], members[cast.alice.email]["id"]
    assert alice.patch(f"members/{bob}", {"role": "admin"}).json()["role"] == "admin"
    assert error_of(alice.patch(f"members/{owner}", {"role": "viewer"}), 409)["code"] == "conflict"
    error_of(alice.delete(f"members/{owner}"), 409)
    assert alice.delete(f"members/{bob}").status_code == 204
    roles = dict(Membership.objects.filter(tenant=cast.acme.tenant).values_list("user__first_name", "role"))
    assert roles == {"alice": "owner", "ada": "admin", "vera": "viewer"}
    theirs = Membership.objects.get(user=cast.charlie)
    error_of(alice.delete(f"members/{theirs.pk}"), 404)
    error_of(script(cast.acme.tenant, "admin").patch(f"members/{owner}", {"role": "viewer"}), 403)


def test_an_end_users_name_and_tier_are_texts(cast: Cast):
    ada = script(cast.acme.tenant)
    assert list(error_of(ada.post("end-users", {"external_id": "x", "tier": 0}), 400)["fields"]) == ["tier"]
    for name in (0, 1.5, True, None, ["x"]):
        assert list(error_of(ada.post("end-users", {"external_id": name}), 400)["fields"]) == ["external_id"]
    assert [row["external_id"] for row in ada.get("end-users").json()["results"]] == [cast.acme.end_user.external_id]


def test_somebody_is_invited_and_the_invitation_revoked(cast: Cast):
    alice = script(cast.acme.tenant, "owner", by=cast.alice)
    made = alice.post("invitations", {"email": "Nina@acme.example", "role": "viewer"})
    assert made.status_code == 201, made.content
    assert "token" not in made.content.decode()
    row = Invitation.objects.get(pk=made.json()["id"])
    assert (row.email, row.role, row.invited_by) == ("nina@acme.example", "viewer", cast.alice)
    assert [message.to for message in mail.outbox] == [["nina@acme.example"]]
    assert list(error_of(alice.post("invitations", {"email": cast.bob.email}), 400)["fields"]) == ["email"]
    error_of(alice.post(f"invitations/{row.pk}/send-again"), 400)  # a moment ago
    assert alice.delete(f"invitations/{row.pk}").status_code == 204
    row.refresh_from_db()
    assert row.revoked_at is not None
    error_of(alice.post(f"invitations/{row.pk}/send-again"), 409)
    assert alice.get("invitations", is_open="true").json()["results"] == []
    error_of(script(cast.acme.tenant, "admin").post("invitations", {"email": "x@acme.example", "role": "owner"}), 403)


def test_end_users_are_given_tiers(cast: Cast):
    ada = script(cast.acme.tenant)
    made = ada.post("end-users", {"external_id": "u-1", "tier": "paid"}).json()
    assert ada.patch(f"end-users/{made['id']}", {"tier": "free"}).json()["tier"] == "free"
    assert [row["external_id"] for row in ada.get("end-users", tier="free", external_id="u-1").json()["results"]] == [
        "u-1"
    ]
    error_of(ada.post("end-users", {"external_id": "u-1"}), 400)
    assert ada.delete(f"end-users/{made['id']}").status_code == 204
    error_of(ada.get(f"end-users/{cast.globex.end_user.pk}"), 404)
    assert EndUser.objects.filter(pk=cast.globex.end_user.pk).exists()


def test_the_trail_says_who_did_what_and_by_which_key(cast: Cast):
    ada = script(cast.acme.tenant, by=cast.ada)
    made = ada.post("end-users", {"external_id": "u-1"}).json()
    (entry,) = ada.get("audit-trail", row_id=made["id"]).json()["results"]
    assert (entry["actor"], entry["action"], entry["kind"]) == (cast.ada.email, "create", "enduser")
    assert entry["by_key"].startswith("admin script (tgm-")
    assert entry["changes"]["external_id"] == ["None", "u-1"]
    assert ada.get("audit-trail", action="delete").json()["results"] == []
    error_of(script(cast.acme.tenant, "viewer").get("audit-trail"), 403)
    theirs = script(cast.globex.tenant, "owner")
    error_of(theirs.get(f"audit-trail/{entry['id']}"), 404)
    assert cast.ada.email not in theirs.get("audit-trail").content.decode()
