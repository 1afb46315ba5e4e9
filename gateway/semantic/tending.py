"""Keeps the semantic cache within its bounds: what is past its end goes, then what was used longest ago. Large scopes get their indexes."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection

from gateway.models import SemanticCheck, SemanticHit
from gateway.semantic import indexes
from gateway.semantic.indexes import Scope
from tenants import tenancy

HITS_KEPT = dt.timedelta(days=14)
CHECKS_KEPT = dt.timedelta(days=365)
INDEXING_SECONDS = 60.0  # then the next run goes on; an index once begun is finished
ROOM = 0.05  # of a bound that is made at once when it is reached, so that it is not reached again right away
_LAST_USED = "coalesce(last_hit_at, answered_at)"


class Tended(NamedTuple):
    """Entries that were past their end, and those that had to make room."""

    ended: int
    evicted: int


class _Counted(NamedTuple):
    entries: int
    large: list[Scope]


def tend(tenant_ids: Iterable[UUID], now: dt.datetime) -> Tended:
    """Look after every tenant's entries, then after the indexes. Safe to run twice, and at once."""
    ended = evicted = 0
    large: list[Scope] = []
    for tenant_id in tenant_ids:
        with tenancy.entered(tenant_id):
            gone = _end(tenant_id, now)
            counted = _count(tenant_id)
            made_room = _make_room(tenant_id, counted)
            large += counted.large
        ended += gone
        evicted += made_room
    SemanticHit.objects.filter(at__lt=now - HITS_KEPT).delete()
    SemanticCheck.objects.filter(checked_at__lt=now - CHECKS_KEPT).delete()
    if not connection.in_atomic_block:  # in one an index cannot be made without closing the table
        end = time.monotonic() + INDEXING_SECONDS
        while indexes.tend(large) and time.monotonic() < end:
            pass
    return Tended(ended, evicted)


def _end(tenant_id: UUID, now: dt.datetime) -> int:
    return _execute("DELETE FROM gateway_semanticentry WHERE tenant_id = %s AND stale_until < %s", [tenant_id, now])


def _count(tenant_id: UUID) -> _Counted:
    """All entries of a tenant, and its large scopes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH counted AS MATERIALIZED (SELECT scope, count(*) AS entries FROM gateway_semanticentry WHERE tenant_id = %s GROUP "
            "BY scope) "
            "SELECT NULL, coalesce(sum(entries), 0) FROM counted UNION ALL SELECT scope, entries FROM counted WHERE entries >= %s",
            [tenant_id, min(indexes.UNTIL_ENTRIES, settings.GATEWAY_SEMANTIC_SCOPE_ENTRIES)],
        )
        (_, entries), *scopes = cursor.fetchall()
    return _Counted(int(entries), [Scope(tenant_id, bytes(scope), count) for scope, count in scopes])


def _make_room(tenant_id: UUID, counted: _Counted) -> int:
    evicted = 0
    most = settings.GATEWAY_SEMANTIC_SCOPE_ENTRIES
    for scope in counted.large:
        if scope.entries > most:
            evicted += _evict(
                "tenant_id = %s AND scope = %s", [tenant_id, scope.scope], scope.entries - int(most * (1 - ROOM))
            )
    most = settings.GATEWAY_SEMANTIC_ENTRIES
    left = counted.entries - evicted
    if left > most:
        evicted += _evict("tenant_id = %s", [tenant_id], left - int(most * (1 - ROOM)))
    return evicted


def _evict(where: str, values: list[Any], count: int) -> int:
    """Those that were given, or made, longest ago."""
    return _execute(
        f"DELETE FROM gateway_semanticentry WHERE {where} AND id IN "  # noqa: S608
        f"(SELECT id FROM gateway_semanticentry WHERE {where} ORDER BY {_LAST_USED}, id LIMIT %s)",
        [*values, *values, count],
    )


def _execute(statement: str, values: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        count: int = cursor.rowcount
    return count
