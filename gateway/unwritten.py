"""Usage records that a tenant's stream holds and the request log does not yet, and what records add up to by what limits count."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection
from redis import Redis

from billing import limits
from billing.windows import Window
from gateway.stores import usage_record
from gateway.stores.usage_record import UsageRecord
from tenants import redis_keys


def waiting(store: Redis, tenant_id: UUID, last: bytes | None) -> list[UsageRecord]:
    """Records in the stream up to entry `last` that are not in the log yet; each once, what was really used before what was held."""
    by_id: dict[UUID, UsageRecord] = {}
    start: Any = "-"
    while last is not None:
        entries: Any = store.xrange(redis_keys.usage_stream(tenant_id), min=start, max=last, count=5000)
        for _, values in entries:
            try:
                record = usage_record.decode(values[b"r"])
            except (msgspec.DecodeError, msgspec.ValidationError):
                continue  # the drain sets it aside
            if record.id not in by_id or by_id[record.id].usage_source == usage_record.HELD:
                by_id[record.id] = record
        if len(entries) < 5000:
            break
        start = b"(" + entries[-1][0]
    if not by_id:
        return []
    times = [dt.datetime.fromtimestamp(record.accepted_ms / 1000, dt.UTC) for record in by_id.values()]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, usage_source, input_tokens, output_tokens, cost_usd FROM gateway_requestlog "
            "WHERE accepted_at BETWEEN %s AND %s AND id = ANY(%s)",
            [min(times), max(times), list(by_id)],
        )
        for known, source, *amounts in cursor.fetchall():
            record = by_id.pop(known)
            if source == usage_record.HELD and record.usage_source != usage_record.HELD:
                by_id[known] = _beyond(record, *amounts)
    return list(by_id.values())


def _beyond(record: UsageRecord, input_tokens: int, output_tokens: int, cost_usd: Decimal) -> UsageRecord:
    """What a record will add to the log once it has replaced the one of its swept hold; its request is counted already."""
    return msgspec.structs.replace(
        record,
        attempt=0,
        input_tokens=record.input_tokens - input_tokens,
        output_tokens=record.output_tokens - output_tokens,
        cost_nanousd=record.cost_nanousd - int(cost_usd * limits.NANO_PER_USD),
    )


def sums(records: list[UsageRecord], dimension: str, span: Window) -> dict[tuple[str, str], int]:
    """What those accepted within `span` come to: (subject in `dimension`, metric) → requests, tokens, nano-dollars."""
    total: dict[tuple[str, str], int] = defaultdict(int)
    for record in records:
        if span.start * 1000 <= record.accepted_ms and (span.end is None or record.accepted_ms < span.end * 1000):
            for subject in (subject for found, subject in subjects(record) if found == dimension):
                is_counted = (
                    record.opens_model and record.attempt > 0 if dimension == limits.MODEL else record.attempt == 1
                )
                total[subject, limits.REQUESTS] += is_counted
                total[subject, limits.TOKENS] += record.input_tokens + record.output_tokens
                total[subject, limits.USD] += record.cost_nanousd
    return total


def subjects(record: UsageRecord) -> Iterable[tuple[str, str]]:
    """Whom a record counts for: (dimension, subject)."""
    return limits.subjects(
        key=str(record.api_key_id),
        end_user=record.end_user,
        tier=record.tier,
        task=record.task,
        model=record.model_served,
        tags=record.tags,
    )
