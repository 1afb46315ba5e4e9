"""The list of what people said of answers, and the same beside the request; both only to look at."""

import pytest
from django.urls import reverse
from django.utils import timezone

from gateway.models import Feedback
from tests.cast import Cast, at_work, vote_on

pytestmark = pytest.mark.django_db
LIST = reverse("admin:gateway_feedback_changelist")


def test_the_list_tells_the_rating_the_reasons_in_words_and_whose_it_is(cast: Cast):
    key = cast.acme.key.api_key
    vote_on(cast.acme.request, end_user="", api_key=key, source="api", rating="up", reasons=["my own"], comment="")
    content = at_work(cast.vera).get(LIST).content.decode()
    for text in (
        "Thumb down",
        "Not correct",
        "Acme sells no anvils.",
        cast.acme.end_user.external_id,
        "Thumb up",
        "my own",
    ):
        assert text in content
    assert f"key {key.name}" in content
    assert "Globex sells no anvils." not in content


def test_a_comment_is_text_whatever_it_holds(cast: Cast):
    evil = "<img src=x onerror=alert(1)>"
    row = vote_on(cast.acme.request, comment=evil, end_user=evil, reasons=[evil])
    pages = (
        LIST,
        reverse("admin:gateway_feedback_change", args=[row.pk]),
        reverse("admin:gateway_requestlog_change", args=[cast.acme.request.pk]),
    )
    for page in pages:
        content = at_work(cast.ada).get(page).content.decode()
        assert "<img src=x" not in content
        assert "&lt;img src=x onerror=alert(1)&gt;" in content


def test_what_does_not_count_yet_is_not_shown(cast: Cast):
    row = vote_on(cast.acme.request, matched_at=None, comment="Too early")
    assert "Too early" not in at_work(cast.ada).get(LIST).content.decode()
    assert at_work(cast.ada).get(reverse("admin:gateway_feedback_change", args=[row.pk])).status_code == 404


def test_it_is_found_by_request_end_user_words_and_reason(cast: Cast):
    row = cast.acme.feedback
    vote_on(cast.acme.request, end_user="somebody else", comment="Something else", reasons=["tone"])
    client = at_work(cast.ada)
    for query in ({"q": row.end_user}, {"q": "sells NO anvils"}, {"reason": "incorrect"}):
        content = client.get(LIST, query).content.decode()
        assert ("Acme sells no anvils." in content, "Something else" in content) == (True, False), query
    content = client.get(LIST, {"q": str(row)}).content.decode()
    assert ("Acme sells no anvils." in content, "Something else" in content) == (True, True)


def test_the_request_shows_the_votes_on_its_answer(cast: Cast):
    address = reverse("admin:gateway_requestlog_change", args=[cast.acme.request.pk])
    assert "Acme sells no anvils." in at_work(cast.vera).get(address).content.decode()
    Feedback.objects.all().delete()
    assert "Votes" not in at_work(cast.vera).get(address).content.decode()


def test_nobody_edits_a_vote(cast: Cast):
    row = cast.acme.feedback
    for person in (cast.alice, cast.olga):
        client = at_work(person)
        form = {"rating": "up", "comment": "We sell many.", "changed_at": timezone.now()}
        assert client.post(reverse("admin:gateway_feedback_change", args=[row.pk]), form).status_code == 403
        assert client.post(reverse("admin:gateway_feedback_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
        assert client.get(reverse("admin:gateway_feedback_add")).status_code == 403
    assert Feedback.objects.get(pk=row.pk).comment == row.comment
