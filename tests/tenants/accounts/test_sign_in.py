"""Signing in with a password: who gets in, what a refusal gives away, and how guessing ends."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from tests.cast import Cast

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
WRONG = "The email address and/or password you specified are not correct."
TOO_MANY = "Too many failed login attempts. Try again later."


def with_password(user: User) -> User:
    user.set_password(PASSWORD)
    user.save()
    return user


def sign_in(email: str, password: str = PASSWORD, **more: Any) -> Any:
    client = Client(**more)
    response = client.post("/account/login/", {"login": email, "password": password})
    response.client = client
    return response


def test_a_member_comes_to_their_console_and_an_operator_to_the_admin(cast: Cast):
    for user, place in ((cast.vera, f"/t/{cast.acme.tenant.slug}/"), (cast.olga, "/admin/")):
        response = sign_in(with_password(user).email.upper())
        assert (response.status_code, response["Location"]) == (302, "/")
        assert response.client.get("/")["Location"] == place


def test_one_comes_back_to_the_page_one_asked_for_and_never_to_another_site(cast: Cast):
    with_password(cast.vera)
    for asked, place in (
        (f"/t/{cast.acme.tenant.slug}/budgets/", f"/t/{cast.acme.tenant.slug}/budgets/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
    ):
        form = {"login": cast.vera.email, "password": PASSWORD, "next": asked}
        assert Client().post("/account/login/", form)["Location"] == place


def test_the_admins_own_login_page_is_the_same_one():
    response = Client().get("/admin/login/?next=/admin/tenants/tenant/", follow=True)
    assert response.redirect_chain[-1][0] == "/account/login/?next=/admin/tenants/tenant/"


def test_a_refusal_does_not_tell_whether_there_is_such_an_account(cast: Cast):
    with_password(cast.vera)
    known, unknown = sign_in(cast.vera.email, "wrong"), sign_in("nobody@example.com", "wrong")
    for response in (known, unknown):
        assert response.status_code == 200
        assert WRONG in response.content.decode()
    assert "_auth_user_id" not in known.client.session


def test_guessing_at_an_account_ends_after_five_times_from_wherever(cast: Cast):
    with_password(cast.vera)
    for number in range(5):
        assert WRONG in sign_in(cast.vera.email, "wrong", REMOTE_ADDR=f"192.0.2.{number}").content.decode()
    refused = sign_in(cast.vera.email, PASSWORD, REMOTE_ADDR="192.0.2.99")  # also the right one, for the while
    assert TOO_MANY in refused.content.decode()
    assert "_auth_user_id" not in refused.client.session
    nobody = [sign_in("nobody@example.com", "wrong", REMOTE_ADDR=f"192.0.2.{100 + n}") for n in range(6)]
    assert TOO_MANY in nobody[-1].content.decode()  # as little can be told from it


def test_guessing_from_an_address_ends_after_ten_times_at_whichever_accounts(cast: Cast):
    for number in range(10):
        assert WRONG in sign_in(f"nobody{number}@example.com", "wrong").content.decode()
    with_password(cast.vera)
    assert TOO_MANY in sign_in(cast.vera.email).content.decode()
    assert sign_in(cast.vera.email, REMOTE_ADDR="192.0.2.7").status_code == 302


def test_a_header_that_anybody_can_write_does_not_make_another_address(cast: Cast):
    for number in range(10):
        sign_in(f"nobody{number}@example.com", "wrong", HTTP_X_FORWARDED_FOR=f"192.0.2.{number}")
    assert TOO_MANY in sign_in("nobody@example.com", "wrong", HTTP_X_FORWARDED_FOR="192.0.2.200").content.decode()


def test_nobody_signs_up_by_themselves(cast: Cast):
    for response in (
        Client().get("/account/signup/"),
        Client().post("/account/signup/", {"email": "new@example.com", "password1": PASSWORD}),
    ):
        assert "Accounts are made by invitation." in response.content.decode()
    assert not User.objects.filter(email="new@example.com").exists()


def test_who_was_deactivated_does_not_get_in(cast: Cast):
    with_password(cast.vera)
    User.objects.filter(pk=cast.vera.pk).update(is_active=False)
    response = sign_in(cast.vera.email)
    assert "_auth_user_id" not in response.client.session


def test_an_address_that_is_not_confirmed_is_asked_to_be_first(cast: Cast, mailoutbox: list[Any]):
    EmailAddress.objects.filter(user=cast.vera).update(verified=False)
    response = sign_in(with_password(cast.vera).email)
    assert response["Location"] == "/account/confirm-email/"
    assert "_auth_user_id" not in response.client.session
    (address,) = [word for word in mailoutbox[0].body.split() if "/account/confirm-email/" in word]
    path = address.removeprefix("http://testserver")
    assert "Confirm" in response.client.get(path).content.decode()
    assert not EmailAddress.objects.get(user=cast.vera).verified  # a scanner of mails follows links, too
    response.client.post(path)
    assert EmailAddress.objects.get(user=cast.vera).verified
    cache.clear()
    assert sign_in(cast.vera.email)["Location"] == "/"


def test_an_operator_made_at_the_command_line_needs_no_mail(mailoutbox: list[Any]):
    User.objects.create_superuser("root", "root@example.com", PASSWORD)
    assert sign_in("root@example.com")["Location"] == "/"
    assert mailoutbox == []


def test_a_forgotten_password_is_reset_by_mail_and_the_page_tells_nothing(cast: Cast, mailoutbox: list[Any]):
    with_password(cast.vera)
    pages = []
    for email in (cast.vera.email, "nobody@example.com"):
        pages.append(Client().post("/account/password/reset/", {"email": email}, follow=True).content)
    assert len(mailoutbox) == 2  # to nobody, too, so that it takes as long
    assert len(pages[0]) == len(pages[1])
    (address,) = [word for word in mailoutbox[0].body.split() if "/password/reset/key/" in word]
    client = Client()
    form = client.get(address.removeprefix("http://testserver"), follow=True)
    fresh = {"password1": "another horse battery", "password2": "another horse battery"}
    client.post(form.redirect_chain[-1][0], fresh)
    assert sign_in(cast.vera.email, "another horse battery").status_code == 302
    assert WRONG in sign_in(cast.vera.email, PASSWORD).content.decode()


def test_signing_out_takes_a_click_and_not_a_link(cast: Cast):
    client = sign_in(with_password(cast.vera).email).client
    assert "Are you sure you want to sign out?" in client.get("/account/logout/").content.decode()
    assert client.get("/").status_code == 302
    assert "_auth_user_id" in client.session
    assert client.post("/account/logout/")["Location"] == "/account/login/"
    assert "_auth_user_id" not in client.session
