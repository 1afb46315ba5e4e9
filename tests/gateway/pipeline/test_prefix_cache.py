"""The step by itself: which policy holds, and that it never stands in a request's way."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from gateway import selectors
from gateway.models import CachePolicy
from gateway.pipeline import prefix_cache
from gateway.prefix import reading
from gateway.prefix.marks import NONE
from gateway.prefix.memory import PrefixMemory
from gateway.types import Attempt, Endpoint, Plan, PrefixPolicy
from tenants.models import Tenant
from tests.cast import Cast, cast
from tests.gateway.context import optimising
from tests.gateway.prefix.traffic import model, words

__all__ = ["cast"]


class Runtime:
    """As far as the step needs one."""

    def __init__(self) -> None:
        self.prefixes = PrefixMemory()


def decided(tenants: PrefixPolicy, tasks: PrefixPolicy | None, *, task: str = "desk", size: int = 3000) -> Any:
    """The exchange, after the step has seen the same system prompt twice."""
    snapshot = optimising.snapshot(None, kind="anthropic")
    desk = msgspec.structs.replace(snapshot.tasks["desk"], prefix=tasks)
    snapshot = msgspec.structs.replace(snapshot, prefix=tenants, tasks={"desk": desk})
    body = {"model": "m", "max_tokens": 9, "system": words(size), "messages": [{"role": "user", "content": "hi"}]}
    runtime: Any = Runtime()
    plan = Plan(attempts=(Attempt(model(), "asked for"),), task=task, rule="")
    for _ in range(2):
        exchange, request = optimising.exchange_for(Endpoint.MESSAGES, json.dumps(body).encode(), snapshot)
        prefix_cache.decide(exchange, request, plan, runtime)
        if exchange.prefix is not None:
            exchange.prefix.sent(model())
    return exchange


ON, OFF = PrefixPolicy(), PrefixPolicy(is_on=False)


@pytest.mark.parametrize(
    ("tenants", "tasks", "task", "is_decided"),
    [
        (ON, None, "desk", True),
        (OFF, None, "desk", False),
        (OFF, ON, "desk", True),
        (ON, OFF, "desk", False),
        (ON, OFF, "", True),  # a model that was asked for by name
    ],
)
def test_the_task_s_policy_goes_before_the_tenant_s(tenants, tasks, task, is_decided):
    exchange = decided(tenants, tasks, task=task)
    assert (exchange.prefix is not None) == is_decided
    if is_decided:
        assert exchange.prefix.marks(model()).head == "5m"


def test_a_short_request_is_not_looked_into():
    exchange = decided(ON, None, size=60)
    assert exchange.prefix is None
    assert "prefix" not in exchange.steps_us


def test_a_fault_of_the_step_s_own_leaves_the_request_without_marks(monkeypatch):
    def fail(*args: Any, **more: Any) -> None:
        raise ValueError

    monkeypatch.setattr(reading, "read", fail)
    before = prefix_cache.observability.PREFIX_FAILURES._value.get()
    assert decided(ON, None).prefix is None
    assert prefix_cache.observability.PREFIX_FAILURES._value.get() == before + 2


def test_no_marks_are_the_same_object_so_that_nothing_is_done_for_them():
    exchange = decided(ON, None)
    assert exchange.prefix.marks(model("claude-opus-4-1")) is NONE


@pytest.mark.django_db
def test_it_is_on_for_every_tenant_unless_the_operator_switches_it_off(settings):
    tenant = Tenant.objects.create(name="Acme", slug="acme-prefix")
    assert selectors.preview(tenant).prefix == ON
    settings.GATEWAY_PREFIX_CACHE = False
    assert selectors.preview(tenant).prefix == OFF


@pytest.mark.django_db
def test_a_tenant_and_each_of_its_tasks_may_say_otherwise_and_the_operator_s_switch_is_over_them(cast: Cast, settings):
    tenant, task = cast.acme.tenant, cast.acme.task
    CachePolicy.objects.filter(tenant=tenant).delete()
    CachePolicy.objects.create(tenant=tenant, prefix=False)
    assert (selectors.preview(tenant).prefix, selectors.preview(tenant).tasks[task.slug].prefix) == (OFF, None)
    policy = CachePolicy.objects.create(tenant=tenant, task=task, prefix_ttl="1h")
    hour = PrefixPolicy(lifetime="1h")
    assert (selectors.preview(tenant).prefix, selectors.preview(tenant).tasks[task.slug].prefix) == (OFF, hour)
    policy.is_active = False
    policy.save()
    assert selectors.preview(tenant).tasks[task.slug].prefix == PrefixPolicy(is_on=False, lifetime="1h")
    policy.is_active = True
    policy.save()
    settings.GATEWAY_PREFIX_CACHE = False
    assert selectors.preview(tenant).tasks[task.slug].prefix == OFF
