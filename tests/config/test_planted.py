"""Planted in every row: secrets, which no page and no answer shows; and names that are scripts and templates, which pages show as they are.

Every page of the console as its owner sees it, every list and row of the management API, and the operators' pages, which have more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.core import mail
from django.db import connection, models
from django.test import Client

from billing.models import AlertChannel
from gateway.models import RequestContent
from tenants import invitations, management_keys
from tenants.models import SsoConnection
from tenants.roles import Role
from tests.cast import Cast, build_cast, logged_in
from tests.config.matrix.addresses import filled, of_site, prepare

pytestmark = pytest.mark.django_db

SECRETS = {
    "provider": "sk-planted-provider-0123456789abcdef",
    "webhook": "whsec_cGxhbnRlZC13ZWJob29rLXNlY3JldC0wMTIzNDU2Nzg5",
    "single sign-on": "planted-client-secret-0123456789",
    "password": "planted-Password-0123456789",
}
SCRIPT = "<script>alert(1)</script>"
SUM = "3133731338"  # what the name would be if it were run; longer than what chance makes of the digits in ids
HOSTILE = f"{{{{ {int(SUM) - 1}|add:1 }}}}{{% now 'Y' %}}{SCRIPT}\"'><img src=x onerror=alert(1)>"
SHOWN = "&lt;script&gt;alert(1)&lt;/script&gt;"
TEXTS = (
    "name",
    "comment",
    "reason",
    "rubric",
    "error_message",
    "external_id",
    "end_user",
    "feature",
    "prompt",
    "answer",
    "message",
)


@pytest.fixture
def cast(db: None) -> Cast:
    """With an audit trail of its making, and of edits of all that is secret."""
    made = build_cast()
    prepare(made)
    acme = made.acme
    acme.provider.credential = SECRETS["provider"]
    acme.provider.save()
    AlertChannel.objects.create(
        tenant=acme.tenant, name="hook", kind="webhook", target="https://hooks.example.com/", secret=SECRETS["webhook"]
    )
    sso = SsoConnection.objects.get(tenant=acme.tenant)
    sso.client_secret = SECRETS["single sign-on"]
    sso.save()
    for person in (made.alice, made.olga):
        person.set_password(SECRETS["password"])
        person.save()
    made.acme.provider.refresh_from_db()
    return made


def plant_names(cast: Cast) -> None:
    """Into each text of Acme's rows that nobody checks the characters of, whichever way it got there."""
    for row in [*cast.acme.rows, RequestContent.objects.get(tenant=cast.acme.tenant)]:
        fields = [
            field for field in row._meta.concrete_fields if isinstance(field, models.CharField | models.TextField)
        ]
        values = {field.name: HOSTILE[: field.max_length or None] for field in fields if field.name in TEXTS}
        if values:
            type(row)._base_manager.filter(pk=row.pk).update(**values)


# Where what is planted is closest, for the quick walk.
CLOSEST = (
    "gateway/provider/<path:object_id>/change/", "gateway/provider/<path:object_id>/history/", "tenants/apikey/<path:object_id>/change/",
    "tenants/ssoconnection/<path:object_id>/change/", "channels/<uuid:channel_id>/", "gateway/requestlog/<path:object_id>/change/",
    "gateway/task/<path:object_id>/change/", "budgets/", "management-keys/", "api/v1/providers", "api/v1/channels", "api/v1/audit-trail",
    "api/v1/single-sign-on", "api/v1/keys", "",
)  # fmt: skip


