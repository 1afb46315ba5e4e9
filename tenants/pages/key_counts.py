"""How many keys a tenant's applications have: counted once for a page, whoever of it asks."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils import timezone

from tenants import visits
from tenants.models import ApiKey


@dataclass(frozen=True)
class KeyCounts:
    """`usable` are those that can call now; `made` all that there ever were."""

    made: int
    usable: int


def of(request: HttpRequest) -> KeyCounts:
    known: KeyCounts | None = getattr(request, "_tollgate_key_counts", None)
    if known is None:
        alive = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
        rows = ApiKey.objects.filter(tenant=visits.of(request).tenant, kind=ApiKey.Kind.APPLICATION)
        known = KeyCounts(**rows.aggregate(made=Count("pk"), usable=Count("pk", filter=alive)))
        request._tollgate_key_counts = known  # type: ignore[attr-defined]
    return known
