"""What another site, or a link, could make a browser do with our pages: nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern

from tests.cast import Cast, cast, logged_in
from tests.config.matrix.addresses import everything, filled, of_site, prepare

__all__ = ["cast"]
pytestmark = pytest.mark.django_db
PASSWORD = "a-Long-enough-password-1"
# Which callers bring a key for, and never a cookie; or which change nothing, as they are only looked at.
WITHOUT_TOKEN = ("v1/", "api/v1/", "api/schema/", "api/docs/", "healthz", "readyz", "metrics")


def stale(request: Any, reason: str = "") -> HttpResponse:
    """In place of a page, which takes longer."""
    return HttpResponse(status=403)


def addresses(cast: Cast) -> Iterator[tuple[Any, str, URLPattern]]:
    """(who is signed in, address, pattern) of every page and operation that a browser's cookie opens."""
    for person, urlconf, home in (
        (cast.alice, "config.console_urls", f"/t/{cast.acme.tenant.slug}/"),
        (cast.olga, "config.urls", "/"),
    ):
        for route, item in of_site(urlconf, without=("(", *WITHOUT_TOKEN) if home == "/" else ("(",)):
            yield person, home + filled(route, item, cast), item


def test_every_form_is_checked_for_its_token():
    """Operations of the management API within a console check it themselves, as they are also called with a key."""
    found = [*of_site("config.console_urls"), *of_site("config.urls")]
    exempt = {route for route, item in found if getattr(item.callback, "csrf_exempt", False)}
    assert {route for route in exempt if not route.startswith(WITHOUT_TOKEN)} == {
        "feedback/<str:token>",  # its token is all that counts there, wherever it is sent from; no session is asked
    }
    assert len(found) > 300


@pytest.mark.parametrize(
    ("methods", "every"), [(("post",), 7), (("post", "put", "patch", "delete"), 1)], ids=["some", "all"]
)
def test_no_address_takes_a_form_without_its_token(cast: Cast, settings: Any, methods: tuple[str, ...], every: int):
    """Everything that a signed-in person can send, sent by another site: the cookie comes along, the token does not."""
    prepare(cast)
    settings.CSRF_FAILURE_VIEW = "tests.config.test_browser_attacks.stale"
    before, wrong, clients = everything(), [], {}
    for person in (cast.alice, cast.olga):
        clients[person.pk] = Client(enforce_csrf_checks=True)
        clients[person.pk].force_login(person)
    wanted = list(addresses(cast))[::every]
    for person, address, _item in wanted:
        for method in methods:
            response = getattr(clients[person.pk], method)(address)
            if response.status_code not in (403, 404, 405):
                wrong.append((method, address, response.status_code))
    assert not wrong, "\n".join(map(str, wrong))
    assert len(wanted) > 200 / every
    assert everything() == before


def test_cookies_are_sent_to_us_alone(cast: Cast):
    client = Client()
    client.get("/account/login/")
    cast.alice.set_password(PASSWORD)
    cast.alice.save()
    client.post("/account/login/", {"login": cast.alice.email, "password": PASSWORD})
    session, token = client.cookies[settings.SESSION_COOKIE_NAME], client.cookies[settings.CSRF_COOKIE_NAME]
    assert (session["httponly"], session["samesite"], token["samesite"]) == (True, "Lax", "Lax")
    assert session["domain"] == token["domain"] == ""


def test_in_production_cookies_go_over_tls_only():
    """Both follow from one setting; `check --deploy` holds the rest (test_browsers)."""
    assert settings.SESSION_COOKIE_SECURE == settings.CSRF_COOKIE_SECURE == settings.IS_PRODUCTION


def test_signing_in_gives_a_session_that_nobody_knew_before(cast: Cast):
    cast.alice.set_password(PASSWORD)
    cast.alice.save()
    planted = Client()
    planted.session.save()  # whoever sets the trap has a session, and gives its id to the victim
    fixed = planted.session
    fixed["trap"] = 1
    fixed.save()
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = fixed.session_key
    client.post("/account/login/", {"login": cast.alice.email, "password": PASSWORD})
    after = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert client.get("/", follow=True).context["user"] == cast.alice
    assert after != fixed.session_key
    trapper = Client()
    trapper.cookies[settings.SESSION_COOKIE_NAME] = fixed.session_key
    assert trapper.get("/", follow=True).redirect_chain[-1][0].startswith("/account/login/")


def test_signing_out_ends_the_session_for_whoever_has_its_id(cast: Cast):
    client = logged_in(cast.alice)
    stolen = client.cookies[settings.SESSION_COOKIE_NAME].value
    client.post("/account/logout/")
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = stolen
    assert thief.get(f"/t/{cast.acme.tenant.slug}/").status_code == 302


ELSEWHERE = [
    "https://evil.example/", "//evil.example/", "///evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example",
    "javascript:alert(1)", "data:text/html,x", " https://evil.example", "/%09/evil.example", "http://localhost@evil.example/",
    "https://localhost.evil.example/", "\thttps://evil.example", "/t/\r\nLocation: https://evil.example",
]  # fmt: skip


def leads_here(place: str) -> bool:
    return re.match(r"^(/(?![/\\])[^\r\n\t]*)?$", place) is not None


@pytest.mark.parametrize("number", range(4))
def test_signing_in_leads_to_no_other_site(cast: Cast, number: int):
    cast.alice.set_password(PASSWORD)
    cast.alice.save()
    told = {"login": cast.alice.email, "password": PASSWORD, "next": ELSEWHERE[number]}
    reply = Client().post("/account/login/", told)
    assert reply.status_code == 302
    assert leads_here(reply["Location"]), reply["Location"]


def test_no_address_leads_to_another_site(cast: Cast):
    client, later = logged_in(cast.alice), f"/t/{cast.acme.tenant.slug}/setup/later/"
    for target in ELSEWHERE:
        replies = [
            client.get(address, {"next": target})
            for address in ("/account/login/", "/admin/login/", "/account/reauthenticate/")
        ]
        replies += [client.post(later, {"next": target}), Client().post("/account/logout/", {"next": target})]
        for reply in replies:
            assert leads_here(reply.headers.get("Location", "")), (target, reply["Location"])


@pytest.mark.parametrize(
    "header", ["host", "x-forwarded-host", "x-forwarded-server", "forwarded", "x-host", "x-original-host"]
)
def test_links_in_mail_lead_to_us_whatever_host_was_asked_for(cast: Cast, header: str):
    value = "host=evil.example" if header == "forwarded" else "evil.example"
    reply = Client().post("/account/password/reset/", {"email": cast.alice.email}, headers={header: value})
    if header == "host":
        assert reply.status_code == 400
        assert mail.outbox == []
        return
    (sent,) = mail.outbox
    assert "evil.example" not in sent.body
    assert "http://testserver/account/password/reset/key/" in sent.body


def test_no_page_is_framed_or_taken_for_something_else(cast: Cast):
    for client, address in (
        (logged_in(cast.alice), "/"),
        (logged_in(cast.olga), "/admin/"),
        (Client(), "/account/login/"),
        (Client(), "/nowhere"),
    ):
        headers: Any = client.get(address, follow=True).headers
        assert headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
