"""From a chart to the requests behind it."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest
from django.utils import timezone

from dashboards import planning, reading, rolling
from dashboards.planning import Unanswerable
from tests.cast import Cast, ConsoleClient, in_console
from tests.dashboards import records
from tests.dashboards.records import Record

pytestmark = pytest.mark.django_db


def listed(client: ConsoleClient, query: object = None, address: str = "dashboards/requests/") -> list[str]:
    response = client.get(client.home + address, query)
    assert response.status_code == 200
    return [row.link.rsplit("/", 3)[-3] for row in response.context["listing"].rows]


def ids(found: list[Record]) -> set[str]:
    return {str(item.id) for item in found}


def test_a_charts_link_leads_to_exactly_its_requests(ada: ConsoleClient, history: list[Record]):
    page = ada.get(f"{ada.home}dashboards/errors/", {"task": "sum"})
    kinds = next(item for item in page.context["panels"] if item.panel.key == "kind")
    assert kinds.lines
    for line, made in zip(kinds.panel.lines, kinds.lines, strict=True):
        wanted = [
            item for item in history if item.is_final and item.task == "sum" and item.error == line.filters["error"]
        ]
        assert set(listed(ada, address=made.href.removeprefix(ada.home))) == ids(wanted), line.name


def test_the_slow_ones_alone_are_those_above_the_percentile(ada: ConsoleClient, history: list[Record]):
    slow = [item for item in history if item.is_final and item.latency_ms > 5000]
    assert 0 < len(slow) < 50
    assert set(listed(ada, {"slower": "5000"})) == ids(slow)
    response = ada.get(f"{ada.home}dashboards/requests/", {"slower": "5000"})
    assert "Slower than 5.00 s" in response.content.decode()


def test_older_requests_follow_until_there_are_none(ada: ConsoleClient, history: list[Record]):
    address, found = "dashboards/requests/", []
    while address:
        response = ada.get(ada.home + address)
        found += [row.link.rsplit("/", 3)[-3] for row in response.context["listing"].rows]
        address = response.context["listing"].older and "dashboards/requests/" + response.context["listing"].older
    assert len(found) == len(set(found))
    assert set(found) >= ids([item for item in history if item.is_final])


def test_the_search_finds_an_end_user_and_an_id(ada: ConsoleClient, history: list[Record]):
    wanted = [item for item in history if item.is_final and item.end_user == "bob"]
    assert set(listed(ada, {"q": "bob"})) == ids(wanted)
    one = history[0]
    assert str(one.id) in listed(ada, {"q": f"req_{one.request_id.hex}"})
    assert listed(ada, {"q": "no such thing"}) == []


def test_a_search_stays_when_the_range_is_changed(ada: ConsoleClient, history: list[Record]):
    bar = ada.get(f"{ada.home}dashboards/requests/", {"q": "bob", "task": "sum"}).context["toolbar"]
    week = next(link.href for link in bar.presets if link.key == "7d")
    assert parse_qs(week[1:]) == {"range": ["7d"], "task": ["sum"], "q": ["bob"]}
    assert ("q", "bob") not in bar.kept_search


def test_a_request_opens_in_the_request_log(ada: ConsoleClient, history: list[Record]):
    response = ada.get(f"{ada.home}dashboards/requests/")
    assert ada.get(response.context["listing"].rows[0].link).status_code == 200


@pytest.mark.parametrize("before", ["x", "2026_x", "9999-12-31T23:59:59_0", "0001-01-01T00:00:00+14:00_" + "0" * 32])
def test_an_address_that_was_tampered_with_shows_the_newest(ada: ConsoleClient, history: list[Record], before: str):
    assert ada.get(f"{ada.home}dashboards/requests/", {"before": before, "q": "a\0b"}).status_code == 200


def test_nothing_of_another_tenant_is_to_be_found(cast: Cast, ada: ConsoleClient, history: list[Record]):
    now = timezone.now()
    theirs = records.record(cast.globex.tenant.pk, now, end_user="bob", task="sum")
    records.put([theirs])
    rolling.roll_up(now)
    assert str(theirs.id) not in listed(ada)
    assert str(theirs.id) not in listed(ada, {"q": "bob"})
    assert listed(ada, {"q": f"req_{theirs.request_id.hex}"}) == []
    assert listed(ada, {"tenant": str(cast.globex.tenant.pk), "key": str(theirs.api_key_id)}) == []
    charlie = in_console(cast.charlie, cast.globex.tenant)
    assert str(theirs.id) in listed(charlie)
    assert charlie.get(f"{ada.home}dashboards/latency/").status_code == 404
    assert charlie.get(f"{ada.home}dashboards/cost/cost.csv").status_code == 404


def test_what_takes_too_long_is_given_up_with_a_word_of_advice(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "RAW_TIMEOUT_MS", 20)
    now = timezone.now()
    plan = planning.Plan(None, (), ((now, now),))
    with pytest.raises(Unanswerable, match="took too long"):
        reading.run("SELECT pg_sleep(5)", {}, plan)
