"""What tests of limits need: budgets and plans of a world's tenant, and what its counters say."""

from __future__ import annotations

import datetime as dt
import time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from django_redis import get_redis_connection

from billing import limits
from billing.models import Budget, Plan, Subscription
from billing.windows import window
from tenants import redis_keys
from tests.gateway.live import Reply, World

NANO = 1_000_000_000


def budget(world: World, amount: float | str, metric: str = "requests", **fields: Any) -> Budget:
    """A budget of the tenant, per month unless said otherwise."""
    name = fields.pop("name", f"{metric} budget")
    row = Budget(tenant=world.tenant, name=name, metric=metric, amount=Decimal(str(amount)), **fields)
    row.full_clean()
    row.save()
    return row


def plan(world: World, **fields: Any) -> Plan:
    """A plan of its own for the tenant, with these limits."""
    row = Plan.objects.create(name=world.tenant.name, slug=world.tenant.slug, **fields)
    Subscription.objects.create(tenant=world.tenant, plan=row, started_at=timezone.now() - dt.timedelta(hours=1))
    return row


def counter(
    world: World, metric: str, kind: str = "month", dimension: str = "tenant", subject: str = "", end_user: str = ""
) -> tuple[int, int]:
    """(used, held) as Redis counts them."""
    span = window(kind, time.time(), ZoneInfo(world.tenant.timezone))
    field = limits.field(metric, span, dimension, subject)
    key = redis_keys.user_counters(world.tenant.id, end_user) if end_user else redis_keys.counters(world.tenant.id)
    used, held = get_redis_connection("default").hmget(key, field, f"h{field}")
    return int(used or 0), int(held or 0)


def error(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json()["error"]["code"]
