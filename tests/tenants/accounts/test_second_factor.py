"""Authenticator apps and recovery codes: set up, asked for, kept encrypted; and where a second factor is required."""

import time
from typing import Any

import pytest
from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from auditlog.models import LogEntry
from cryptography.fernet import Fernet
from django.conf import settings as django_settings
from django.core.cache import cache
from django.test import Client

from tenants import encryption, rotation
from tests.cast import Cast, logged_in
from tests.tenants.accounts.test_sign_in import PASSWORD, sign_in, with_password

pytestmark = pytest.mark.django_db


def code_of(secret: str) -> str:
    """What an authenticator app shows now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // app_settings.TOTP_PERIOD))


def activated(client: Client) -> str:
    """Set up an authenticator app as the page asks for it; returns its secret."""
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    page = client.get("/account/2fa/totp/activate/")
    secret = str(page.context["form"].secret)
    response = client.post("/account/2fa/totp/activate/", {"code": code_of(secret)})
    assert response.status_code == 302
    return secret


def signed_in(cast: Cast, name: str = "vera") -> Client:
    client: Client = sign_in(with_password(getattr(cast, name)).email).client
    return client


def test_with_an_app_the_password_alone_does_not_sign_in(cast: Cast):
    secret = activated(signed_in(cast))
    cache.clear()  # the code just used would be refused for the rest of its time
    response = sign_in(cast.vera.email)
    assert response["Location"] == "/account/2fa/authenticate/"
    assert "_auth_user_id" not in response.client.session
    assert response.client.get(f"/t/{cast.acme.tenant.slug}/").status_code == 302
    wrong = response.client.post("/account/2fa/authenticate/", {"code": "000000"})
    assert "Incorrect code." in wrong.content.decode()
    right = response.client.post("/account/2fa/authenticate/", {"code": code_of(secret)})
    assert (right.status_code, right["Location"]) == (302, "/")
    assert "_auth_user_id" in response.client.session


def test_a_code_is_good_once(cast: Cast):
    secret = activated(signed_in(cast))
    cache.clear()
    code = code_of(secret)
    first, second = sign_in(cast.vera.email).client, sign_in(cast.vera.email).client
    assert first.post("/account/2fa/authenticate/", {"code": code}).status_code == 302
    assert "Incorrect code." in second.post("/account/2fa/authenticate/", {"code": code}).content.decode()


def test_guessing_codes_ends(cast: Cast):
    activated(signed_in(cast))
    client = sign_in(cast.vera.email).client
    for _ in range(5):
        client.post("/account/2fa/authenticate/", {"code": "000000"})
    refused = client.post("/account/2fa/authenticate/", {"code": "000000"})
    assert "Too many failed login attempts" in refused.content.decode()


def test_a_recovery_code_signs_in_once(cast: Cast):
    client = signed_in(cast)
    activated(client)
    codes = client.get("/account/2fa/recovery-codes/")
    first = str(codes.context["unused_codes"][0])
    for attempt, status in ((1, 302), (2, 200)):
        fresh = sign_in(cast.vera.email).client
        assert fresh.post("/account/2fa/authenticate/", {"code": first}).status_code == status, attempt


def test_secrets_are_encrypted_and_rotated(cast: Cast, settings: Any):
    secret = activated(signed_in(cast))
    stored = {row.type: row.data for row in Authenticator.objects.all()}
    assert secret not in str(stored)
    assert encryption.decrypt(stored["totp"]["secret"]) == secret
    fresh = Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = [fresh, *django_settings.ENCRYPTION_KEYS]
    assert rotation.rotate().unreadable == []
    settings.ENCRYPTION_KEYS = [fresh]
    assert encryption.decrypt(Authenticator.objects.get(type="totp").data["secret"]) == secret


def test_it_takes_the_password_once_more(cast: Cast):
    client = signed_in(cast)
    response = client.get("/account/2fa/totp/activate/")
    assert response["Location"].startswith("/account/reauthenticate/")


@pytest.mark.django_db(transaction=True)
def test_the_owner_of_the_account_is_told_by_mail(cast: Cast, mailoutbox: list[Any]):
    activated(signed_in(cast))
    (mail,) = mailoutbox
    assert mail.to == [cast.vera.email]
    assert "Authenticator app activated." in mail.body
    assert "127.0.0.1" in mail.body


@pytest.mark.django_db(transaction=True)
def test_a_mail_server_that_is_away_does_not_hinder_it(cast: Cast, settings: Any):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    activated(signed_in(cast))
    assert Authenticator.objects.filter(user=cast.vera, type="totp").exists()


def test_an_operator_without_one_is_reminded(cast: Cast):
    client = signed_in(cast, "olga")
    assert "only a password protects it" in client.get("/admin/").content.decode()
    activated(client)
    assert "only a password protects it" not in client.get("/admin/").content.decode()
    assert "only a password protects it" not in signed_in(cast).get(f"/t/{cast.acme.tenant.slug}/").content.decode()


@pytest.mark.parametrize(
    ("required", "of_olga", "of_vera"), [("", False, False), ("operators", True, False), ("all", True, True)]
)
def test_where_it_is_required_nothing_opens_without(
    cast: Cast, settings: Any, required: str, of_olga: bool, of_vera: bool
):
    settings.REQUIRE_MFA = required
    console = f"/t/{cast.acme.tenant.slug}/"
    for name, page, demanded in (("olga", "/admin/", of_olga), ("olga", console, of_olga), ("vera", console, of_vera)):
        client = signed_in(cast, name)
        response = client.get(page)
        assert response.status_code == (302 if demanded else 200), (name, page)
        if demanded:
            assert response["Location"] == "/account/2fa/"
            content = client.get("/account/2fa/").content.decode()
            assert "This Tollgate requires a second factor." in content


def test_once_it_is_set_up_everything_opens(cast: Cast, settings: Any):
    settings.REQUIRE_MFA = "all"
    client = signed_in(cast)
    activated(client)
    assert client.get(f"/t/{cast.acme.tenant.slug}/").status_code == 200


def test_an_operator_takes_away_a_lost_one_and_it_stands_in_the_trail(cast: Cast):
    activated(signed_in(cast))
    action = {"action": "take_away_factors", "_selected_action": [cast.vera.pk]}
    logged_in(cast.olga).post("/admin/auth/user/", action)
    assert not Authenticator.objects.filter(user=cast.vera).exists()
    entry = LogEntry.objects.filter(additional_data__event="factor_removed").first()
    assert entry is not None
    assert (entry.actor, entry.object_pk) == (cast.olga, str(cast.vera.pk))
    assert sign_in(cast.vera.email)["Location"] == "/"
