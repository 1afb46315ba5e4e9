"""Invitations from the mail to the member: for somebody new, for somebody who is known, and for nobody else."""

import datetime as dt
import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from allauth.account.models import EmailAddress
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from tenants import invitations, tenancy
from tenants.models import Invitation, Membership
from tenants.roles import Role
from tests.cast import Cast, logged_in

pytestmark = pytest.mark.django_db

NEW = "nina@acme.example"
PASSWORD = "correct horse battery"


def invite(cast: Cast, email: str = NEW, role: Role = Role.DEVELOPER) -> Invitation:
    with tenancy.entered(cast.acme.tenant.pk):
        return invitations.invite(
            cast.acme.tenant, email=email, role=role, invited_by=cast.alice, base_url="https://tollgate.example/"
        )


def link(mailoutbox: list[Any]) -> str:
    (address,) = re.findall(r"https://tollgate\.example(/\S+)", mailoutbox[-1].body)
    return str(address)


def test_the_mail_names_who_invites_to_what_and_until_when_in_the_tenants_time(cast: Cast, mailoutbox: list[Any]):
    made = invite(cast, role=Role.ADMIN)
    (mail,) = mailoutbox
    until = made.expires_at.astimezone(ZoneInfo("Europe/Vienna"))
    assert (mail.to, mail.subject) == ([NEW], "Join Acme on Tollgate")
    assert "alice invites you to join Acme on Tollgate as Admin." in mail.body
    assert f"{until:%H:%M} (Europe/Vienna)" in mail.body
    assert made.token_sha256 not in mail.body


def test_the_token_stands_in_the_mail_and_nowhere_else(cast: Cast, mailoutbox: list[Any]):
    invite(cast)
    token = link(mailoutbox).split("/")[2]
    assert Invitation.objects.get().token_sha256 == invitations.digest(token)
    stored = [*map(str, Invitation.objects.values()), *map(str, LogEntry.objects.values())]
    assert not [text for text in stored if token in text]
    assert not [text for text in map(str, LogEntry.objects.values()) if invitations.digest(token) in text]


def test_somebody_new_makes_an_account_and_is_in(cast: Cast, mailoutbox: list[Any]):
    invite(cast)
    client = Client()
    page = client.get(link(mailoutbox)).content.decode()
    assert "Join Acme" in page
    assert f'value="{NEW}"' in page
    response = client.post(link(mailoutbox), {"name": "Nina Nova", "password": PASSWORD})
    assert (response.status_code, response["Location"]) == (302, f"/t/{cast.acme.tenant.slug}/")
    assert client.get(response["Location"]).status_code == 200
    user = User.objects.get(email=NEW)
    assert (user.first_name, user.check_password(PASSWORD), user.is_staff, user.is_superuser) == (
        "Nina Nova",
        True,
        False,
        False,
    )
    assert EmailAddress.objects.get(user=user).verified
    assert Membership.objects.get(user=user).role == "developer"
    signed_in = Client().post("/account/login/", {"login": NEW, "password": PASSWORD})
    assert signed_in["Location"] == "/"


def test_a_bad_password_is_told_beside_the_field_and_nothing_is_made(cast: Cast, mailoutbox: list[Any]):
    invite(cast)
    page = Client().post(link(mailoutbox), {"name": "Nina", "password": "12345678"}).content.decode()
    assert "This password is too common." in page
    assert "12345678" not in page
    assert not User.objects.filter(email=NEW).exists()
    assert Invitation.objects.get().is_open


def test_it_is_good_once(cast: Cast, mailoutbox: list[Any]):
    invite(cast)
    Client().post(link(mailoutbox), {"name": "Nina", "password": PASSWORD})
    again = Client().get(link(mailoutbox))
    assert again.status_code == 404
    assert "not good any more" in again.content.decode()
    assert invitations.accept(Invitation.objects.get(), cast.charlie) is None
    assert not Membership.objects.filter(user=cast.charlie, tenant=cast.acme.tenant).exists()


