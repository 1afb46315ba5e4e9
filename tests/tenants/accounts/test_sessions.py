"""Where one is signed in, and ending it."""

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client

from tenants.accounts import user_agents
from tests.cast import Cast
from tests.tenants.accounts.test_sign_in import PASSWORD, sign_in, with_password

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"


def signed_in(cast: Cast, **more: str) -> Client:
    client: Client = sign_in(with_password(cast.vera).email, **more).client
    return client


def is_in(client: Client) -> bool:
    return client.get("/account/sessions/").status_code == 200


def test_every_session_is_listed_with_its_browser_and_address(cast: Cast):
    first = signed_in(cast, HTTP_USER_AGENT=FIREFOX, REMOTE_ADDR="192.0.2.7")
    sign_in(cast.vera.email, HTTP_USER_AGENT=CHROME)
    content = first.get("/account/sessions/").content.decode()
    for told in ("Firefox on Linux", "192.0.2.7", "Chrome on Windows", "this one"):
        assert told in content


def test_one_is_ended_and_the_others_go_on(cast: Cast):
    here = signed_in(cast)
    there, elsewhere = sign_in(cast.vera.email).client, sign_in(cast.vera.email).client
    session = UserSession.objects.get(session_key=there.session.session_key)
    here.post("/account/sessions/", {"session": str(session.pk)})
    assert [is_in(client) for client in (here, there, elsewhere)] == [True, False, True]


def test_all_others_are_ended_at_once(cast: Cast):
    here = signed_in(cast)
    others = [sign_in(cast.vera.email).client for _ in range(2)]
    here.post("/account/sessions/", {"session": "others"})
    assert [is_in(client) for client in (here, *others)] == [True, False, False]


def test_nobody_elses_session_is_listed_or_ended(cast: Cast):
    vera = signed_in(cast)
    bob = sign_in(with_password(cast.bob).email, HTTP_USER_AGENT=FIREFOX).client
    assert "Firefox" not in vera.get("/account/sessions/").content.decode()
    session = UserSession.objects.get(user=cast.bob)
    vera.post("/account/sessions/", {"session": str(session.pk)})
    vera.post("/account/sessions/", {"session": "others"})
    assert is_in(bob)


def test_changing_the_password_ends_the_others(cast: Cast):
    here = signed_in(cast)
    there = sign_in(cast.vera.email).client
    form = {"oldpassword": PASSWORD, "password1": "another horse battery", "password2": "another horse battery"}
    assert here.post("/account/password/change/", form).status_code == 302
    assert [is_in(client) for client in (here, there)] == [True, False]


def test_a_stranger_has_none(cast: Cast):
    assert Client().get("/account/sessions/")["Location"] == "/account/login/?next=/account/sessions/"


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on macOS"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", "unknown"),
    ],
)
def test_a_browser_is_told_in_two_words(told: str, shown: str):
    assert user_agents.told(told) == shown
