"""The team's page: everybody looks, owners change, and nobody reaches into another team."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from tenants import audit
from tenants.models import Invitation, Membership
from tests.cast import Cast, in_console, logged_in

pytestmark = pytest.mark.django_db


def membership(cast: Cast, name: str) -> Membership:
    return Membership.objects.get(user=getattr(cast, name))


def invited(cast: Cast, **fields: Any) -> Invitation:
    values = {
        "email": "nina@acme.example",
        "token_sha256": "0" * 64,
        "expires_at": timezone.now() + dt.timedelta(days=1),
    }
    values |= {"sent_at": timezone.now() - dt.timedelta(hours=1), **fields}
    return Invitation.objects.create(tenant=cast.acme.tenant, **values)


@pytest.mark.parametrize("person", ["alice", "ada", "bob", "vera", "olga"])
def test_every_member_sees_the_team(cast: Cast, person: str):
    invited(cast)
    client = in_console(getattr(cast, person), cast.acme.tenant)
    content = client.get(f"{client.home}team/").content.decode()
    for name in ("alice", "ada", "bob", "vera"):
        assert getattr(cast, name).email in content
    assert "nina@acme.example" in content
    assert cast.charlie.email not in content
    assert ("Send the invitation" in content) is (person in ("alice", "olga"))


@pytest.mark.parametrize("person", ["ada", "bob", "vera"])
def test_who_is_no_owner_changes_nothing(cast: Cast, person: str):
    bob, invitation = membership(cast, "bob"), invited(cast)
    client = in_console(getattr(cast, person), cast.acme.tenant)
    for path, form in (
        ("team/invite/", {"email": "x@acme.example", "role": "owner"}),
        (f"team/{bob.pk}/role/", {"role": "owner"}),
        (f"team/{bob.pk}/remove/", {}),
        (f"team/invitations/{invitation.pk}/again/", {}),
        (f"team/invitations/{invitation.pk}/revoke/", {}),
    ):
        assert client.post(client.home + path, form).status_code == 403, path
    assert membership(cast, "bob").role == "developer"
    assert [item.is_open for item in Invitation.objects.all()] == [True]


def test_charlie_reaches_nobody_of_acme(cast: Cast):
    bob, invitation = membership(cast, "bob"), invited(cast)
    for client in (in_console(cast.charlie, cast.acme.tenant), in_console(cast.charlie, cast.globex.tenant)):
        for path in (f"team/{bob.pk}/role/", f"team/{bob.pk}/remove/", f"team/invitations/{invitation.pk}/revoke/"):
            assert client.post(client.home + path, {"role": "viewer"}).status_code == 404
    assert membership(cast, "bob").role == "developer"
    assert Invitation.objects.get().is_open


def test_an_owner_invites_sends_again_and_revokes(cast: Cast, mailoutbox: list[Any]):
    alice = in_console(cast.alice, cast.acme.tenant)
    response = alice.post(f"{alice.home}team/invite/", {"email": "Nina@Acme.example", "role": "viewer"}, follow=True)
    assert "Invited: Nina@Acme.example" in response.content.decode()
    made = Invitation.objects.get()
    assert (made.email, made.role, made.invited_by, made.tenant) == (
        "nina@acme.example",
        "viewer",
        cast.alice,
        cast.acme.tenant,
    )
    assert "http://testserver/invitation/" in mailoutbox[0].body
    again = alice.post(f"{alice.home}team/invitations/{made.pk}/again/", follow=True).content.decode()
    assert "a moment ago" in again
    Invitation.objects.update(sent_at=timezone.now() - dt.timedelta(minutes=2))
    assert "Sent again" in alice.post(f"{alice.home}team/invitations/{made.pk}/again/", follow=True).content.decode()
    assert len(mailoutbox) == 2
    assert mailoutbox[0].body != mailoutbox[1].body
    alice.post(f"{alice.home}team/invitations/{made.pk}/revoke/")
    assert not Invitation.objects.get().is_open
    assert alice.post(f"{alice.home}team/invitations/{made.pk}/revoke/").status_code == 404


def test_what_is_wrong_with_an_invitation_is_told_in_the_form(cast: Cast):
    alice = in_console(cast.alice, cast.acme.tenant)
    for form, message in (
        ({"email": "nobody", "role": "viewer"}, "Enter a valid email address."),
        ({"email": cast.bob.email, "role": "viewer"}, "This person is a member already."),
        ({"email": "x@acme.example", "role": "king"}, "Select a valid choice."),
    ):
        content = alice.post(f"{alice.home}team/invite/", form).content.decode()
        assert message in content
    assert not Invitation.objects.exists()


def test_a_mail_server_that_is_away_is_told_and_nothing_is_made(cast: Cast, settings: Any):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    alice = in_console(cast.alice, cast.acme.tenant)
    content = alice.post(f"{alice.home}team/invite/", {"email": "nina@acme.example", "role": "viewer"}).content.decode()
    assert "The mail server did not take the invitation" in content
    assert not Invitation.objects.exists()


def test_an_owner_changes_roles_and_removes_and_it_stands_in_the_trail(cast: Cast):
    alice, bob = in_console(cast.alice, cast.acme.tenant), membership(cast, "bob")
    response = alice.post(f"{alice.home}team/{bob.pk}/role/", {"role": "admin"}, follow=True)
    assert "bob is now Admin." in response.content.decode()
    entry = audit.history_of(bob)[0]
    assert (entry.actor, entry.changes_dict) == (cast.alice, {"role": ["developer", "admin"]})
    assert "Remove bob from the team?" in alice.get(f"{alice.home}team/{bob.pk}/remove/").content.decode()
    assert Membership.objects.filter(pk=bob.pk).exists()
    alice.post(f"{alice.home}team/{bob.pk}/remove/")
    assert not Membership.objects.filter(pk=bob.pk).exists()
    assert logged_in(cast.bob).get(alice.home).status_code == 404


def test_the_last_owner_stays(cast: Cast):
    alice, own = in_console(cast.alice, cast.acme.tenant), membership(cast, "alice")
    for path, form in (
        (f"team/{own.pk}/role/", {"role": "viewer"}),
        (f"team/{own.pk}/remove/", {}),
        ("team/leave/", {}),
    ):
        content = alice.post(alice.home + path, form, follow=True).content.decode()
        assert "last owner" in content
    assert membership(cast, "alice").role == "owner"


def test_anybody_else_may_leave(cast: Cast):
    vera = in_console(cast.vera, cast.acme.tenant)
    assert "Leave Acme?" in vera.get(f"{vera.home}team/leave/").content.decode()
    response = vera.post(f"{vera.home}team/leave/", follow=True)
    assert response.redirect_chain[0] == ("/", 302)
    assert "You have left Acme." in response.content.decode()
    assert not Membership.objects.filter(user=cast.vera).exists()
    olga = in_console(cast.olga, cast.acme.tenant)
    assert olga.get(f"{olga.home}team/leave/").status_code == 404
