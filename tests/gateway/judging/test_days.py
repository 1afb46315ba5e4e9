"""Days of votes and judgements are added up, and what is asked of them is what one counts by hand: whatever has changed since, came late,
or waits to be added up, over a change of clocks and of the tenant's zone.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import pytest

from billing import windows
from gateway.judging import counting, days, ratings
from gateway.judging.counting import Asked
from gateway.models import Feedback, Judgement, RatingChange, RatingDay
from gateway.quality.figures import Counts
from tenants.models import Tenant
from tests.cast import Cast
from tests.dashboards import ratings as made
from tests.dashboards.ratings import Answer

pytestmark = pytest.mark.django_db
# Clocks go back on 1 November at midnight in Havana, which so has it twice, and on 25 October in Vienna.
ZONES = ("Europe/Vienna", "America/Havana")
UNTIL = dt.datetime(2026, 11, 4, 15, 20, tzinfo=dt.UTC)
LENGTH = dt.timedelta(days=16)


@pytest.fixture
def tenant(cast: Cast) -> Tenant:
    Feedback.objects.all().delete()
    Judgement.objects.all().delete()
    RatingChange.objects.all().delete()
    RatingDay.objects.all().delete()
    return cast.acme.tenant


def history(rng: random.Random, zone: ZoneInfo, count: int = 200) -> list[Answer]:
    """Many of them right at midnight."""
    found = []
    for _ in range(count):
        at = UNTIL - LENGTH * rng.random()
        if rng.random() < 0.5:
            midnight = windows.midnight(at.astimezone(zone).date(), zone) + rng.choice([-1, 0, 1, 3600, -3600])
            at = dt.datetime.fromtimestamp(midnight, dt.UTC)
        found.append(made.at_random(rng, at))
    return found


def asked(tenant: Tenant, since: dt.datetime, until: dt.datetime, zone: ZoneInfo) -> Asked:
    return Asked([tenant.pk], since, until, zone=zone)


def edges_of(since: dt.datetime, until: dt.datetime, zone: ZoneInfo) -> list[dt.datetime]:
    """Where days begin."""
    found, day = [since], since.astimezone(zone).date()
    while (at := days.midnight(day := day + dt.timedelta(days=1), zone)) < until:
        found.append(at)
    return found


def check(tenant: Tenant, answers: Iterable[Answer], since: dt.datetime, until: dt.datetime, zone: ZoneInfo) -> None:
    edges = edges_of(since, until, zone)
    found = counting.cells(asked(tenant, since, until, zone), edges)
    got: dict[tuple[str, str, str, frozenset[str], int], Counts] = {}
    for labels, steps in found.items():
        for step, counts in steps.items():
            key = (labels.task, labels.model, labels.provider, frozenset(labels.tags), step)
            got[key] = got.get(key, Counts()) + counts
    wanted: dict[tuple[str, str, str, frozenset[str], int], list[Answer]] = {}
    for answer in answers:
        if since <= answer.at < until and (answer.votes or answer.score is not None):
            step = sum(edge <= answer.at for edge in edges) - 1
            key = (answer.task, answer.model, answer.provider, frozenset(answer.tags), step)
            wanted.setdefault(key, []).append(answer)
    assert got == {key: made.counted(group) for key, group in wanted.items()}


@pytest.mark.parametrize("name", ZONES)
def test_days_and_what_is_around_them_are_what_one_counts(tenant: Tenant, name: str):
    rng, zone = random.Random(f"days {name}"), ZoneInfo(name)
    Tenant.objects.filter(pk=tenant.pk).update(timezone=name)
    answers = history(rng, zone)
    made.put(tenant.pk, answers[:150])
    assert days.add_up() > 0
    assert days.add_up() == 0
    assert {row.zone for row in RatingDay.objects.filter(tenant=tenant)} == {name, "UTC"}
    made.put(tenant.pk, answers[150:])  # these wait
    for at_zone in {zone, ZoneInfo("UTC"), ZoneInfo("Asia/Tokyo")}:
        for _ in range(4):
            since = UNTIL - LENGTH * rng.uniform(0.3, 1)
            check(tenant, answers, since, UNTIL, at_zone)
        first = days.midnight((UNTIL - dt.timedelta(days=9)).date(), at_zone)
        check(tenant, answers, first, days.midnight(UNTIL.date(), at_zone), at_zone)


def test_a_day_is_read_from_its_sums(tenant: Tenant):
    at = UNTIL - dt.timedelta(days=3)
    made.put(tenant.pk, [Answer(at, votes=("up",), score=5)])
    days.add_up()
    RatingDay.objects.filter(tenant=tenant, band=ratings.ALL_LENGTHS, zone="UTC").update(up=7)
    since, until = days.midnight(at.date(), ZoneInfo("UTC")), days.midnight(UNTIL.date(), ZoneInfo("UTC"))
    (steps,) = counting.cells(asked(tenant, since, until, ZoneInfo("UTC")), [since]).values()
    assert steps[0].up == 7
    hour = since + dt.timedelta(hours=1)
    (steps,) = counting.cells(asked(tenant, since, until, ZoneInfo("UTC")), [since, hour]).values()
    assert sum(step.up for step in steps.values()) == 1  # hours are counted row by row


def test_what_changes_is_counted_at_once_and_added_up_again(tenant: Tenant):
    zone = ZoneInfo(tenant.timezone)
    old = [Answer(UNTIL - dt.timedelta(days=day), votes=("up",), score=5) for day in range(1, 10)]
    made.put(tenant.pk, old)
    days.add_up()
    since, until = UNTIL - LENGTH, UNTIL

    def counted() -> Counts:
        found = counting.cells(asked(tenant, since, until, zone), edges_of(since, until, zone))
        return sum((counts for steps in found.values() for counts in steps.values()), Counts())

    def is_the_same_added_up(wanted: tuple[int, ...]) -> bool:
        before = counted()
        assert days.add_up() > 0
        return before == counted() and (before.up, before.down, before.good, before.judged, *before.both) == wanted

    assert (counted().up, counted().judged) == (9, 9)
    Feedback.objects.filter(tenant=tenant, asked_at=old[3].at).update(rating="down")
    assert is_the_same_added_up((8, 1, 9, 9, 8, 1, 0, 0))
    Judgement.objects.filter(tenant=tenant, answered_at=old[5].at).update(score=2, is_good=False)
    assert is_the_same_added_up((8, 1, 8, 9, 7, 1, 1, 0))
    Feedback.objects.filter(tenant=tenant, asked_at=old[0].at).delete()
    assert is_the_same_added_up((7, 1, 8, 9, 6, 1, 1, 0))
    Feedback.objects.filter(tenant=tenant, asked_at=old[1].at).update(matched_at=None)
    assert is_the_same_added_up((6, 1, 8, 9, 5, 1, 1, 0))
    Judgement.objects.filter(tenant=tenant, answered_at__lt=UNTIL - dt.timedelta(days=7)).delete()
    assert is_the_same_added_up((6, 1, 6, 7, 3, 1, 1, 0))


def test_a_zone_that_is_changed_has_its_days_made_anew(tenant: Tenant):
    rng = random.Random(5)
    answers = history(rng, ZoneInfo("Asia/Tokyo"), 120)
    made.put(tenant.pk, answers)
    days.add_up()
    tenant.timezone = "Asia/Tokyo"
    tenant.save()
    tokyo = ZoneInfo("Asia/Tokyo")
    check(tenant, answers, UNTIL - LENGTH, UNTIL, tokyo)
    assert days.add_up() > 0
    check(tenant, answers, UNTIL - LENGTH, UNTIL, tokyo)
    check(tenant, answers, UNTIL - LENGTH, UNTIL, ZoneInfo("Europe/Vienna"))  # somebody's page of a moment ago
    assert {row.zone for row in RatingDay.objects.filter(tenant=tenant)} == {"Asia/Tokyo", "UTC"}
    assert not RatingChange.objects.filter(tenant=tenant).exists()


def test_answers_of_a_length_are_together(tenant: Tenant):
    zone = ZoneInfo(tenant.timezone)
    long = [Answer(UNTIL - dt.timedelta(days=day), votes=("down",), score=5, characters=3000) for day in range(4)]
    short = [Answer(UNTIL - dt.timedelta(days=day, hours=1), votes=("up",), score=3, characters=40) for day in range(5)]
    made.put(tenant.pk, [*long, *short, Answer(UNTIL - dt.timedelta(days=1), votes=("up",))])
    for _time in range(2):
        found = counting.by_length(asked(tenant, UNTIL - LENGTH, UNTIL + dt.timedelta(hours=1), zone))
        assert {band: (one.judged, one.points, one.squares, *one.counts.both) for band, one in found.items()} == {
            4: (4, 20, 100, 0, 4, 0, 0),
            0: (5, 15, 45, 0, 0, 5, 0),
        }
        days.add_up()
