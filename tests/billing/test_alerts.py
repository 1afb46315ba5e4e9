"""A crossing is noted once, whoever finds it and however often, and people are told of it once."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.alerts import note_crossings
from billing.models import Alert, AlertDelivery, BudgetRaise
from tenants import api_keys
from tenants.models import ApiKey, Tenant
from tests.billing.alert_ledger import NOW, TENANT, budget, channel, noted, spend, told, use
from tests.cast import Cast, request_row

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unlimited")]


def test_crossing_80_percent_makes_one_alert_with_what_the_ledger_said(acme: Tenant):
    row = budget(acme)
    assert spend(acme, usd="39.99") == 0
    assert spend(acme, usd="0.13") == 1
    alert = Alert.objects.get(tenant=acme)
    assert (alert.source, alert.budget, alert.name) == (str(row.id), row, "Support bot")
    assert (alert.dimension, alert.subject, alert.metric) == ("tenant", "", "usd")
    assert (alert.threshold, alert.amount, alert.used) == (80, Decimal(50), Decimal("40.12"))
    assert (alert.window, alert.crossed_at) == ("month", NOW)
    assert alert.window_start == dt.datetime(2026, 10, 31, 23, tzinfo=dt.UTC)  # midnight in Vienna
    assert alert.window_end == dt.datetime(2026, 11, 30, 23, tzinfo=dt.UTC)


def test_exactly_the_share_is_a_crossing_and_a_nanodollar_less_is_none(acme: Tenant):
    budget(acme)
    assert spend(acme, usd="39.999999999") == 0
    assert spend(acme, usd="0.000000001") == 1


def test_a_crossing_is_noted_once_however_often_it_is_looked_at(acme: Tenant):
    budget(acme)
    channel(acme)
    assert spend(acme, usd="41") == 1
    for _again in range(3):
        assert note_crossings(acme.id, touched={TENANT}, at=[NOW]) == 0
        assert spend(acme, usd="1") == 0
    assert noted(acme) == [("Support bot", "", 80, Decimal(50))]
    assert told(acme) == [("Ops", 80)]


def test_every_threshold_that_is_set_alerts_and_100_always_does(acme: Tenant):
    budget(acme, name="Many", thresholds=[25, 50, 95])
    budget(acme, name="None", thresholds=[])
    counts = [spend(acme, usd=usd) for usd in ("20", "10", "17.50", "2.50")]
    assert counts == [1, 1, 1, 2]
    assert [(name, threshold) for name, _, threshold, _ in noted(acme)] == [
        ("Many", 25),
        ("Many", 50),
        ("Many", 95),
        ("Many", 100),
        ("None", 100),
    ]


def test_a_jump_over_two_thresholds_is_two_alerts_and_one_message_about_the_higher(acme: Tenant):
    budget(acme)
    channel(acme, "All")
    channel(acme, "Only the end", minimum_threshold=100)
    use(acme, usd="35")
    assert spend(acme, usd="25") == 2
    assert [threshold for _, _, threshold, _ in noted(acme)] == [80, 100]
    assert told(acme) == [("All", 100), ("Only the end", 100)]


def test_channels_hear_from_their_threshold_on_and_only_if_they_are_switched_on(cast: Cast, acme: Tenant):
    budget(acme, thresholds=[50, 80])
    for minimum in (1, 50, 51, 80, 81, 100):
        channel(acme, f"from {minimum:03}", minimum_threshold=minimum)
    channel(acme, "off", is_active=False)
    channel(cast.globex.tenant, "Globex")
    spend(acme, usd="26")
    assert told(acme) == [("from 001", 50), ("from 050", 50)]
    AlertDelivery.objects.all().delete()
    spend(acme, usd="15")
    assert told(acme) == [("from 001", 80), ("from 050", 80), ("from 051", 80), ("from 080", 80)]
    assert told(cast.globex.tenant) == []
    assert set(AlertDelivery.objects.values_list("status", "attempts", "delivered_at")) == {("waiting", 0, None)}


def test_a_threshold_that_is_added_below_one_that_was_told_is_noted_and_not_told(acme: Tenant):
    row = budget(acme)
    channel(acme)
    spend(acme, usd="45")
    row.thresholds = [50, 80]
    row.save()
    assert spend(acme, usd="1") == 1
    assert [threshold for _, _, threshold, _ in noted(acme)] == [50, 80]
    assert told(acme) == [("Ops", 80)]


def test_each_end_user_has_a_budget_of_their_own(acme: Tenant):
    budget(acme, 1000, scope="end_user", metric="tokens", window="day")
    ada, bob = ("end_user", "ada"), ("end_user", "bob")
    spend(acme, TENANT, ada, tokens=900)
    spend(acme, TENANT, bob, tokens=700)
    assert [(subject, threshold) for _, subject, threshold, _ in noted(acme)] == [("ada", 80)]
    spend(acme, TENANT, bob, tokens=300)
    assert [(subject, threshold) for _, subject, threshold, _ in noted(acme)] == [
        ("ada", 80),
        ("bob", 80),
        ("bob", 100),
    ]


@pytest.mark.parametrize(
    ("scope", "subject"),
    [("end_user", "ada"), ("tier", "paid"), ("task", "summarise"), ("model", "gpt-4o"), ("tag", "eu")],
)
def test_a_budget_for_one_subject_is_about_that_one_alone(acme: Tenant, scope: str, subject: str):
    budget(acme, 10, scope=scope, subject=subject, metric="requests")
    assert spend(acme, TENANT, (scope, "other"), requests=10) == 0
    assert spend(acme, TENANT, (scope, subject), requests=10) == 2
    assert {subject for _, subject, _, _ in noted(acme)} == {subject}


def test_a_budget_for_one_key(cast: Cast, acme: Tenant):
    own, other = cast.acme.key.api_key, api_keys.create(acme, name="other").api_key
    budget(acme, scope="key", api_key=own)
    assert spend(acme, ("key", str(other.id)), usd="50") == 0
    assert spend(acme, ("key", str(own.id)), usd="50") == 2


def test_the_plans_monthly_amounts_alert(cast: Cast, acme: Tenant):
    cast.plan.usd_per_month, cast.plan.tokens_per_month = Decimal(500), 1000
    cast.plan.save()
    assert spend(acme, usd="400", tokens=10) == 1
    assert spend(acme, usd="0", tokens=990) == 2
    assert list(
        Alert.objects.filter(tenant=acme).order_by("source", "threshold").values_list("source", "budget", "threshold")
    ) == [
        ("plan:tokens_per_month", None, 80),
        ("plan:tokens_per_month", None, 100),
        ("plan:usd_per_month", None, 80),
    ]


def test_a_keys_own_monthly_amounts_alert_for_that_key(cast: Cast, acme: Tenant):
    rich, poor = cast.acme.key.api_key, api_keys.create(acme, name="poor").api_key
    ApiKey.objects.filter(id=poor.id).update(usd_per_month=5, tokens_per_month=100)
    ApiKey.objects.filter(id=rich.id).update(usd_per_month=5000)
    pairs = [("key", str(rich.id)), ("key", str(poor.id))]
    assert spend(acme, TENANT, *pairs, usd="4.50", tokens=120) == 3
    assert list(Alert.objects.order_by("source", "threshold").values_list("source", "subject", "threshold")) == [
        ("key:tokens_per_month", str(poor.id), 80),
        ("key:tokens_per_month", str(poor.id), 100),
        ("key:usd_per_month", str(poor.id), 80),
    ]


def test_a_budget_that_is_switched_off_and_another_tenants_do_not_alert(cast: Cast, acme: Tenant):
    budget(acme, is_active=False)
    budget(cast.globex.tenant, name="Globex's")
    assert spend(acme, usd="1000") == 0
    assert Alert.objects.count() == 0


def test_an_amount_of_nothing_is_used_up_by_anything_and_has_no_shares(acme: Tenant):
    budget(acme, 0)
    assert note_crossings(acme.id, touched={TENANT}, at=[NOW]) == 0
    assert spend(acme, usd="0.01") == 1
    assert noted(acme) == [("Support bot", "", 100, Decimal(0))]


def test_the_amount_is_the_one_in_force_when_the_request_was_made_and_a_raise_is_crossed_anew(acme: Tenant):
    row = budget(acme)
    hour = dt.timedelta(hours=1)
    BudgetRaise.objects.create(budget=row, amount=100, starts_at=NOW, ends_at=NOW + hour, reason="launch")
    assert spend(acme, usd="45", at=NOW - hour) == 1
    assert spend(acme, usd="30", at=NOW) == 0
    assert spend(acme, usd="6", at=NOW) == 1
    assert spend(acme, usd="1", at=NOW + hour) == 1  # back to 50, of which 82 are used
    assert [(threshold, amount) for _, _, threshold, amount in noted(acme)] == [(80, 50), (100, 50), (80, 100)]


def test_a_batch_that_straddles_the_end_of_a_month_is_two_windows(acme: Tenant):
    budget(acme)
    before = dt.datetime(2026, 11, 30, 22, 59, 59, tzinfo=dt.UTC)  # 23:59:59 in Vienna
    after = before + dt.timedelta(seconds=1)
    use(acme, usd="41", at=before)
    use(acme, usd="51", at=after)
    assert note_crossings(acme.id, touched={TENANT}, at=[after, before]) == 3
    found = Alert.objects.order_by("window_start", "threshold").values_list(
        "window_start", "threshold", "used", "crossed_at"
    )
    november, december = dt.datetime(2026, 10, 31, 23, tzinfo=dt.UTC), dt.datetime(2026, 11, 30, 23, tzinfo=dt.UTC)
    assert list(found) == [(november, 80, 41, before), (december, 80, 51, after), (december, 100, 51, after)]


def test_a_new_window_is_crossed_anew(acme: Tenant):
    budget(acme, window="day")
    for day in range(3):
        assert spend(acme, usd="40", at=NOW + dt.timedelta(days=day)) == 1
    budget(acme, 100, name="Ever", window="total", thresholds=[50])
    assert spend(acme, usd="1") == 2  # 121 since the beginning of time
    ever = Alert.objects.filter(name="Ever").values_list("window", "window_end", "used").distinct()
    assert list(ever) == [("total", None, 121)]


@pytest.mark.parametrize("window", ["minute", "hour"])
def test_minutes_and_hours_are_read_from_the_request_log(cast: Cast, acme: Tenant, window: str):
    budget(acme, 2, metric="requests", window=window)
    budget(acme, 5000, name="Tag", scope="tag", metric="tokens", window=window)
    now = timezone.now().replace(minute=30, second=30, microsecond=0)
    rows = [request_row(acme, cast.acme.key.api_key, accepted_at=now, tags=["eu", "a"]) for _ in range(2)]
    request_row(acme, cast.acme.key.api_key, accepted_at=now - dt.timedelta(hours=1), tags=["eu"], input_tokens=9000)
    touched = {TENANT, ("tag", "eu"), ("tag", "a")}
    assert note_crossings(acme.id, touched=touched, at=[row.accepted_at for row in rows]) == 2
    assert [(name, threshold) for name, _, threshold, _ in noted(acme)] == [("Support bot", 80), ("Support bot", 100)]


def test_alerts_and_deliveries_come_and_go_with_the_transaction(acme: Tenant):
    budget(acme)
    channel(acme)

    with transaction.atomic():
        assert spend(acme, usd="60") == 2
        assert AlertDelivery.objects.count() == 1
        transaction.set_rollback(True)
    assert (noted(acme), told(acme)) == ([], [])
    assert spend(acme, usd="60") == 2
    assert told(acme) == [("Ops", 100)]


def test_a_tenant_that_is_gone_has_no_alerts(cast: Cast, acme: Tenant):
    tenant_id = acme.id
    cast.plan.usd_per_month = 1
    cast.plan.save()
    acme.delete()
    assert note_crossings(tenant_id, touched={TENANT}, at=[NOW]) == 0


def queries(tenant: Tenant, touched: set[tuple[str, str]], at: list[dt.datetime]) -> int:
    with CaptureQueriesContext(connection) as captured:
        note_crossings(tenant.id, touched=touched, at=at)
    return len(captured)


def test_the_number_of_queries_does_not_grow_with_the_subjects_or_the_records(acme: Tenant):
    for scope in ("end_user", "task", "model", "tag", "key"):
        budget(acme, 10, f"a {scope}", scope=scope)
        budget(acme, 10, f"a {scope}, tokens", scope=scope, metric="tokens")
        budget(acme, 10, f"a {scope} in a day", scope=scope, window="day")
    channel(acme)

    def touched(count: int) -> set[tuple[str, str]]:
        keys = [("key", str(key.id)) for key in ApiKey.objects.filter(tenant=acme, usd_per_month=10)[:count]]
        names = [(scope, f"{scope}-{n}") for scope in ("end_user", "task", "model", "tag") for n in range(count)]
        return {TENANT, *names, *keys}

    for number in range(300):
        api_keys.create(acme, name=f"key {number}", scopes=["chat"], usd_per_month=10)
    few, many = touched(3), touched(300)
    use(acme, *many, usd="9")
    first, second = queries(acme, few, [NOW] * 3), queries(acme, many, [NOW] * 2000)
    assert second == first
    by_month_by_day_and_keys_own = 300 * 5 + 300 * 5 + 300
    assert Alert.objects.filter(threshold=80).count() == by_month_by_day_and_keys_own
    assert queries(acme, many, [NOW] * 2000) < second  # nothing new: nobody to tell


def test_nothing_that_could_be_crossed_costs_next_to_nothing(acme: Tenant):
    assert queries(acme, set(), []) == 0
    assert queries(acme, {TENANT, ("key", "not even an id")}, [NOW]) <= 5
    budget(acme, scope="end_user", subject="ada")
    assert queries(acme, {TENANT, ("end_user", "bob")}, [NOW]) <= 5
