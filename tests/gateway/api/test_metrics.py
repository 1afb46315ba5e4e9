"""What Prometheus is told, and whom it is told."""

from __future__ import annotations

import re
import time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django_redis import get_redis_connection
from prometheus_client.parser import text_string_to_metric_families

from billing import limits, windows
from billing.models import Budget
from gateway.gauges import Standing
from tenants import redis_keys
from tests.cast import build_cast
from tests.gateway.live import wait_until


def families(text: str) -> dict[str, Any]:
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(text: str, name: str, **labels: str) -> float:
    samples = [sample for family in families(text).values() for sample in family.samples]
    (found,) = [item.value for item in samples if item.name == name and labels.items() <= item.labels.items()]
    return found


def test_counts_requests_errors_tokens_cost_and_times(world, simulator):
    def told() -> str:
        return world.gateway.request("GET", "/metrics").body.decode()

    assert world.chat().status == 200
    simulator.behave(status=400)
    assert world.chat().status == 400
    text = told()
    assert re.search(
        r'tollgate_errors_total\{endpoint="chat.completions",model="gpt-4o",provider="openai",type="\w+"\} ', text
    )
    for name in ("tollgate_tokens_total", "tollgate_cost_usd_total"):
        assert f"{name}{{" in text
    for name in ("tollgate_request_seconds_bucket", "tollgate_first_token_seconds_bucket"):
        assert f"{name}{{" in text


def test_tells_what_waits_and_how_long(world):
    redis, stream = get_redis_connection("default"), redis_keys.usage_stream(world.tenant.pk)
    redis.xadd(stream, {"r": b"x"}, id=f"{int((time.time() - 100) * 1000)}-0")
    redis.set(f"{redis_keys.content_stream(world.tenant.pk)}:lost", 3)
    try:
        text = wait_until(
            lambda: (
                (found := world.gateway.request("GET", "/metrics").body.decode())
                and value(found, "tollgate_drain_lag_seconds") >= 99
                and found
            )
        )
        assert value(text, "tollgate_usage_records_waiting") >= 1
        assert value(text, "tollgate_content_lost_total") >= 3
        assert value(text, "tollgate_gauges_up") == 1
    finally:
        redis.delete(stream, f"{redis_keys.content_stream(world.tenant.pk)}:lost")


@pytest.mark.django_db
def test_breakers_and_budgets_are_told_by_name():
    cast = build_cast()
    redis = get_redis_connection("default")
    key = redis_keys.breaker(cast.provider.pk, "gpt-4o-mini")
    until_ms = int((time.time() + 3600) * 1000)  # what is long over, gateway processes take out
    redis.hset(redis_keys.open_breakers(), key, f"open|3|{until_ms}")
    window = windows.window("month", time.time(), ZoneInfo(cast.acme.tenant.timezone))
    counters = redis_keys.counters(cast.acme.tenant.pk)
    redis.hset(counters, limits.field(limits.USD, window, limits.TENANT, ""), 25_000_000_000)
    try:
        told = {metric.name: metric for metric in Standing().collect()}
    finally:
        redis.hdel(redis_keys.open_breakers(), key)
        redis.delete(counters)
    states = {sample.labels["model"]: sample.value for sample in told["tollgate_breaker_state"].samples}
    assert states[cast.model.name] == 2
    assert states[cast.model.name.replace("gpt-4o-mini", "gpt-4o")] == 0
    shares = {tuple(sample.labels.values()): sample.value for sample in told["tollgate_budget_used_ratio"].samples}
    assert Budget.objects.get(pk=cast.acme.budget.pk).amount == 100
    assert shares[cast.acme.tenant.slug, "Acme's month"] == 0.25


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("10.1.2.3", {}, 200),
        ("8.8.4.4", {}, 403),
        ("10.1.2.3", {"x-forwarded-for": "203.0.113.9"}, 403),
    ],
)
def test_without_a_token_only_who_is_near_is_told(address: str, headers: dict[str, str], status: int):
    assert Client().get("/metrics", REMOTE_ADDR=address, headers=headers).status_code == status
