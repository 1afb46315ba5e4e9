"""The tab Quality shows what was counted, leads on, and says what it cannot show; Errors says when breakers were open."""

from __future__ import annotations

import datetime as dt
import html
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from dashboards import rolling
from gateway import judge_policies
from gateway.models import BreakerChange, JudgeBudget, Model, Provider
from gateway.quality import judge
from tests.cast import Cast, ConsoleClient
from tests.dashboards import ratings, records
from tests.dashboards.pages.conftest import HOUR, read_csv
from tests.dashboards.ratings import Answer
from tests.dashboards.records import Record

pytestmark = pytest.mark.django_db


def panels(response: Any) -> dict[str, Any]:
    assert response.status_code == 200
    return {item.panel.key: item for item in response.context["panels"]}


@pytest.fixture
def rated(cast: Cast, history: list[Record]) -> None:
    now = timezone.now() - HOUR
    made = [Answer(now, "help", tags=("prompt:v7",), votes=("up",), score=5)] * 30
    made += [Answer(now, "help", tags=("prompt:v7",), votes=("down",), score=5)] * 10
    made += [Answer(now, "help", tags=("prompt:v7",), score=5)] * 40
    made += [Answer(now, "help", tags=("prompt:v8",), votes=("down",), score=1)] * 10
    ratings.put(cast.acme.tenant.pk, made)
    records.put([records.record(cast.acme.tenant.pk, now, task="help")])
    rolling.roll_up(timezone.now())


def test_figures_stand_beside_their_intervals(ada: ConsoleClient, rated: None):
    response = ada.get(f"{ada.home}dashboards/quality/", {"task": "help"})
    tiles = {tile.label: (tile.value, tile.verdict) for tile in response.context["tiles"]}
    assert tiles["Thumbs up"] == ("60.0 %", "46.2 – 72.4 % · 50 votes")
    assert tiles["Good, by judges"] == ("88.9 %", "80.7 – 93.9 % · 90 scores")
    value, interval = tiles["Good, corrected by votes"]
    assert 60 < float(value.removesuffix(" %")) < 75
    assert interval.endswith("· 50 with both")
    assert tiles["Agreement (κ)"][0] == "0.55"
    shown = panels(response)
    table = shown["agreement"].panel
    assert [line.values for line in table.lines] == [(30, 10), (0, 10)]
    assert "Cohen's κ is 0.55" in table.text
    series = shown["quality"].data["series"]
    assert [item["label"] for item in series] == ["Thumbs up", "Good, by judges"]
    (place,) = [place for place, value in enumerate(series[0]["values"]) if value is not None]
    assert series[0]["values"][place] == pytest.approx(0.6)
    assert (series[0]["low"][place], series[0]["high"][place]) == (
        pytest.approx(0.462, abs=0.001),
        pytest.approx(0.724, abs=0.001),
    )


def test_prompt_versions_stand_side_by_side_and_lead_to_their_requests(ada: ConsoleClient, rated: None):
    response = ada.get(f"{ada.home}dashboards/quality/", {"task": "help", "by": "prompt"})
    shown = panels(response)
    lines = {line.name: line for line in shown["by"].panel.lines}
    assert {name: (line.values[0], line.values[4]) for name, line in lines.items()} == {"v7": (40, 80), "v8": (10, 10)}
    assert lines["v7"].filters == {"tag": "prompt:v7"}
    assert "prompts" not in shown
    assert [item["label"] for item in shown["weeks"].data["series"]] == ["v7", "v8"]
    assert shown["weeks"].data["isFixed"]
    content = html.unescape(response.content.decode())
    assert f'href="{ada.home}dashboards/requests/?task=help&tag=prompt%3Av7"' in content


def test_a_csv_has_the_intervals_as_well(ada: ConsoleClient, rated: None):
    head, *rows = read_csv(ada.get(f"{ada.home}dashboards/quality/quality.csv", {"task": "help"}).content)
    assert head == [
        "time", "Thumbs up (share)", "Thumbs up, from (share)", "Thumbs up, to (share)",
        "Good, by judges (share)", "Good, by judges, from (share)", "Good, by judges, to (share)",
    ]  # fmt: skip
    (row,) = [row for row in rows if row[1]]
    assert float(row[1]) == pytest.approx(0.6)
    assert float(row[2]) < 0.6 < float(row[3])


