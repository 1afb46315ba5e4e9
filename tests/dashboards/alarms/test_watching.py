"""Episodes of traffic: they begin once, get worse once, end once, whoever looks and whatever dies in between."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from billing.models import Alert, AlertDelivery
from dashboards.alarms import watching
from tenants.models import Tenant
from tests.billing.alert_ledger import channel
from tests.cast import Cast
from tests.dashboards.alarms.made import MINUTE, NOW, alerts, look, notices, rolled, steps

pytestmark = pytest.mark.django_db


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
