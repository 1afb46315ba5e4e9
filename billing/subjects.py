"""What a budget may be about: the real keys, end users, tiers, tasks, models and tags that forms offer.

Every app says what is its own, with `@offers`; who offers nothing is asked for as text. What is offered is help, not a rule: a budget may
name a tag that nobody has used yet.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from billing import limits
from billing.models import DailyUsage, PlanTier, Subscription
from tenants.models import ApiKey, EndUser, Tenant
from tenants.tiers import DEFAULT_TIER

MOST = 500
RECENT_DAYS = 90


@dataclass(frozen=True)
class Choice:
    value: str
    label: str


Source = Callable[[Tenant, str], list[Choice]]
_sources: dict[str, Source] = {}


def offers(dimension: str) -> Callable[[Source], Source]:
    """Register a function that finds a tenant's choices in that dimension; its second argument is what their names should hold."""

    def register(source: Source) -> Source:
        _sources[dimension] = source
        return source

    return register


def of(tenant: Tenant, dimension: str, text: str = "") -> list[Choice]:
    """At most `MOST` choices."""
    return _sources[dimension](tenant, text.strip())[:MOST] if dimension in _sources else []


@offers(limits.KEY)
def _keys(tenant: Tenant, text: str) -> list[Choice]:
    is_usable = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
    rows = ApiKey.objects.filter(is_usable, tenant=tenant, name__icontains=text).order_by("name", "prefix")
    return [Choice(str(key.pk), str(key)) for key in rows[:MOST]]


@offers(limits.END_USER)
def _end_users(tenant: Tenant, text: str) -> list[Choice]:
    rows = EndUser.objects.filter(tenant=tenant, external_id__icontains=text).order_by("external_id")
    return [Choice(name, name) for name in rows.values_list("external_id", flat=True)[:MOST]]


@offers(limits.TIER)
def _tiers(tenant: Tenant, text: str) -> list[Choice]:
    """Those of the plan, and those that end users are in."""
    plans = Subscription.objects.filter(tenant=tenant, ended_at=None).values("plan")
    names = {DEFAULT_TIER, *PlanTier.objects.filter(plan__in=plans).values_list("tier", flat=True)}
    names |= set(EndUser.objects.filter(tenant=tenant).order_by().values_list("tier", flat=True).distinct())
    return [Choice(name, name) for name in sorted(names) if text.lower() in name.lower()]


@offers(limits.TAG)
def _tags(tenant: Tenant, text: str) -> list[Choice]:
    """Those that requests of the last months had."""
    since = timezone.localdate() - dt.timedelta(days=RECENT_DAYS)
    rows = DailyUsage.objects.filter(tenant=tenant, dimension=limits.TAG, day__gte=since, subject__icontains=text)
    return [Choice(name, name) for name in rows.order_by("subject").values_list("subject", flat=True).distinct()[:MOST]]
