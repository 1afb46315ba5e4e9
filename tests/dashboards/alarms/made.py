"""Traffic that is made for alarms: steps of five minutes with so many requests, rolled up; and what came of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from billing.models import Alert, AlertDelivery
from dashboards import rolling
from dashboards.alarms import watching
from dashboards.alarms.fleet import Standing
from tenants.models import Tenant
from tests.dashboards import records

NOW = dt.datetime(2026, 11, 23, 17, 31, 12, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
FAILED = {"outcome": "upstream_error", "status": 503, "error_type": "upstream_overloaded", "finish_reason": ""}


def step(
    tenant: Tenant,
    ago: int,
    *,
    good: int = 0,
    bad: int = 0,
    now: dt.datetime = NOW,
    bad_is: dict[str, Any] | None = None,
    **fields: Any,
) -> None:
    """Requests of a step of five minutes: 0 is the last one that is over. Those that are bad failed, if `bad_is` says nothing else."""
    start = dt.datetime.fromtimestamp((int(now.timestamp()) - 60) // 300 * 300 - 300 * (ago + 1), dt.UTC)
    worse = {**fields, **(FAILED if bad_is is None else bad_is)}
    made = [
        records.record(tenant.pk, start + dt.timedelta(seconds=place), **(fields if place < good else worse))
        for place in range(good + bad)
    ]
    records.put(made)


def steps(tenant: Tenant, count: int, **fields: Any) -> None:
    for ago in range(count):
        step(tenant, ago, **fields)


def rolled(now: dt.datetime = NOW) -> None:
    while rolling.roll_up(now):
        pass


def look(
    tenant: Tenant,
    now: dt.datetime = NOW,
    *,
    standings: dict[str, Standing] | None = None,
    is_slow: bool = False,
) -> int:
    return watching.look(tenant, now, standings, is_slow=is_slow)


def alerts(tenant: Tenant) -> list[tuple[str, str, str, bool]]:
    """(kind, subject, severity, whether it is over)"""
    rows = Alert.objects.filter(tenant=tenant).order_by("crossed_at", "kind", "subject")
    return [(row.kind, row.subject, row.severity, row.resolved_at is not None) for row in rows]


def notices() -> list[str]:
    return list(AlertDelivery.objects.order_by("id").values_list("notice", flat=True))
