"""A refusal for a budget is a crossing of 100 %, where enough of it is used, and of nobody else's."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing import alerts
from billing.alerts import Refusal, note_crossings
from billing.models import Alert, PlanTier
from tenants.models import ApiKey, Tenant
from tests.billing.alert_ledger import NOW, TENANT, budget, channel, noted, spend, told, use
from tests.cast import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unlimited")]


def test_what_a_plan_allows_each_user_in_a_day_never_alerts(cast: Cast, acme: Tenant):
    assert PlanTier.objects.get(plan=cast.plan).tokens_per_day == 50_000
    refused = [Refusal("tier:free:tokens_per_day", "ada", NOW)]
    use(acme, ("end_user", "ada"), tokens=60_000)
    assert note_crossings(acme.id, touched={("end_user", "ada")}, at=[NOW], refused=refused) == 0


def test_a_refusal_is_a_crossing_of_100_percent_though_a_little_is_left(acme: Tenant):
    row = budget(acme)
    channel(acme)
    spend(acme, usd="49.87")
    refusal = Refusal(str(row.id), "", NOW)
    assert note_crossings(acme.id, touched=set(), at=[], refused=[refusal, refusal]) == 1
    assert note_crossings(acme.id, touched={TENANT}, at=[NOW], refused=[refusal]) == 0
    assert spend(acme, usd="1") == 0
    assert list(Alert.objects.order_by("threshold").values_list("threshold", "used")) == [
        (80, Decimal("49.87")),
        (100, Decimal("49.87")),
    ]
    assert told(acme) == [("Ops", 80), ("Ops", 100)]


def test_a_refusal_of_one_very_large_request_is_none(acme: Tenant):
    row = budget(acme)
    use(acme, usd="24.99")
    assert note_crossings(acme.id, touched=set(), at=[], refused=[Refusal(str(row.id), "", NOW)]) == 0


def test_nobody_hears_of_80_percent_who_heard_that_it_is_used_up(acme: Tenant):
    row = budget(acme)
    channel(acme)
    use(acme, usd="30")
    assert note_crossings(acme.id, touched=set(), at=[], refused=[Refusal(str(row.id), "", NOW)]) == 1
    assert spend(acme, usd="15") == 1
    assert [threshold for _, _, threshold, _ in noted(acme)] == [80, 100]
    assert told(acme) == [("Ops", 100)]


def test_a_refusal_from_before_the_amount_was_edited_says_nothing_about_the_new_one(acme: Tenant):
    row = budget(acme)
    refusal = Refusal(str(row.id), "", row.changed_at)
    use(acme, usd="49", at=row.changed_at)
    assert note_crossings(acme.id, touched=set(), at=[], refused=[refusal]) == 2
    row.amount = 80
    row.save()
    assert note_crossings(acme.id, touched=set(), at=[], refused=[refusal]) == 0
    assert noted(acme) == [("Support bot", "", 80, Decimal(50)), ("Support bot", "", 100, Decimal(50))]


def test_a_refusal_is_about_its_own_subject_and_dimension(cast: Cast, acme: Tenant):
    key = cast.acme.key.api_key
    ApiKey.objects.filter(id=key.id).update(usd_per_month=5, changed_at=NOW)
    each = budget(acme, 10, "Each", scope="end_user")
    one = budget(acme, 10, "Ada's", scope="end_user", subject="ada")
    for pair in (("end_user", "ada"), ("end_user", "bob"), ("task", "bob"), ("key", str(key.id))):
        use(acme, pair, usd="4.9" if pair[0] == "key" else "9.9")
    refused = [
        Refusal(str(each.id), "bob", NOW, dimension="end_user"),
        Refusal(str(each.id), "ada", NOW, dimension="task"),
        Refusal(str(one.id), "bob", NOW),
        Refusal("key:usd_per_month", str(key.id), NOW),
        Refusal("key:usd_per_month", "bob", NOW),
        Refusal("no such limit", "bob", NOW),
    ]
    note_crossings(acme.id, touched=set(), at=[], refused=refused)
    assert set(Alert.objects.filter(threshold=100).values_list("name", "subject")) == {
        ("Each", "bob"),
        ("this key's USD per month", str(key.id)),
    }


def test_the_lowest_share_that_makes_a_refusal_count_is_half():
    assert alerts.REFUSED_FROM == 50
