"""Episodes of traffic: they begin once, get worse once, end once, whoever looks and whatever dies in between."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from django_redis import get_redis_connection

from billing import alert_settings
from billing.alert_settings import Values
from billing.models import Alert, AlertDelivery
from dashboards.alarms import evidence, fleet, watching
from dashboards.alarms.fleet import Standing
from gateway.models import Feedback, Model
from gateway.resilience.breakers import Breakers, Policy
from gateway.stores.redis import RedisStore
from gateway.types import Model as Called
from gateway.types import Provider, Secret
from tenants import redis_keys
from tenants.models import Tenant
from tests.billing.alert_ledger import channel
from tests.cast import Cast
from tests.dashboards import ratings, records
from tests.dashboards.alarms.made import MINUTE, NOW, look, rolled, step, steps
from tests.dashboards.ratings import Answer

pytestmark = pytest.mark.django_db


def alerts(tenant: Tenant) -> list[tuple[str, str, str, bool]]:
    """(kind, subject, severity, whether it is over)"""
    rows = Alert.objects.filter(tenant=tenant).order_by("crossed_at", "kind", "subject")
    return [(row.kind, row.subject, row.severity, row.resolved_at is not None) for row in rows]


def notices() -> list[str]:
    return list(AlertDelivery.objects.order_by("id").values_list("notice", flat=True))


def test_errors_begin_get_worse_and_end_and_each_is_told_once(acme: Tenant):
    channel(acme)
    steps(acme, 6, good=59, bad=1)
    rolled()
    assert look(acme) == 0
    later = NOW + 15 * MINUTE
    steps(acme, 3, good=50, bad=10, now=later)
    rolled(later)
    assert [look(acme, later), look(acme, later), look(acme, later + MINUTE)] == [1, 0, 0]
    assert alerts(acme) == [("errors", "", "warning", False)]
    alert = Alert.objects.get(tenant=acme)
    assert alert.name == "Errors: 16.7 % of requests"
    assert alert.text == (
        "30 of 180 requests (16.7 %) ended with an error on 23 November from 18:30 to 18:45 (Europe/Vienna); the limit is 5 %."
    )
    assert alert.view == "dashboards/errors/?from=2026-11-23T16%3A30Z&to=2026-11-23T18%3A45Z"
    assert (alert.data["bad"], alert.data["of"], alert.data["limit"]) == (30, 180, 0.05)
    worst = later + 15 * MINUTE
    steps(acme, 3, good=10, bad=50, now=worst)
    rolled(worst)
    assert [look(acme, worst), look(acme, worst)] == [1, 0]
    alert.refresh_from_db()
    assert (alert.severity, alert.name, alert.worse_at) == ("critical", "Errors: 83.3 % of requests", worst)
    over = worst + 15 * MINUTE
    steps(acme, 3, good=60, now=over)
    rolled(over)
    assert [look(acme, over), look(acme, over)] == [1, 0]
    assert alerts(acme) == [("errors", "", "critical", True)]
    assert notices() == ["raised", "resolved"]  # nobody had sent the first one yet: it says by now what is worse


def test_who_was_told_is_told_that_it_is_worse(acme: Tenant):
    channel(acme)
    steps(acme, 3, good=50, bad=10)
    rolled()
    look(acme)
    AlertDelivery.objects.update(status="delivered", attempts=1)
    later = NOW + 15 * MINUTE
    steps(acme, 3, good=10, bad=50, now=later)
    rolled(later)
    look(acme, later)
    assert notices() == ["raised", "worse"]


def test_a_value_between_good_and_bad_neither_begins_nor_ends_anything(acme: Tenant):
    steps(acme, 3, good=55, bad=5)  # 8 % of 60
    rolled()
    assert look(acme) == 0
    later = NOW + 15 * MINUTE
    steps(acme, 3, good=45, bad=15, now=later)
    rolled(later)
    assert look(acme, later) == 1
    after = later + 15 * MINUTE
    steps(acme, 3, good=55, bad=5, now=after)
    rolled(after)
    assert look(acme, after) == 0
    assert alerts(acme) == [("errors", "", "warning", False)]


def test_what_a_budget_refuses_is_no_error_here(acme: Tenant):
    refused = {"outcome": "refused", "status": 429, "error_type": "budget_spent", "finish_reason": ""}
    steps(acme, 6, good=50, bad=30, bad_is=refused)
    rolled()
    assert look(acme) == 0


def test_an_episode_ends_when_there_is_nothing_left_to_judge(acme: Tenant):
    steps(acme, 3, good=30, bad=30)
    rolled()
    assert look(acme) == 1
    assert look(acme, NOW + 150 * MINUTE) == 0
    assert look(acme, NOW + 240 * MINUTE) == 1
    assert Alert.objects.get(tenant=acme).text.endswith("There is too little by now to judge it by.")


def test_records_that_come_late_are_judged_when_they_come(acme: Tenant):
    steps(acme, 3, good=60)
    rolled()
    assert look(acme) == 0
    steps(acme, 3, bad=60)
    assert look(acme) == 0  # in the log, and not yet in the sums
    rolled()
    assert look(acme) == 1


def test_each_tenant_is_judged_by_itself(cast: Cast, acme: Tenant):
    steps(acme, 3, bad=60)
    steps(cast.globex.tenant, 3, good=60)
    rolled()
    assert look(cast.globex.tenant) == 0
    assert look(acme) == 1
    assert alerts(cast.globex.tenant) == []


def test_two_workers_do_not_look_at_one_tenant_at_once(acme: Tenant):
    steps(acme, 3, bad=60)
    rolled()
    number = acme.pk.int & 0x7FFF_FFFF
    with psycopg.connect(**_parameters()) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s, %s)", [watching.LOCK, number])
        assert look(acme) == 0
        assert alerts(acme) == []
    assert look(acme) == 1


def _parameters() -> dict[str, Any]:
    found = connection.get_connection_params()
    return {name: found[name] for name in ("dbname", "user", "password", "host", "port") if found.get(name)}


def test_whoever_dies_between_alert_and_delivery_has_done_nothing_and_the_next_does_it(acme: Tenant):
    channel(acme)
    steps(acme, 3, bad=60)
    rolled()
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION pg_temp.die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'died'; END $$; "
            "CREATE TRIGGER die BEFORE INSERT ON billing_alertdelivery FOR EACH ROW EXECUTE FUNCTION pg_temp.die()"
        )
    with pytest.raises(DatabaseError, match="died"), transaction.atomic():
        look(acme)
    assert alerts(acme) == []
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER die ON billing_alertdelivery")
    assert look(acme) == 1
    assert notices() == ["raised"]


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


def standing(model: Model, *, is_closed: bool, changed_at: dt.datetime | None = NOW) -> dict[str, Standing]:
    found = Standing(model.pk, model.name, model.provider.name, model.tenant_id, is_closed, changed_at)
    return {str(model.pk): found}


def test_an_open_breaker_is_told_to_those_who_call_the_model(cast: Cast, acme: Tenant):
    channel(acme)
    opened, closed = standing(cast.model, is_closed=False), standing(cast.model, is_closed=True, changed_at=None)
    step(acme, 0, good=1, model_served=cast.model.name)
    step(cast.globex.tenant, 0, good=1, model_served="another")
    rolled()
    assert look(cast.globex.tenant, standings=opened) == 0
    assert [look(acme, standings=opened), look(acme, standings=opened)] == [1, 0]
    assert look(acme, NOW + 11 * MINUTE, standings=opened) == 1
    assert look(acme, NOW + 12 * MINUTE, standings=None) == 0  # Redis is away: nothing is known
    assert alerts(acme) == [("breaker", str(cast.model.pk), "critical", False)]
    assert Alert.objects.get(tenant=acme).view == "gateway/model/breakers/"
    assert look(acme, NOW + 20 * MINUTE, standings=closed) == 1
    assert notices() == ["raised", "resolved"]


def test_a_tenants_own_model_concerns_it_alone_called_or_not(cast: Cast, acme: Tenant):
    own = cast.acme.model
    assert look(cast.globex.tenant, standings=standing(own, is_closed=False)) == 0
    assert look(acme, standings=standing(own, is_closed=False)) == 1
    assert look(acme, standings={}) == 1  # it was deleted
    assert Alert.objects.get(tenant=acme).text.endswith("It is not watched for any more.")


def test_the_run_finds_what_gateways_have_counted_and_tenants_with_something_to_see(cast: Cast, acme: Tenant):
    own = cast.acme.model
    now = timezone.now()
    Feedback.objects.all().delete()

    async def fail() -> None:
        store = RedisStore(settings.REDIS_URL, timeout_seconds=30.0)
        breakers = Breakers(store, Policy())
        provider = Provider(own.provider_id, "p", "openai", "http://127.0.0.1:9/v1", Secret(""))
        called = Called(own.name, own.effective_upstream_id, provider, frozenset({"chat"}), None, None, None, 0, "auto")
        for permit in [await breakers.permit(called) for _ in range(12)]:
            assert permit is not None
            permit.went_badly()
        await breakers.look_after()
        await breakers.close()
        await store.close()

    try:
        asyncio.run(fail())
        assert not fleet.standings()[str(own.pk)].is_closed
        assert acme not in evidence.candidates(now, ["breaker"])
        step(acme, 0, good=1, now=now)
        rolled(now)
        assert evidence.candidates(now, ["breaker"]) == [acme]
        assert watching.run() == 1
    finally:
        redis = get_redis_connection("default")
        redis.delete(redis_keys.open_breakers(), redis_keys.breaker(own.provider_id, own.effective_upstream_id))
    assert alerts(acme) == [("breaker", str(own.pk), "warning", False)]
