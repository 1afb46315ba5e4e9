"""An address says everything that a page shows, so that a link shows another person the same."""

from __future__ import annotations

import datetime as dt
import re
from urllib.parse import parse_qs
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict

from dashboards.pages import asked
from dashboards.pages.asked import Asked
from dashboards.scopes import Scope
from tests.cast import Cast, ConsoleClient, in_console
from tests.dashboards.records import Record

NOW = dt.datetime(2026, 10, 30, 14, 37, tzinfo=dt.UTC)
ZONE = ZoneInfo("Europe/Vienna")
SCOPE = Scope((uuid4(),), False, ZONE.key, None, NOW - dt.timedelta(days=400))
KEY = "7d3b41ce-2f0a-4f63-9c55-1a8e0d2b6f94"  # in a test's name, which workers have to agree on


def understood(query: str) -> Asked:
    return asked.understood(QueryDict(query), SCOPE, ZONE, NOW)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "range=7d&compare=1&live=1",
        "from=2026-10-01T10%3A00Z&to=2026-10-02T10%3A30Z&by=task",
        f"task=sum&task=%28none%29&status=5xx&status=429&key={KEY}&slower=5000",
        "end_user=a%26b%3Dc&tag=%C3%A9&q=x+y",
    ],
)
def test_what_is_asked_is_spelled_the_same_again(query: str):
    found = understood(query)
    assert parse_qs(found.query().removeprefix("?")) == parse_qs(query)
    assert understood(found.query().removeprefix("?")) == found


def test_a_custom_range_is_of_moments_or_of_the_clock_in_the_tenants_zone():
    moments = understood("from=2026-10-01T10:00Z&to=2026-10-01T12:00Z").view.range
    clock = understood("from=2026-10-01T12:00&to=2026-10-01T14:00").view.range
    assert (moments.start, moments.end) == (clock.start, clock.end)
    assert moments.start == dt.datetime(2026, 10, 1, 10, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "query",
    [
        "from=2026-10-02T10:00Z&to=2026-10-01T10:00Z",
        "from=nonsense&to=2026-10-01T10:00Z",
        "from=2026-10-02T10:00Z",
        "from=0001-01-01T00:00Z&to=9999-12-31T00:00Z",
        "range=9y",
    ],
)
def test_a_range_that_is_none_is_said_and_the_usual_one_shown(query: str):
    found = understood(query)
    assert found.problem
    assert found.view.range.name == "24h"


def test_what_no_dimension_can_be_is_left_out():
    found = understood("key=no-uuid&status=20x&status=4&error=bad%27kind&stream=maybe&by=password&slower=-1&task=")
    assert found.view.filters.values == {}
    assert (found.by, found.slower_ms) == ("", None)
    assert len(understood("&".join(f"task=t{number}" for number in range(99))).view.filters.task) == 20


def test_a_change_leaves_the_rest_as_it_is():
    found = understood("range=7d&task=sum&model=m1&model=m2")
    assert parse_qs(found.query({"model": ["m2"]})[1:]) == {"range": ["7d"], "task": ["sum"], "model": ["m2"]}
    assert parse_qs(found.ranged("24h")[1:]) == {"task": ["sum"], "model": ["m1", "m2"]}


@pytest.mark.django_db
def test_filters_narrow_down_and_show_as_chips_that_can_be_taken_away(ada: ConsoleClient, history: list[Record]):
    page = f"{ada.home}dashboards/errors/"
    response = ada.get(page, {"task": ["sum", "(none)"], "status": "5xx"})
    wanted = [item for item in history if item.is_final and item.task in ("sum", "") and item.status >= 500]
    assert response.context["answers_requests"] == len(wanted) > 0
    chips = {link.label: link.href for link in response.context["toolbar"].chips}
    assert list(chips) == ["Task: sum", "Task: without a task", "Status: 5xx"]
    response = ada.get(page + chips["Status: 5xx"])
    assert response.context["answers_requests"] == len(
        [item for item in history if item.is_final and item.task in ("sum", "")]
    )


@pytest.mark.django_db
def test_filters_offer_what_occurred_in_ones_own_tenant(ada: ConsoleClient, cast: Cast, history: list[Record]):
    response = ada.get(f"{ada.home}dashboards/latency/")
    fields = {item.name: dict(item.choices) for item in response.context["toolbar"].fields}
    assert fields["task"] == {"(none)": "without a task", "sort": "sort", "sum": "sum"}
    assert fields["key"] == {str(cast.acme.key.api_key.pk): "Acme bot"}
    assert set(fields["tag"]) == {"a", "b", "c"}
    assert "globex" not in response.content.decode().lower()


@pytest.mark.django_db
def test_tabs_and_the_csv_keep_what_was_chosen(ada: ConsoleClient, history: list[Record]):
    response = ada.get(f"{ada.home}dashboards/latency/", {"range": "7d", "task": "sum"})
    content = response.content.decode()
    for address in ("dashboards/cost/", "dashboards/requests/", "dashboards/latency/latency.csv"):
        assert re.search(rf'href="{ada.home}{address}\?range=7d&amp;task=sum"', content), address


@pytest.mark.django_db
def test_questions_that_cannot_be_answered_say_what_to_ask_instead(ada: ConsoleClient, history: list[Record]):
    response = ada.get(f"{ada.home}dashboards/latency/", {"range": "90d", "end_user": "ada", "model": "m1"})
    assert response.status_code == 200
    assert "for at most 31 days" in response.content.decode()


@pytest.mark.django_db
def test_before_the_first_request_the_page_says_what_to_do(cast: Cast):
    alice = in_console(cast.alice, cast.acme.tenant)
    content = alice.get(f"{alice.home}dashboards/").content.decode()
    assert "No traffic yet" in content
    assert "/v1/chat/completions" in content
    cast.acme.key.api_key.delete()
    assert f'href="{alice.home}tenants/apikey/add/"' in alice.get(f"{alice.home}dashboards/").content.decode()
    vera = in_console(cast.vera, cast.acme.tenant)
    assert f'href="{alice.home}tenants/apikey/add/"' not in vera.get(f"{vera.home}dashboards/").content.decode()


@pytest.mark.django_db
def test_a_range_without_requests_says_so(ada: ConsoleClient, history: list[Record]):
    content = ada.get(f"{ada.home}dashboards/", {"task": "none-such"}).content.decode()
    assert "No requests in this range" in content
    assert "Remove the filters" in content
