"""What is counted of votes and judgements is what one counts by hand, by whatever it is asked by and within whatever time."""

from __future__ import annotations

import datetime as dt
import random
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from dashboards import quality, ranges, scopes
from dashboards.filters import Filters
from dashboards.planning import Unanswerable
from dashboards.ranges import Step
from dashboards.reading import View
from gateway.caching import evidence
from gateway.judging import counting
from gateway.quality.agreement import Confusion
from gateway.quality.figures import Counts
from tests.cast import Cast
from tests.dashboards import ratings
from tests.dashboards.ratings import Answer

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 31, 10, 7, tzinfo=dt.UTC)  # two days after clocks in Berlin went forward
BERLIN = ZoneInfo("Europe/Berlin")
KEYS = {
    "task": lambda answer: [answer.task],
    "model": lambda answer: [answer.model],
    "provider": lambda answer: [answer.provider],
    "tag": lambda answer: answer.tags or [""],
    "prompt": lambda answer: [max([tag for tag in answer.tags if tag.startswith("prompt:")], default="")],
}


@pytest.fixture
def made(cast: Cast) -> list[Answer]:
    rng = random.Random(11)
    found = [ratings.at_random(rng, NOW - dt.timedelta(minutes=rng.randrange(5 * 24 * 60))) for _ in range(400)]
    edges = [dt.datetime(2026, 3, 29, hour, tzinfo=BERLIN) for hour in (0, 1, 3)]
    found += [ratings.at_random(rng, edge) for edge in edges]
    ratings.put(cast.acme.tenant.pk, found)
    ratings.put(cast.globex.tenant.pk, [Answer(NOW - dt.timedelta(hours=1), "secret", votes=("up",), score=5)])
    return found


def view(cast: Cast, days: int = 7, **filters: tuple[str, ...]) -> View:
    span = ranges.custom(NOW - dt.timedelta(days=days), NOW + dt.timedelta(minutes=1), NOW, BERLIN, Step("day"))
    return View(scopes.of_tenant(cast.acme.tenant), span, Filters(**filters))


def whole(cast: Cast, **filters: tuple[str, ...]) -> quality.Standing:
    return quality.known(view(cast, **filters)).whole()


@pytest.mark.parametrize("dimension", KEYS)
def test_groups_are_what_one_counts(cast: Cast, made: list[Answer], dimension: str):
    found = quality.known(view(cast)).by(dimension)
    assert {name: standing.counts for name, standing in found.items()} == ratings.grouped(made, KEYS[dimension])


def test_filters_narrow_down(cast: Cast, made: list[Answer]):
    wanted = [answer for answer in made if answer.task == "sum" and {"beta", "prompt:v1"} & {*answer.tags}]
    found = whole(cast, task=("sum",), tag=("beta", "prompt:v1"))
    assert found.counts == ratings.counted(wanted)
    untagged = whole(cast, tag=("",))
    assert untagged.counts == ratings.counted(answer for answer in made if not answer.tags)


def test_steps_are_days_of_the_zone_also_where_one_has_23_hours(cast: Cast, made: list[Answer]):
    edges, found = quality.known(view(cast)).over_time()
    assert edges == view(cast).range.edges  # there is enough for each of them
    ends = [*edges[1:], NOW]
    for start, end, standing in zip(edges, ends, found, strict=True):
        assert standing.counts == ratings.counted(answer for answer in made if start <= answer.at < end)
    assert sum((one.counts for one in found), Counts()) == ratings.counted(made)


def test_steps_are_put_together_where_there_is_little_in_each():
    assert quality.together(96, 10_000) == 3
    assert quality.together(32, 10_000) == 1
    assert quality.together(30, 150) == 3
    assert quality.together(30, 0) == 5
    assert quality.together(4, 0) == 1


def test_weeks_are_thirteen_calendar_weeks_and_the_last_is_this_one(cast: Cast, made: list[Answer]):
    span, known = quality.last_weeks(view(cast, days=1))
    found = known.by_steps("task")
    assert len(span.edges) == 13
    assert [edge.astimezone(BERLIN).strftime("%a %H:%M") for edge in span.edges] == ["Mon 00:00"] * 13
    last = {name: steps[-1].counts for name, steps in found.items()}
    monday = span.edges[-1]
    wanted = {name: ratings.counted(a for a in made if a.at >= monday and a.task == name) for name in last}
    assert last == {name: counts._replace(both=Confusion()) for name, counts in wanted.items()}


def test_scores_of_a_models_own_answers_can_be_left_out(cast: Cast, made: list[Answer]):
    asked = counting.Asked([cast.acme.tenant.pk], NOW - dt.timedelta(days=7), NOW, with_self=False)
    others = [answer for answer in made if not answer.is_self]
    assert counting.counts(asked)[()].judged == ratings.counted(others).judged < ratings.counted(made).judged


def test_a_vote_that_waits_for_its_request_counts_nowhere(cast: Cast):
    ratings.put(cast.acme.tenant.pk, [Answer(NOW - dt.timedelta(hours=1), votes=("up",))])
    from gateway.models import Feedback

    Feedback.objects.filter(tenant=cast.acme.tenant).update(matched_at=None)
    assert whole(cast).counts == Counts()


def test_shares_have_wilsons_interval_and_of_nothing_there_is_none():
    standing = quality.standing(Counts(up=80, down=20))
    assert standing.thumbs is not None
    assert (standing.thumbs.low, standing.thumbs.high) == evidence.wilson(80, 100)
    assert (standing.judged, standing.corrected) == (None, None)


def test_what_votes_do_not_know_is_said(cast: Cast):
    with pytest.raises(Unanswerable, match="Remove the other filters"):
        whole(cast, feature=("chat",))
    assert quality.known(View(scopes.of_tenant(cast.acme.tenant), ranges.preset("24h", timezone.now(), BERLIN)))
