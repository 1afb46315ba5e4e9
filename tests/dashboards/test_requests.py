"""Looking through the request log, newest first."""

from __future__ import annotations

import datetime as dt
import random
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from dashboards import ranges, requests, rolling, scopes
from dashboards.filters import Filters
from dashboards.reading import View
from tenants.models import Tenant
from tests.dashboards import records
from tests.dashboards.records import Record
from tests.dashboards.test_equals_the_log import matches

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 10, 30, 14, 37, tzinfo=dt.UTC)
ZONE = ZoneInfo("Europe/Vienna")


@pytest.fixture
def everything(tenant: Tenant) -> list[Record]:
    rng = random.Random("requests")
    other = Tenant.objects.create(name="Globex", slug=f"globex-{uuid4().hex[:8]}")
    made = [
        item
        for number in range(200)
        for item in records.at_random(
            other.id if number % 5 == 0 else tenant.id, rng, NOW - dt.timedelta(minutes=rng.randrange(25 * 1440))
        )
    ]
    records.put(made)
    rolling.roll_up(NOW)
    return [item for item in made if item.tenant_id == tenant.id]


def view_of(tenant: Tenant, preset: str = "30d", **filters: tuple[str, ...]) -> View:
    return View(scopes.of_tenant(tenant), ranges.preset(preset, NOW, ZONE), Filters(**filters))


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"task": ("sum",)},
        {"model": ("m2",), "stream": ("true",)},
        {"key": (str(records.KEYS[1]),)},
        {"end_user": ("ada",)},
        {"tag": ("a", "b"), "task": ("sort",)},
        {"status": ("5xx", "429")},
        {"error": ("budget", "provider")},
        {"feature": ("inbox",), "cache": ("hit",)},
        {"task": ("no such task",)},
    ],
    ids=lambda filters: "+".join(filters) or "all",
)
def test_pages_bring_each_matching_row_once_newest_first(tenant, everything, filters):
    expected = sorted(
        (item for item in everything if matches(item, filters)),
        key=lambda item: (item.accepted_at, item.id),
        reverse=True,
    )
    found: list[UUID] = []
    before = None
    for _ in range(100):
        page = requests.page(view_of(tenant, **filters), before=before, limit=7)
        assert len(page.rows) <= 7
        found += [row.id for row in page.rows]
        before = page.after
        if before is None:
            break
    assert found == [item.id for item in expected]


def test_leaves_out_attempts_that_failed_before_if_asked_to(tenant, everything):
    page = requests.page(view_of(tenant), limit=1000, is_final_only=True)
    assert {row.id for row in page.rows} == {item.id for item in everything if item.is_final}


@pytest.mark.parametrize("text", ["ada", "inbox", "upstream_overloaded"])
def test_text_finds_an_end_user_a_feature_or_an_error(tenant, everything, text):
    page = requests.page(view_of(tenant), text=text, limit=1000)
    assert {row.id for row in page.rows} == {
        item.id
        for item in everything
        if text in (item.end_user, item.feature) or (item.outcome != "ok" and item.error_type == text)
    }
    assert page.rows


def test_a_search_that_takes_too_long_says_how_far_it_has_come_and_goes_on_from_there(
    tenant, everything, settings, monkeypatch
):
    monkeypatch.setattr(requests, "SECONDS", 0.0)
    page = requests.page(view_of(tenant), text="ada")
    assert (page.rows, page.is_cut) == ((), True)
    assert page.after is not None
    monkeypatch.setattr(requests, "SECONDS", 60.0)
    rest = requests.page(view_of(tenant), text="ada", before=page.after, limit=1000)
    assert {row.id for row in rest.rows} == {item.id for item in everything if item.end_user == "ada"}


def test_finds_all_attempts_of_a_request_of_ones_own_tenant_only(tenant, everything):
    several = next(item for item in everything if item.attempt == 2)
    found = requests.find(view_of(tenant), several.request_id)
    assert [row.id for row in found] == [item.id for item in everything if item.request_id == several.request_id]
    assert found[-1].is_final
    charlies = Tenant.objects.create(name="Charlie's", slug=uuid4().hex)
    assert requests.find(view_of(charlies), several.request_id) == ()
    assert requests.page(view_of(charlies)).rows == ()