def test_a_member_of_another_tenant_joins_with_the_account_they_have(cast: Cast, mailoutbox: list[Any]):
    invite(cast, email=cast.charlie.email.upper())
    address = link(mailoutbox)
    stranger = Client().get(address).content.decode()
    assert f"/account/login/?next={address}" in stranger
    client = logged_in(cast.charlie)
    assert "Join Acme" in client.get(address).content.decode()
    assert not Membership.objects.filter(user=cast.charlie, tenant=cast.acme.tenant).exists()  # looking is not joining
    response = client.post(address)
    assert response["Location"] == f"/t/{cast.acme.tenant.slug}/"
    assert set(Membership.objects.filter(user=cast.charlie).values_list("role", flat=True)) == {"owner", "developer"}


def test_whoever_is_signed_in_as_somebody_else_does_not_join(cast: Cast, mailoutbox: list[Any]):
    invite(cast, email=cast.charlie.email)
    nobody = User.objects.create(username="other@example.com", email="other@example.com")
    client = logged_in(nobody)
    page = client.get(link(mailoutbox)).content.decode()
    assert "you are signed in as other@example.com" in page
    client.post(link(mailoutbox))
    assert not Membership.objects.filter(user=nobody).exists()
    assert Invitation.objects.get().is_open
    assert "_auth_user_id" not in client.session  # signed out, to go on as the one who is meant


def test_accepting_confirms_an_address_that_was_not_confirmed(cast: Cast, mailoutbox: list[Any]):
    user = User.objects.create(username="made", email=NEW)
    EmailAddress.objects.create(user=user, email=NEW, verified=False, primary=True)
    invite(cast)
    logged_in(user).post(link(mailoutbox))
    assert EmailAddress.objects.get(user=user).verified
    assert Membership.objects.get(user=user).tenant == cast.acme.tenant


@pytest.mark.parametrize("reason", ["revoked", "expired", "sent again", "tenant off", "made up"])
def test_what_is_not_good_opens_nothing(cast: Cast, mailoutbox: list[Any], reason: str):
    made = invite(cast)
    address = link(mailoutbox)
    if reason == "revoked":
        invitations.revoke(made)
    elif reason == "expired":
        Invitation.objects.update(expires_at=timezone.now())
    elif reason == "sent again":
        Invitation.objects.update(sent_at=timezone.now() - dt.timedelta(minutes=5))
        invitations.send_again(Invitation.objects.get(), base_url="https://tollgate.example/")
    elif reason == "tenant off":
        type(cast.acme.tenant).objects.filter(pk=cast.acme.tenant.pk).update(is_active=False)
    else:
        address = "/invitation/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/"
    for client in (Client(), logged_in(cast.charlie)):
        assert client.get(address).status_code == 404
        assert client.post(address, {"name": "x", "password": PASSWORD}).status_code == 404
    assert not User.objects.filter(email=NEW).exists()
    if reason == "sent again":
        assert Client().get(link(mailoutbox)).status_code == 200


def test_a_member_is_not_invited_and_nobody_twice(cast: Cast):
    with pytest.raises(ValidationError, match="a member already"):
        invite(cast, email=cast.bob.email)
    invite(cast)
    with pytest.raises(ValidationError, match="has been invited already"):
        invite(cast)
    Invitation.objects.update(expires_at=timezone.now())
    invite(cast)  # the former one is over
    assert Invitation.objects.filter(email=NEW).count() == 2


def test_it_is_not_sent_again_and_again(cast: Cast, mailoutbox: list[Any]):
    with pytest.raises(ValidationError, match="a moment ago"):
        invitations.send_again(invite(cast), base_url="https://tollgate.example/")
    assert len(mailoutbox) == 1


def test_without_a_mail_server_there_is_no_invitation(cast: Cast, settings: Any):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    with pytest.raises(OSError, match="refused"):
        invite(cast)
    assert not Invitation.objects.exists()


def test_guessing_is_throttled(cast: Cast, settings: Any):
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "signup": "2/m/ip"}
    seen = [Client().post(f"/invitation/guess-{number}/").status_code for number in range(4)]
    assert seen == [404, 404, 429, 429]
