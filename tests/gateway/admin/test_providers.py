"""A credential goes in and never comes out."""

import html
import json
from typing import Any

import pytest
from auditlog.models import LogEntry
from cryptography.fernet import Fernet
from django.db import connection
from django.urls import reverse

from gateway.models import Provider
from tests.cast import CREDENTIAL, Cast, logged_in

pytestmark = pytest.mark.django_db

NEW = "sk-brand-new-credential-987"
ADD = "/admin/gateway/provider/add/"


def change(cast: Cast, row: Provider, **fields: Any) -> Any:
    form = {"name": row.name, "kind": row.kind, "base_url": row.base_url, "is_active": "on", **fields}
    return logged_in(cast.olga).post(reverse("admin:gateway_provider_change", args=[row.pk]), form)


def stored(row: Provider) -> str:
    return Provider.objects.get(pk=row.pk).credential


def test_no_page_shows_the_credential(cast: Cast):
    client = logged_in(cast.olga)
    for name in ("change", "history", "delete"):
        content = client.get(reverse(f"admin:gateway_provider_{name}", args=[cast.provider.pk])).content.decode()
        assert CREDENTIAL not in content
    content = client.get(reverse("admin:gateway_provider_change", args=[cast.provider.pk])).content.decode()
    cast.provider.refresh_from_db()
    assert "Set (sk-…6789). Leave empty to keep it." in content
    assert CREDENTIAL not in client.get(reverse("admin:gateway_provider_changelist")).content.decode()


def test_an_empty_input_keeps_it(cast: Cast):
    assert change(cast, cast.provider, new_credential="").status_code == 302
    assert stored(cast.provider) == CREDENTIAL


def test_a_new_one_replaces_it_and_is_shown_nowhere(cast: Cast):
    assert change(cast, cast.provider, new_credential=NEW).status_code == 302
    assert stored(cast.provider) == NEW
    page = logged_in(cast.olga).get(reverse("admin:gateway_provider_history", args=[cast.provider.pk])).content.decode()
    assert "(replaced)" in page
    assert NEW not in page + json.dumps(list(LogEntry.objects.values()), default=str)


def test_a_form_with_an_error_does_not_repeat_what_was_typed(cast: Cast):
    response = change(cast, cast.provider, new_credential=NEW, name="not a slug")
    assert response.status_code == 200
    assert NEW not in response.content.decode()
    assert stored(cast.provider) == CREDENTIAL


def test_it_can_be_removed(cast: Cast):
    assert change(cast, cast.acme.provider, forget_credential="on").status_code == 302
    assert stored(cast.acme.provider) == ""


def test_removing_and_replacing_at_once_is_a_contradiction(cast: Cast):
    response = change(cast, cast.acme.provider, forget_credential="on", new_credential=NEW)
    assert "forget_credential" in response.context["adminform"].form.errors
    assert stored(cast.acme.provider) == CREDENTIAL


@pytest.mark.parametrize(
    ("fields", "where", "message"),
    [
        ({"kind": "openai"}, "new_credential", "refuses every call without a credential"),
        ({"kind": "openai", "new_credential": "sk-one two"}, "new_credential", "one line of printable ASCII"),
        ({"kind": "openai-compatible"}, "base_url", "needs its base URL"),
        ({"kind": "anthropic", "new_credential": NEW, "base_url": "ftp://x"}, "base_url", "Enter a valid URL"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(cast: Cast, fields: dict[str, str], where: str, message: str):
    response = logged_in(cast.olga).post(ADD, {"name": "fresh", "is_active": "on", **fields})
    errors = response.context["adminform"].form.errors
    assert message in html.unescape(str(errors[where]))
    assert not Provider.objects.filter(name="fresh").exists()


def test_a_name_is_taken_once_among_the_operators(cast: Cast):
    form = {"name": cast.provider.name, "kind": "openai", "new_credential": NEW, "is_active": "on"}
    response = logged_in(cast.olga).post(ADD, form)
    assert "There is a provider of this name already." in response.content.decode()


def test_a_name_is_taken_once_also_when_a_row_is_renamed(cast: Cast):
    other = Provider.objects.create(name="other", kind="openai", credential=NEW)
    response = change(cast, other, name=cast.provider.name)
    assert response.status_code == 200
    assert "There is a provider of this name already." in response.content.decode()


def test_a_credential_no_key_opens_can_be_entered_again(cast: Cast):
    with connection.cursor() as cursor:
        strange = Fernet(Fernet.generate_key()).encrypt(b"lost").decode()
        cursor.execute("UPDATE gateway_provider SET credential = %s WHERE id = %s", [strange, cast.provider.pk])
    client = logged_in(cast.olga)
    assert client.get(reverse("admin:gateway_provider_changelist")).status_code == 200
    assert client.get(reverse("admin:gateway_provider_change", args=[cast.provider.pk])).status_code == 200
    kept = change(cast, cast.provider)
    assert "opens with none of TOLLGATE_ENCRYPTION_KEYS" in str(kept.context["adminform"].form.errors["new_credential"])
    assert change(cast, cast.provider, new_credential=NEW).status_code == 302
    assert stored(cast.provider) == NEW