def pages(cast: Cast, person: str, routes: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """(address, answer) of everything that may be looked at, or of those routes of the console."""
    client = logged_in(getattr(cast, person))
    if person == "olga":
        found = [("/", item) for item in of_site("config.urls", within="admin/")]
    else:
        found = [(f"/t/{cast.acme.tenant.slug}/", item) for item in of_site("config.console_urls")]
    for home, (route, item) in found:
        if item.name in ("logout", "management_docs") or (routes and route not in routes):
            continue
        address = home + filled(route, item, cast)
        response = client.get(address)
        if response.status_code == 200:
            yield address, response


def text_of(response: Any) -> str:
    if response.streaming:
        return ""  # tables for spreadsheets, which have tests of their own
    return str(response.content.decode())


def walk(cast: Cast, person: str, caplog: pytest.LogCaptureFixture, routes: tuple[str, ...] = ()) -> tuple[int, int]:
    """How many pages were seen, and how many showed a hostile name as it is. None leaks a secret or runs a name."""
    key = management_keys.create(cast.acme.tenant, name="planted", role=Role.OWNER, by=cast.alice, by_role=Role.OWNER)
    secrets = {**SECRETS, "key": cast.acme.key.secret, "management key": key.secret}
    plant_names(cast)
    seen, shown, leaks, runs = 0, 0, [], []
    for address, response in pages(cast, person, routes):
        text, is_page = text_of(response), response["Content-Type"].startswith("text/html")
        assert response["X-Content-Type-Options"] == "nosniff", address
        seen += 1
        leaks += [(address, name) for name, secret in secrets.items() if secret in text]
        if is_page:
            shown += SHOWN in text
            runs += [address for trace in (SCRIPT, "<img src=x", SUM) if trace in text]
    assert not leaks
    assert not runs
    assert not [name for name, secret in secrets.items() if secret in caplog.text]
    return seen, shown


def test_no_page_close_to_a_secret_shows_it_or_runs_a_name(cast: Cast, caplog: pytest.LogCaptureFixture):
    seen, shown = walk(cast, "alice", caplog, CLOSEST)
    assert seen == len(CLOSEST)
    assert shown > 3


@pytest.mark.parametrize("person", ["alice", "olga"])
def test_no_page_shows_a_secret_or_runs_a_name(cast: Cast, person: str, caplog: pytest.LogCaptureFixture):
    seen, shown = walk(cast, person, caplog)
    assert seen > 100
    assert shown > 10  # else the names were nowhere


def test_the_trail_of_edits_has_no_secret_in_it(cast: Cast):
    told = json.dumps(list(LogEntry.objects.values()), default=str)
    assert "credential" in told  # that it was changed
    assert not [name for name, secret in SECRETS.items() if secret in told]


def test_no_table_has_a_secret_as_it_is(cast: Cast):
    wanted = [f"%{secret}%" for secret in (*SECRETS.values(), cast.acme.key.secret)]
    tables = connection.introspection.table_names()
    assert len(tables) > 50
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE ANY(%s)', [wanted])
            assert cursor.fetchone() == (0,), table


FORMS = {
    "gateway/provider/connect/": "key",
    "tenants/ssoconnection/add/": "new_secret",
}


@pytest.mark.parametrize("refused", ["by key", "by session"])
def test_a_body_that_is_refused_is_not_repeated_with_its_secret(
    cast: Cast, refused: str, caplog: pytest.LogCaptureFixture
):
    client, home, headers = logged_in(cast.alice), f"/t/{cast.acme.tenant.slug}/api/v1/", {}
    if refused == "by key":
        key = management_keys.create(cast.acme.tenant, name="x", role=Role.OWNER, by=cast.alice, by_role=Role.OWNER)
        client, home, headers = Client(), "/api/v1/", {"authorization": f"Bearer {key.secret}"}
    for path, body in {
        "providers": {"name": "", "kind": "openai", "credential": "planted-secret"},
        "channels": {"name": "x", "kind": "webhook", "target": "nowhere", "secret": "planted-secret"},
        "single-sign-on": {"issuer": "nowhere", "client_secret": "planted-secret", "name": "x"},
        "keys": {"name": "x", "secret": "planted-secret"},
    }.items():
        send = client.patch if path == "single-sign-on" else client.post
        response = send(home + path, json.dumps(body), content_type="application/json", headers=headers)
        assert response.status_code == 400, (path, response.content)
        assert b"planted-secret" not in response.content
    assert "planted-secret" not in caplog.text


def test_a_form_that_is_refused_is_not_repeated_with_its_secret(cast: Cast):
    client, home = logged_in(cast.alice), f"/t/{cast.acme.tenant.slug}/"
    SsoConnection.objects.filter(tenant=cast.acme.tenant).delete()
    for page, field in FORMS.items():
        response = client.post(home + page, {field: "planted-secret", "name": ""})
        assert response.status_code == 200, page
        content = response.content.decode()
        assert re.search(rf'name="{field}"', content), page
        assert "planted-secret" not in content, page


def test_no_mail_runs_a_name_or_gains_a_header(cast: Cast):
    cast.acme.tenant.name = "Acme\r\nBcc: everybody@example.com " + HOSTILE
    invitations.invite(
        cast.acme.tenant, email="new@example.com", role=Role.VIEWER, invited_by=cast.alice, base_url="http://localhost/"
    )
    (sent,) = mail.outbox
    assert "\n" not in sent.subject
    assert sent.recipients() == ["new@example.com"]
    assert SUM not in sent.body
    assert sent.content_subtype == "plain"
