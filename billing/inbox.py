"""A tenant's alerts as people look through them: which are still going on, which are new to somebody, and how the telling went."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, Subquery

from billing import alert_messages
from billing.models import Alert, AlertDelivery, AlertsSeen
from tenants.models import Tenant

Kind = Alert.Kind
MOST_COUNTED = 99  # by the bell
MOST_READ = 1000


def going_on(now: dt.datetime) -> Q:
    """Those that are not over: an episode until it is resolved, a crossing until its window ends, or its budget is deleted."""
    is_budgets = Q(kind=Kind.BUDGET)
    is_deleted = is_budgets & Q(budget=None) & ~Q(source__contains=":")
    is_in_window = Q(window_end=None) | Q(window_end__gt=now)
    return Q(resolved_at=None) & (~is_budgets | is_in_window) & ~is_deleted


def of(tenant: Tenant) -> QuerySet[Any]:
    """The latest first, with their deliveries and the names of keys. `is_outdone` are lower thresholds of what crossed a higher one."""
    deliveries = AlertDelivery.objects.select_related("channel").defer("channel__secret", "channel__former_secret")
    rows = alert_messages.with_key_names(Alert.objects.filter(tenant=tenant)).select_related("budget")
    told: QuerySet[Any] = rows.annotate(is_outdone=_higher()).prefetch_related(
        Prefetch("deliveries", deliveries.order_by("channel__name", "notice"))
    )
    return told.order_by("-crossed_at", "-threshold", "-id")


@dataclass(frozen=True)
class Standing:
    """How many alerts go on, and the severities of those that the person has not seen; at most `MOST_READ`."""

    going_on: int
    unseen: tuple[str, ...]


def standing(tenant: Tenant, user: Any, now: dt.datetime) -> Standing:
    """In one query."""
    seen = AlertsSeen.objects.filter(tenant=tenant, user_id=user.pk).values("seen_at")[:1]
    rows = that_go_on(tenant, now).annotate(seen_at=Subquery(seen)).order_by("-crossed_at")
    found = list(rows.values_list("severity", "crossed_at", "worse_at", "seen_at")[:MOST_READ])
    unseen = (
        severity
        for severity, crossed_at, worse_at, seen_at in found
        if seen_at is None or crossed_at > seen_at or (worse_at is not None and worse_at > seen_at)
    )
    return Standing(len(found), tuple(unseen))


def that_go_on(tenant: Tenant, now: dt.datetime) -> QuerySet[Alert]:
    """Those that are not over, in no particular order. Of several thresholds of one budget the highest alone."""
    return Alert.objects.filter(going_on(now), ~_higher(), tenant=tenant)


def _higher() -> Exists:
    """Whether the same has crossed a higher threshold, too."""
    same = ("tenant", "source", "dimension", "subject", "window_start", "amount")
    return Exists(
        Alert.objects.filter(
            kind=Kind.BUDGET, threshold__gt=OuterRef("threshold"), **{name: OuterRef(name) for name in same}
        )
    )


def note_seen(tenant: Tenant, user: Any, now: dt.datetime) -> None:
    """The person has looked at the alerts. Idempotent."""
    AlertsSeen.objects.update_or_create(tenant=tenant, user_id=user.pk, defaults={"seen_at": now})
