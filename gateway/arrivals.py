"""Requests as they come in, within a moment of their end: read from the tenant's stream, and from the log once they were drained into it.

For people who wait for their first one. Redis being away leaves the log, which is a second or two behind.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from billing import prices
from gateway.models import RequestLog
from gateway.stores import usage_record
from gateway.stores.usage_record import UsageRecord
from tenants import redis_keys
from tenants.models import Tenant

logger = logging.getLogger(__name__)
LOOKED_AT = 50  # entries of the stream


@dataclass(frozen=True)
class Arrival:
    """A request that has ended."""

    request_id: UUID
    accepted_at: dt.datetime
    api_key_id: UUID
    model: str
    provider: str
    status: int
    outcome: str
    error: str
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal
    latency_ms: float

    @property
    def is_answered(self) -> bool:
        return self.outcome == RequestLog.Outcome.OK


def since(tenant: Tenant, after: dt.datetime, *, most: int = 5) -> list[Arrival]:
    """The requests that were accepted after that time and have ended; newest first."""
    found = {item.request_id: item for item in _logged(tenant, after, most)}
    found |= {item.request_id: item for item in _waiting(tenant, after)}
    return sorted(found.values(), key=lambda item: (item.accepted_at, item.request_id), reverse=True)[:most]


def _logged(tenant: Tenant, after: dt.datetime, most: int) -> list[Arrival]:
    rows = RequestLog.objects.filter(tenant=tenant, accepted_at__gt=after, is_final=True).order_by("-accepted_at")[
        :most
    ]
    return [
        Arrival(
            request_id=row.request_id,
            accepted_at=row.accepted_at,
            api_key_id=row.api_key_id,
            model=row.model_served or row.model_asked,
            provider=row.provider,
            status=row.status,
            outcome=row.outcome,
            error=row.error_message,
            input_tokens=row.input_tokens,
            output_tokens=row.output_tokens,
            cost_usd=row.cost_usd,
            latency_ms=row.latency_ms,
        )
        for row in rows
    ]


def _waiting(tenant: Tenant, after: dt.datetime) -> list[Arrival]:
    try:
        redis = get_redis_connection("default")
        entries: Any = redis.xrevrange(redis_keys.usage_stream(tenant.pk), count=LOOKED_AT)
    except RedisError as error:
        logger.warning("could not read what has just come in: %s", error)
        return []
    found = []
    for _entry_id, fields in entries:
        try:
            record = usage_record.decode(fields[b"r"])
        except (KeyError, msgspec.DecodeError, msgspec.ValidationError):
            continue  # the drain sets it aside
        if record.is_final and record.tenant_id == tenant.pk and _at(record) > after:
            found.append(_of_record(record))
    return found


def _at(record: UsageRecord) -> dt.datetime:
    return dt.datetime.fromtimestamp(record.accepted_ms / 1000, dt.UTC)


def _of_record(record: UsageRecord) -> Arrival:
    return Arrival(
        request_id=record.request_id,
        accepted_at=_at(record),
        api_key_id=record.api_key_id,
        model=record.model_served or record.model_asked,
        provider=record.provider,
        status=record.status,
        outcome=record.outcome,
        error=record.error_message,
        input_tokens=record.input_tokens,
        output_tokens=record.output_tokens,
        cost_usd=prices.usd(record.cost_nanousd),
        latency_ms=record.latency_ms,
    )
