"""A key is rotated on its page: the new secret is shown once, the former one with its end, and whoever may not, changes nothing."""

from __future__ import annotations

import datetime as dt
import html
import json
import re
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.sessions.models import Session
from django.urls import reverse
from django.utils import timezone

from tenants import api_keys
from tenants.models import ApiKey, ApiKeySecret
from tests.cast import Cast, at_work, in_console, logged_in

pytestmark = pytest.mark.django_db


def page(key: ApiKey, name: str, *more: Any) -> str:
    return reverse(f"admin:tenants_apikey_{name}", args=[key.pk, *more])


def text(response: Any) -> str:
    return html.unescape(response.content.decode())


def rotated(client: Any, key: ApiKey, overlap: str = "24") -> tuple[str, Any]:
    response = client.post(page(key, "rotate"), {"overlap": overlap, "seen": key.prefix})
    assert response.status_code == 201, text(response)
    secret = re.search(r'id="secret">(tg-[A-Za-z0-9_-]{43})<', response.content.decode())
    assert secret is not None
    return secret[1], response


def test_the_new_secret_is_shown_once_and_the_former_one_with_its_end(cast: Cast):
    key, client = cast.acme.key.api_key, at_work(cast.ada)
    former = key.prefix
    assert f"({former}…)" in text(client.get(page(key, "rotate")))
    secret, response = rotated(client, key)
    assert "no-store" in response["Cache-Control"]
    assert f"The former secret {former}… goes on working and ends" in " ".join(text(response).split())
    row = ApiKeySecret.objects.get(secret_sha256=api_keys.digest(secret))
    assert (row.api_key, row.ends_at, row.created_by) == (key, None, cast.ada)
    shown = text(client.get(page(key, "change")))
    assert f"{former}…" in shown
    assert f"{secret[:10]}…" in shown
    assert key.secrets.exclude(ends_at=None).get().ends_at.isoformat() in shown
    places = [shown, text(client.get(page(key, "history"))), json.dumps(list(LogEntry.objects.values()), default=str)]
    places.append(str([session.get_decoded() for session in Session.objects.all()]))
    assert not [place for place in places if secret in place or api_keys.digest(secret) in place]


@pytest.mark.parametrize(("overlap", "hours"), [("0", 0), ("1", 1), ("24", 24), ("168", 168), ("720", 720)])
def test_one_chooses_how_long_the_former_secret_goes_on(cast: Cast, overlap: str, hours: int):
    key, before = cast.acme.key.api_key, timezone.now()
    _, response = rotated(at_work(cast.ada), key, overlap)
    ends_at = key.secrets.exclude(ends_at=None).get().ends_at
    assert before <= ends_at - dt.timedelta(hours=hours) <= timezone.now()
    assert ("is refused from now on" in text(response)) is (hours == 0)


@pytest.mark.parametrize("overlap", ["721", "-1", "", "soon"])
def test_another_time_is_refused_and_nothing_made(cast: Cast, overlap: str):
    key = cast.acme.key.api_key
    response = at_work(cast.ada).post(page(key, "rotate"), {"overlap": overlap, "seen": key.prefix})
    assert response.status_code == 200
    assert response.context["form"].errors["overlap"]
    assert key.secrets.count() == 1


def test_a_form_that_is_sent_twice_rotates_once(cast: Cast):
    key, client = cast.acme.key.api_key, at_work(cast.ada)
    rotated(client, key)
    again = client.post(page(key, "rotate"), {"overlap": "24", "seen": key.prefix})
    assert "This key was rotated a moment ago." in text(again)
    assert key.secrets.count() == 2


def test_a_former_secret_is_ended_after_a_question(cast: Cast):
    key, client = cast.acme.key.api_key, at_work(cast.ada)
    rotated(client, key)
    former = key.secrets.exclude(ends_at=None).get()
    address = page(key, "end_secret", former.pk)
    assert "End the former secret" in text(client.get(address))
    assert former.is_accepted()
    assert client.post(address).status_code == 302
    former.refresh_from_db()
    assert not former.is_accepted()
    present = key.secrets.get(ends_at=None)
    assert "Rotate or revoke the key instead" in text(client.post(page(key, "end_secret", present.pk), follow=True))
    assert key.secrets.filter(ends_at=None).exists()


def test_the_history_of_the_key_has_its_secrets(cast: Cast):
    key, client = cast.acme.key.api_key, at_work(cast.ada)
    rotated(client, key)
    assert "secret of an API key" in text(client.get(page(key, "history")))


def test_a_secret_of_another_key_is_not_found_under_this_one(cast: Cast):
    key = cast.acme.key.api_key
    other = api_keys.create(cast.acme.tenant, name="other").api_key
    api_keys.rotate(other)
    former = other.secrets.exclude(ends_at=None).get()
    client = at_work(cast.ada)
    assert client.post(page(key, "end_secret", former.pk)).status_code == 404
    api_keys.rotate(cast.globex.key.api_key)
    theirs = cast.globex.key.api_key.secrets.exclude(ends_at=None).get()
    for owner in (key, cast.globex.key.api_key):
        assert client.post(page(owner, "end_secret", theirs.pk)).status_code == 404
    assert theirs.is_accepted()
    assert former.is_accepted()


def test_the_search_finds_a_key_by_any_of_its_secrets(cast: Cast):
    key, client = cast.acme.key.api_key, at_work(cast.ada)
    former = key.prefix
    rotated(client, key)
    for prefix in (former, ApiKey.objects.get(pk=key.pk).prefix):
        found = client.get(reverse("admin:tenants_apikey_changelist"), {"q": prefix}).context["cl"]
        assert [row.pk for row in found.result_list] == [key.pk]


@pytest.mark.parametrize("person", ["vera", "bob", "charlie"])
def test_others_rotate_and_end_nothing(cast: Cast, person: str):
    """Bob made none of it."""
    key = cast.acme.key.api_key
    api_keys.rotate(key)
    former = key.secrets.exclude(ends_at=None).get()
    before = list(ApiKeySecret.objects.order_by("pk").values())
    client = in_console(getattr(cast, person), cast.acme.tenant)
    status = 404 if person == "charlie" else 403
    for address in (page(key, "rotate"), page(key, "end_secret", former.pk)):
        assert client.get(address).status_code == status
        assert client.post(address, {"overlap": "0", "seen": key.prefix}).status_code == status
    assert list(ApiKeySecret.objects.order_by("pk").values()) == before


def test_a_developer_rotates_a_key_of_their_own(cast: Cast):
    key = api_keys.create(cast.acme.tenant, name="bob's", created_by=cast.bob).api_key
    secret, _ = rotated(at_work(cast.bob), key)
    assert key.secrets.get(ends_at=None).prefix == secret[:10]


def test_an_operator_rotates_too_and_nobody_waits_for_requests_there(cast: Cast):
    _, response = rotated(logged_in(cast.olga), cast.acme.key.api_key)
    assert "data-arrivals" not in text(response)
