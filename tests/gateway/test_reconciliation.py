"""Counters, ledger, holds and daily sums are compared; what differs is put right and reported once."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_redis import get_redis_connection

from billing.models import DailyUsage
from gateway import ledger, reconciliation, tasks
from tenants import redis_keys
from tests.gateway.budgets import budget, counter


@pytest.fixture
def used(world, simulator):
    """A tenant that has used 2 requests and some tokens, all of it in the ledger."""
    budget(world, 100, "requests")
    budget(world, 100_000, "tokens")
    budget(world, 100_000, "tokens", name="of users", scope="end_user", window="day")
    for _ in range(2):
        assert world.chat(user="alice").status == 200
    world.records(2)
    return world


def field_of(world, metric: str) -> bytes:
    names = get_redis_connection("default").hkeys(redis_keys.counters(world.tenant.id))
    return next(name for name in names if name.startswith(f"{metric}|month".encode()))


def test_says_nothing_where_all_agree(used):
    drift = reconciliation.reconcile(used.tenant.id)
    assert not drift, drift
    assert drift.compared >= 3


@pytest.mark.parametrize("change", [-1, 5, -2000])
def test_a_counter_that_is_off_is_put_right_and_reported_once(used, change):
    tokens = counter(used, "tokens")
    get_redis_connection("default").hincrby(redis_keys.counters(used.tenant.id), field_of(used, "tokens"), change)
    drift = reconciliation.reconcile(used.tenant.id)
    assert drift.used == {field_of(used, "tokens").decode(): -change}
    assert counter(used, "tokens") == tokens
    assert not reconciliation.reconcile(used.tenant.id)


def test_an_end_user_s_counter_is_put_right(used):
    redis = get_redis_connection("default")
    key = redis_keys.user_counters(used.tenant.id, "alice")
    name = next(name for name in redis.hkeys(key) if name.startswith(b"tokens|day"))
    before = redis.hget(key, name)
    redis.hincrby(key, name, 7)
    drift = reconciliation.reconcile(used.tenant.id)
    assert list(drift.used.values()) == [-7]
    assert redis.hget(key, name) == before


def test_what_is_held_by_nobody_is_released(used):
    redis = get_redis_connection("default")
    redis.hincrby(redis_keys.counters(used.tenant.id), b"h" + field_of(used, "tokens"), 900)
    drift = reconciliation.reconcile(used.tenant.id)
    assert sum(drift.held.values()) == -900
    assert counter(used, "tokens")[1] == 0


def test_what_waits_in_the_stream_is_no_drift(used):
    assert used.chat(user="alice").status == 200
    assert not reconciliation.reconcile(used.tenant.id)
    assert counter(used, "requests") == (3, 0)


def test_daily_sums_are_rebuilt_from_the_log(used):
    today = timezone.now().astimezone(ledger.zone_of(used.tenant.id)).date()
    rows = DailyUsage.objects.filter(tenant=used.tenant)
    before = sorted(rows.values_list("day", "dimension", "subject", "requests", "input_tokens", "cost_usd"))
    rows.filter(dimension="tenant").update(requests=9)
    DailyUsage.objects.create(
        tenant=used.tenant, day=today - dt.timedelta(days=1), dimension="tenant", subject="",
        requests=1, input_tokens=1, cache_read_tokens=0, output_tokens=0, cost_usd=0,
    )  # fmt: skip
    assert reconciliation.reconcile(used.tenant.id).days_rebuilt
    assert sorted(rows.values_list("day", "dimension", "subject", "requests", "input_tokens", "cost_usd")) == before
    assert not reconciliation.reconcile(used.tenant.id)


def test_days_that_the_log_has_no_more_are_not_rebuilt(used):
    """A tenant that keeps its requests for a day would lose the rest of its ledger."""
    today = timezone.now().astimezone(ledger.zone_of(used.tenant.id)).date()
    long_ago, yesterday = today - dt.timedelta(days=20), today - dt.timedelta(days=1)
    sums = {"requests": 5, "input_tokens": 50, "cache_read_tokens": 0, "output_tokens": 5, "cost_usd": 1}
    for day in (long_ago, yesterday):
        DailyUsage.objects.create(tenant=used.tenant, day=day, dimension="tenant", subject="", **sums)
    used.tenant.log_days = 1
    used.tenant.save(update_fields=["log_days"])
    DailyUsage.objects.filter(tenant=used.tenant, dimension="tenant", day=today).update(requests=99)
    reconciliation.reconcile(used.tenant.id)
    rows = DailyUsage.objects.filter(tenant=used.tenant, dimension="tenant")
    assert rows.get(day=long_ago).requests == 5


def test_a_tenant_without_counters_is_left_alone(world):
    assert not reconciliation.reconcile(world.tenant.id)
    assert not get_redis_connection("default").exists(redis_keys.counters(world.tenant.id))


def test_the_task_and_the_command_reconcile_every_tenant(used, capsys):
    key = redis_keys.counters(used.tenant.id)
    for run in (tasks.reconcile_counters, lambda: call_command("reconcile")):
        get_redis_connection("default").hincrby(key, field_of(used, "requests"), 40)
        run()
        assert counter(used, "requests") == (2, 0)
