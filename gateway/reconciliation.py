"""Compares Redis's counters with the ledger and with the holds under way, puts right what differs, and says what it was.

Serving goes on meanwhile: see `gateway.ledger` for why the differences are exact.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from redis import Redis

from billing import limits
from billing.models import DailyUsage
from billing.windows import window
from gateway import daily_usage, ledger, retention
from gateway.ledger import Field
from gateway.stores import counters
from gateway.stores.redis import Script
from tenants import redis_keys, tiers

logger = logging.getLogger(__name__)
DAYS_COMPARED = 2
OLD_SECONDS = 86_400  # how long counters of a window are kept after its end
USERS_COMPARED = 20_000
_HOLDINGS = Script("holdings")


@dataclass
class Drift:
    """What was found and put right: by how much counters were off (field -> the truth less what it was), in the metric's integer unit."""

    used: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    tiers: int = 0
    days_rebuilt: bool = False
    compared: int = 0

    def __bool__(self) -> bool:
        return bool(self.used or self.held or self.tiers or self.days_rebuilt)


def reconcile(tenant_id: UUID) -> Drift:
    """Compare and repair one tenant's books. Raises what PostgreSQL and Redis raise; then nothing was made worse."""
    drift = Drift()
    store = ledger.redis()
    if not ledger.is_open(store, tenant_id):
        return drift  # the first request will open the counters
    with transaction.atomic():
        ledger.lock(tenant_id)
        zone = ledger.zone_of(tenant_id)
        today = timezone.now().astimezone(zone).date()
        kept = retention.first_whole_day(tenant_id, timezone.now(), zone)  # days before it cannot be added up again
        if daily_usage.differs(tenant_id, max(kept, today - dt.timedelta(days=DAYS_COMPARED)), zone):
            month_before = (today.replace(day=1) - dt.timedelta(days=1)).replace(day=1)
            daily_usage.rebuild(tenant_id, max(kept, month_before), zone)
            drift.days_rebuilt = True
        fields = _forget_old(store, tenant_id, zone, _fields(store, tenant_id, today))
        drift.compared = len(fields)
        drift.used = ledger.correct(tenant_id, fields)
    drift.held = _correct_held(store, tenant_id, fields)
    drift.tiers = tiers.publish(tenant_id)
    if drift:
        logger.warning("tenant %s: counters were off and have been put right: %s", tenant_id, drift)
    return drift


def _fields(store: Redis, tenant_id: UUID, today: dt.date) -> list[Field]:
    """The counters that exist, of the tenant and of the end users seen lately."""
    names: Any = store.hkeys(redis_keys.counters(tenant_id))
    found = [Field("", name.decode()) for name in names]
    users = list(
        DailyUsage.objects.filter(tenant_id=tenant_id, dimension=limits.END_USER, day__gte=today - dt.timedelta(days=1))
        .values_list("subject", flat=True)
        .distinct()[:USERS_COMPARED]
    )
    pipeline = store.pipeline(transaction=False)
    for user in users:
        pipeline.hkeys(redis_keys.user_counters(tenant_id, user))
    for user, own in zip(users, pipeline.execute(), strict=True):
        found += [Field(user, name.decode()) for name in own]
    return [item for item in found if limits.parse_field(item.name) is not None]


def _forget_old(store: Redis, tenant_id: UUID, zone: dt.tzinfo, fields: list[Field]) -> list[Field]:
    """Drop the counters of windows that ended a day ago; the others are returned."""
    now = timezone.now().timestamp()
    kept = []
    pipeline = store.pipeline(transaction=False)
    for item in fields:
        name = limits.parse_field(item.name)
        assert name is not None
        end = window(name.kind, name.start, zone).end
        if end is not None and end + OLD_SECONDS < now:
            pipeline.hdel(ledger.hash_of(tenant_id, item.end_user), item.name, f"h{item.name}", f"v{item.name}")
        else:
            kept.append(item)
    pipeline.execute()
    return kept


def _correct_held(store: Redis, tenant_id: UUID, fields: list[Field]) -> dict[str, int]:
    """Make what counters say is held equal to the holds there are; the comparison is one atomic step."""
    users = sorted({item.end_user for item in fields if item.end_user})
    drift: dict[str, int] = defaultdict(int)
    for end_user in ["", *users]:
        keys = [redis_keys.holds(tenant_id), ledger.hash_of(tenant_id, end_user)]
        changes: Any = store.eval(
            _HOLDINGS.text,
            len(keys),
            *keys,
            counters.USER_HASH if end_user else counters.TENANT_HASH,
            end_user,
        )
        for name, change in zip(changes[::2], changes[1::2], strict=True):
            drift[name.decode()] += int(change)
    return dict(drift)
