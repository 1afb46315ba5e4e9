"""What is watched besides errors: slow answers, caches, spending, quality."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from uuid import uuid4

import pytest

from billing import alert_settings
from billing.alert_settings import Values
from billing.models import Alert
from gateway.models import Feedback
from tenants.models import Tenant
from tests.dashboards import ratings, records
from tests.dashboards.alarms.made import MINUTE, NOW, alerts, look, rolled, steps
from tests.dashboards.ratings import Answer

pytestmark = pytest.mark.django_db


def test_slow_answers_are_judged_by_the_tenants_target_and_by_a_tasks_own(acme: Tenant):
    alert_settings.change(acme, Values(p95_target_ms=5000, task_p95_ms={"sort": 1000, "sum": 60_000}))
    slow = {"latency_ms": 20_000.0}
    for task, bad_is in (("", {}), ("sort", {"latency_ms": 1500.0}), ("sum", slow)):
        steps(acme, 3, good=50, bad=10, bad_is=bad_is, task=task, latency_ms=100.0)
    rolled()
    assert look(acme) == 1
    assert alerts(acme) == [("latency", "sort", "warning", False)]
    alert = Alert.objects.get(tenant=acme)
    assert alert.name == "Slow answers of task sort: p95 is 1.5 s"
    assert "the target is 1 s. 30 of 180 took longer than that." in alert.text
    assert "&task=sort" in alert.view
    later = NOW + 15 * MINUTE
    steps(acme, 3, good=50, bad=10, bad_is=slow, now=later, latency_ms=100.0)
    steps(acme, 3, good=60, now=later, task="sort", latency_ms=100.0)
    rolled(later)
    assert look(acme, later) == 2
    assert alerts(acme) == [("latency", "sort", "warning", True), ("latency", "", "critical", False)]
    alert_settings.change(acme, Values(off_kinds=("latency",)))
    assert look(acme, later) == 1
    assert Alert.objects.filter(tenant=acme, resolved_at=None).count() == 0


def test_a_cache_that_hardly_answers_is_told_of_after_six_hours(acme: Tenant):
    def hour(ago: int, hits: int, now: dt.datetime) -> None:
        start = now.replace(minute=0, second=0) - dt.timedelta(hours=ago)
        records.put(
            records.record(acme.pk, start + dt.timedelta(seconds=at), cache="hit" if at < hits else "miss")
            for at in range(120)
        )

    for ago in range(1, 6):
        hour(ago, 2, NOW)
    hour(6, 30, NOW)
    rolled()
    assert look(acme, is_slow=True) == 0
    later = NOW + dt.timedelta(hours=1)
    hour(1, 2, later)
    rolled(later)
    assert look(acme, later) == 0  # not every minute
    assert look(acme, later, is_slow=True) == 1
    alert = Alert.objects.get(tenant=acme)
    assert (alert.kind, alert.severity, alert.name) == ("hit_rate", "warning", "Cache hit rate: 1.7 %")
    assert "Of 720 requests that a cache was asked about on 23 November from 13:00 to 19:00" in alert.text


@pytest.fixture
def spending(acme: Tenant) -> Tenant:
    """Four weeks in which an hour cost ten dollars, more or less."""
    rng = random.Random(3)
    end = NOW.replace(minute=0, second=0)
    records.put(
        records.record(
            acme.pk, end - dt.timedelta(hours=ago, minutes=-7), cost_usd=Decimal(rng.randint(900, 1100)) / 100
        )
        for ago in range(1, 29 * 24)
    )
    return acme


def test_spending_is_compared_with_the_same_hours_of_earlier_weeks(spending: Tenant):
    rolled()
    assert look(spending, is_slow=True) == 0
    end = NOW.replace(minute=0, second=0)
    records.put(
        records.record(spending.pk, end - dt.timedelta(hours=ago, minutes=-9), cost_usd=Decimal(30)) for ago in (1, 2)
    )
    assert look(spending, is_slow=True) == 0  # they wait to be added up
    rolled()
    assert [look(spending, is_slow=True), look(spending, is_slow=True)] == [1, 0]
    alert = Alert.objects.get(tenant=spending)
    assert alert.kind == "spend"
    assert float(alert.data["spent_usd"]) == pytest.approx(40, abs=1.1)
    assert float(alert.data["usual_usd"]) == pytest.approx(10, abs=0.5)
    assert float(alert.data["limit_usd"]) == pytest.approx(20, abs=1)
    assert "on 23 November from 17:00 to 18:00 (Europe/Vienna)" in alert.text
    assert look(spending, NOW + dt.timedelta(hours=1), is_slow=True) == 0
    assert look(spending, NOW + dt.timedelta(hours=2), is_slow=True) == 1
    assert alerts(spending) == [("spend", "", "warning", True)]


def test_of_a_new_tenant_nothing_is_usual(acme: Tenant):
    end = NOW.replace(minute=0, second=0)
    records.put(
        records.record(acme.pk, end - dt.timedelta(hours=ago, minutes=-9), cost_usd=Decimal(500)) for ago in (1, 2, 200)
    )
    rolled()
    assert look(acme, is_slow=True) == 0


def vote(tenant: Tenant, day: int, up: int, down: int, task: str = "sum") -> None:
    """Of answers that are so many days old; `day` 1 is yesterday."""
    at = NOW - dt.timedelta(days=day)
    Feedback.objects.bulk_create(
        Feedback(
            tenant=tenant, request_id=uuid4(), voter="reader", source="token", rating="up" if place < up else "down",
            created_at=at, changed_at=at, asked_at=at, matched_at=at, task=task,
        )
        for place in range(up + down)
    )  # fmt: skip


def test_a_drop_of_quality_that_lasts_is_told_of_once_and_judged_by_what_was_usual_before(acme: Tenant):
    for day in range(1, 70):
        vote(acme, day, up=9, down=1)
        vote(acme, day, up=6, down=1, task="sort")
    assert look(acme, is_slow=True) == 0
    Feedback.objects.filter(task="sum", asked_at__gte=NOW - dt.timedelta(days=15)).delete()
    for day in range(1, 15):
        vote(acme, day, up=8, down=2) if day > 7 else vote(acme, day, up=7, down=3)
    assert look(acme, is_slow=True) == 0  # the week before the last is not bad enough
    for day in range(8, 15):
        vote(acme, day, up=1, down=4)
    assert [look(acme, is_slow=True), look(acme, is_slow=True)] == [1, 0]
    assert alerts(acme) == [("quality", "sum", "critical", False)]
    alert = Alert.objects.get(tenant=acme)
    assert alert.name == "Quality of task sum fell to 64 %"
    assert alert.text == (
        "64 % of the 175 votes on answers of task sum in the two weeks up to 22 November are thumbs up. In the weeks before, 90 % were."
    )
    assert alert.view == "gateway/feedback/?task=sum"
    # Half a year later the bad weeks would be the usual; it is still open, and then is taken as usual.
    Feedback.objects.filter(asked_at__lt=NOW - dt.timedelta(days=15)).delete()
    assert look(acme, is_slow=True) == 0
    assert look(acme, NOW + dt.timedelta(weeks=12), is_slow=True) == 1
    assert "is taken as usual from now on" in Alert.objects.get(tenant=acme).text


def test_a_drop_in_judges_eyes_is_told_of_beside_votes_that_stay(acme: Tenant):
    answers = []
    for day in range(1, 70):
        good = 5 if day < 15 else 9
        scores = [5] * good + [2] * (10 - good)
        answers += [Answer(NOW - dt.timedelta(days=day), score=score, votes=("up",)) for score in scores]
    ratings.put(acme.pk, answers)
    assert [look(acme, is_slow=True), look(acme, is_slow=True)] == [1, 0]
    alert = Alert.objects.get(tenant=acme)
    assert (alert.kind, alert.source, alert.subject) == ("quality", "judge", "sum")
    assert alert.name == "Judges find fewer good: answers of task sum, 50 %"
    assert alert.text == (
        "50 % of the 140 answers of task sum that were judged in the two weeks up to 22 November are good. In the weeks before, 90 % were."
    )
    assert alert.view == "dashboards/quality/?range=90d&task=sum"
