"""The reference of both APIs, as people get it: whole without scripts, with every operation, and with commands for where they are."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
import yaml
from django.test import Client

from tests.cast import Cast, cast, in_console

__all__ = ["cast"]
pytestmark = pytest.mark.django_db


def operations(document: Any) -> set[str]:
    return {operation["operationId"] for path in document["paths"].values() for operation in path.values()}


def whole(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(page))


@pytest.mark.parametrize("api", ["", "v1/"])
def test_every_operation_of_the_document_is_on_the_page_under_its_name(api: str):
    document = yaml.safe_load(Client().get(f"/api/{api}schema/").content)
    page = Client().get(f"/api/{api}docs/").content.decode()
    found = re.findall(r'<details class="tg-operation"\s+id="([^"]+)"', page)
    assert len(found) == len(set(found))
    assert set(found) == operations(document)
    anchors, names = re.findall(r'href="#([^"]+)"', page), re.findall(r'\sid="([^"]+)"', page)
    assert set(anchors) <= set(names)
    assert len(names) == len(set(names))


def test_a_command_can_be_copied_as_it_stands():
    page = unescape(Client().get("/api/v1/docs/", headers={"host": "localhost:8123"}).content.decode())
    assert (
        'curl -X POST "http://localhost:8123/api/v1/keys/$ID/revoke" \\\n  -H "authorization: Bearer $TOLLGATE_KEY"</code>'
        in page
    )
    assert "tollgate.invalid" not in page


def test_an_operation_says_who_may_and_what_it_takes():
    page = whole(Client().get("/api/v1/docs/").content.decode())
    budget = page[page.index('id="create_budgets"') : page.index('id="retrieve_budgets"')]
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", budget))
    assert "Make a budget" in said
    assert re.search(r"For owner ?admin · subject of a limited key: budgets", said), said
    assert "amount required decimal, as a text Requests, tokens or USD. 0 lets nothing through." in said
    assert "tier End-user tier" in said
    assert "201 Budget" in said
    chat = whole(Client().get("/api/docs/").content.decode())
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", chat[chat.index('id="create_chat_completion"') :]))
    assert "Takes a key with the scope chat" in said
    assert "messages[].role required text" in said
    assert "429 A limit is reached; see Retry-After. The body is in OpenAI's error format." in said


def test_nothing_of_how_it_is_made_is_told_to_readers():
    document = Client().get("/api/v1/schema/").content.decode()
    for text in ("Rows of one kind", "Subclasses", "What may be read, made, changed and deleted"):
        assert text not in document


def test_in_a_console_it_stands_in_its_frame_and_calls_with_a_key_all_the_same(cast: Cast):
    home = f"/t/{cast.acme.tenant.slug}/"
    page = in_console(cast.vera, cast.acme.tenant).get(f"{home}api/v1/docs/").content.decode()
    assert f'href="{home}api/v1/schema/?format=json"' in page
    assert f'href="{home}gateway/requestlog/"' in page
    assert 'curl "http://testserver/api/v1/budgets"' in unescape(page)


def test_the_document_is_given_as_json():
    response = Client().get("/api/v1/schema/?format=json")
    assert (
        response.headers["content-type"].startswith("application/vnd.oai.openapi+json")
        or "json" in response.headers["content-type"]
    )
    assert response.json()["info"]["title"] == "Tollgate: management API"
