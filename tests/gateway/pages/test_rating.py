"""The page behind a feedback link: for anybody who holds the token, and works as a plain form."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from gateway import votes
from gateway.models import Feedback
from gateway.quality import feedback_tokens
from tests.cast import Cast, logged_in, request_row

pytestmark = pytest.mark.django_db


@pytest.fixture
def link(cast: Cast) -> str:
    """To the answer that Acme's customer got."""
    Feedback.objects.all().delete()
    request = cast.acme.request
    return f"/feedback/{feedback_tokens.issue(request.tenant_id, request.request_id, request.end_user)}"


def browser() -> Client:
    return Client(enforce_csrf_checks=True)


def test_opening_the_link_shows_a_form_and_votes_for_nothing(link: str):
    response = browser().get(link)
    content = response.content.decode()
    assert response.status_code == 200
    assert '<form method="post">' in content
    assert 'value="up"' in content
    assert 'value="down"' in content
    assert "<script" not in content
    assert not Feedback.objects.exists()
    assert browser().head(link).status_code == 200
    assert not Feedback.objects.exists()


def test_no_cookie_is_set_no_referrer_told_and_nothing_cached(link: str):
    response = browser().get(link)
    assert response.cookies == {}
    assert response["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response["Cache-Control"]
    assert response["X-Frame-Options"] == "DENY"


def test_a_thumb_with_reasons_and_comment_is_the_end_users_vote(cast: Cast, link: str):
    client = browser()
    response = client.post(link, {"rating": "down", "reasons": ["incorrect", "tone"], "comment": "Wrong."})
    assert (response.status_code, response["Location"]) == (303, link)
    row = Feedback.objects.get()
    assert (row.tenant, row.request_id) == (cast.acme.tenant, cast.acme.request.request_id)
    assert (row.rating, row.reasons, row.comment) == ("down", ["incorrect", "tone"], "Wrong.")
    assert (row.end_user, row.source, row.matched_at is not None) == (cast.acme.request.end_user, "token", True)
    content = client.get(link).content.decode()
    assert "You said: not good." in content
    assert ">Wrong.</textarea>" in content
    assert content.count("checked") == 2


def test_the_vote_can_be_changed(link: str):
    client = browser()
    client.post(link, {"rating": "down", "reasons": ["incorrect"], "comment": "Wrong."})
    client.post(link, {"rating": "up", "comment": ""})
    row = Feedback.objects.get()
    assert (row.rating, row.reasons, row.comment) == ("up", [], "")
    assert "You said: good." in client.get(link).content.decode()


def test_reasons_of_the_applications_own_survive_the_form(cast: Cast, link: str):
    ticket = votes.ticket_of(link.removeprefix("/feedback/"))
    votes.by_token(link.removeprefix("/feedback/"), votes.Vote("down", ("own reason",), None), address="x")
    assert 'name="reasons" value="own reason"' in browser().get(link).content.decode()
    assert votes.given_by(ticket) is not None


def test_what_was_written_is_shown_as_text(link: str):
    client = browser()
    client.post(
        link,
        {"rating": "up", "reasons": ['"><script>alert(1)</script>'], "comment": "</textarea><script>alert(1)</script>"},
    )
    content = client.get(link).content.decode()
    assert "<script" not in content
    assert "&lt;/textarea&gt;&lt;script&gt;alert(1)&lt;/script&gt;" in content


@pytest.mark.parametrize("form", [{}, {"rating": "great"}, {"rating": "up", "comment": "x" * 2001}])
def test_what_is_no_vote_is_said_and_the_comment_stays(link: str, form: Any):
    response = browser().post(link, form)
    assert response.status_code == 400
    content = response.content.decode()
    assert "Choose one of the two thumbs." in content
    assert form.get("comment", "") in content
    assert not Feedback.objects.exists()


def test_forged_and_old_links_say_so_in_plain_words(cast: Cast, link: str):
    old = request_row(cast.acme.tenant, cast.acme.key.api_key, accepted_at=timezone.now() - dt.timedelta(days=31))
    too_old = f"/feedback/{feedback_tokens.issue(old.tenant_id, old.request_id, '')}"
    for address, status, words in (
        (link[:-1], 404, "This link does not work."),
        ("/feedback/x", 404, "This link does not work."),
        (too_old, 410, "it is too old"),
    ):
        for send in (browser().get, browser().post):
            response = send(address, {"rating": "up"})
            assert (response.status_code, words in response.content.decode()) == (status, True), address
            assert "<form" not in response.content.decode()
    assert not Feedback.objects.exists()


def test_a_tenant_that_is_switched_off_takes_no_votes(cast: Cast, link: str):
    cast.acme.tenant.is_active = False
    cast.acme.tenant.save()
    assert browser().post(link, {"rating": "up"}).status_code == 410
    assert not Feedback.objects.exists()


def test_somebody_who_votes_on_and_on_is_asked_to_wait(link: str):
    client = browser()
    statuses = [
        client.post(link, {"rating": ("up", "down")[n % 2]}).status_code for n in range(votes.VOTES_PER_TOKEN + 1)
    ]
    assert statuses == [303] * votes.VOTES_PER_TOKEN + [429]


def test_who_is_signed_in_votes_as_the_reader_all_the_same(cast: Cast, link: str):
    """Also Charlie, of another tenant: the link is the right."""
    assert logged_in(cast.charlie).post(link, {"rating": "up"}).status_code == 303
    assert Feedback.objects.get().end_user == cast.acme.request.end_user