def test_what_votes_do_not_know_is_said_instead(ada: ConsoleClient, rated: None):
    response = ada.get(f"{ada.home}dashboards/quality/", {"status": "200"})
    assert "Votes and scores are kept by task, model, provider and tag." in response.content.decode()
    assert response.context["tiles"] == []


def test_another_tenants_votes_are_nowhere(ada: ConsoleClient, rated: None):
    assert "globex" not in ada.get(f"{ada.home}dashboards/quality/", {"by": "model"}).content.decode().lower()


def test_errors_say_when_breakers_were_open_of_models_that_one_may_see(
    ada: ConsoleClient, cast: Cast, history: list[Record]
):
    now = timezone.now()
    other = Provider.objects.create(tenant=cast.globex.tenant, name="theirs", kind="openai", credential="x")
    Model.objects.create(tenant=cast.globex.tenant, provider=other, name="theirs", capabilities=["chat"])
    BreakerChange.objects.create(entry="x", provider_id=other.pk, upstream_id="theirs", state="open", at=now - HOUR)
    shown = panels(ada.get(f"{ada.home}dashboards/errors/"))
    (line,) = shown["openings"].panel.lines
    assert line.name.startswith(f"{cast.model.name} · {cast.provider.name} · ")
    assert line.values[1] == 1
    assert line.values[0] == pytest.approx(20 * 60_000)
    (series,) = shown["breakers"].data["series"]
    assert sum(series["values"]) == pytest.approx(dt.timedelta(minutes=20) / dt.timedelta(milliseconds=1))


def test_scores_stand_by_the_length_of_answers_beside_what_people_say(ada: ConsoleClient, cast: Cast, rated: None):
    now = timezone.now() - HOUR
    short = [Answer(now, "help", votes=("up",), score=3, characters=100)] * 20
    long = [Answer(now, "help", votes=("down",), score=5, characters=5000)] * 20
    ratings.put(cast.acme.tenant.pk, [*short, *long])
    table = panels(ada.get(f"{ada.home}dashboards/quality/", {"task": "help"}))["lengths"].panel
    lines = {line.name: line.values for line in table.lines}
    assert list(lines) == ["under 250", "4,000 and more"]
    count, mean, low, high, good, both, above, above_low, above_high = lines["4,000 and more"]
    assert (count, mean, low, high, good, both, above) == (20, 5, 5, 5, 1, 20, 1)
    assert 0.6 < above_low < above_high <= 1
    assert lines["under 250"][0] == 90 + 20
    assert table.text.startswith("With each doubling of an answer's length, scores change by +")
    assert "That may be chance." not in table.text
    response = ada.get(f"{ada.home}dashboards/quality/lengths.csv", {"task": "help"})
    head, *rows = read_csv(response.content)
    assert head[:3] == ["Characters", "Scores (count)", "Mean score (score)"]
    assert [row[:3] for row in rows][1] == ["4,000 and more", "20", "5.0"]


def test_what_judging_costs_stands_beside_its_budget(ada: ConsoleClient, cast: Cast, history: list[Record]):
    tenant = cast.acme.tenant
    before = panels(ada.get(f"{ada.home}dashboards/quality/"))["judges-cost"].panel
    assert [line.values for line in before.lines] == [(0, 1, 0), (0, 20, 0), (0, None, None)]
    judge_policies.save(JudgeBudget(tenant=tenant, usd_per_day=Decimal(2), usd_per_month=Decimal(20)))
    now = timezone.now()
    asked = records.record(tenant.pk, now, tags=(judge.TAG,), feature=judge.FEATURE, cost_usd=Decimal("2.5"))
    records.put([asked, records.record(tenant.pk, now, cost_usd=Decimal(100))])
    rolling.roll_up(now + HOUR)
    table = panels(ada.get(f"{ada.home}dashboards/quality/", {"task": "sum"}))["judges-cost"].panel
    assert [(line.name, line.values, line.note) for line in table.lines] == [
        ("Today", (Decimal("2.5"), Decimal(2), 1.25), "spent"),
        ("This month", (Decimal("2.5"), Decimal(20), 0.125), ""),
        ("In the range above", (Decimal("2.5"), None, None), ""),
    ]
