"""Brings usage records from the tenants' Redis streams into the request log.

For each tenant: read from the stream's beginning, COPY into a temporary table, insert what is not there yet (by accepted_at and id, that is
by request and attempt), commit, and only then delete from the stream. A worker that dies anywhere in between leaves the records in the
stream, and the next run inserts those that are missing. An advisory lock keeps two workers off the same tenant.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from django.db import DataError, OperationalError, connection, transaction
from redis import Redis

from billing import alerts, limits, prices
from gateway import daily_usage, ledger, log_changes, trace_exports, unwritten
from gateway.stores import usage_record
from gateway.stores.usage_record import Trail, UsageRecord
from tenants import redis_keys

logger = logging.getLogger(__name__)

BATCH = 2000
LOCK_WAIT = "500ms"
BUDGET_SPENT = "budget_spent"  # the code of requests that a used-up budget refused
REFUSED = (DataError, psycopg.DataError)  # COPY raises psycopg's own

COLUMNS = (
    "accepted_at", "id", "request_id", "attempt", "tenant_id", "api_key_id", "endpoint", "end_user", "task", "feature", "tags",
    "model_asked", "model_served", "provider", "is_stream", "status", "outcome", "error_type", "error_message", "finish_reason",
    "cache", "input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens",
    "reasoning_tokens", "usage_source", "cost_usd", "is_priced", "latency_ms", "ttft_ms", "steps_us", "tier", "refused_by", "output_cap",
    "is_final", "opens_model",
    "context_tokens_before", "context_tokens_after",
    "prefix_saved_usd",
    "cache_reason", "saved_usd", "cache_age_ms", "cache_similarity",
    "trail",
)  # fmt: skip
_LIST = ", ".join(COLUMNS)


@dataclass(frozen=True)
class Drained:
    """What a run did: records inserted, those that were there already, and those set aside because they cannot be stored."""

    inserted: int = 0
    repeated: int = 0
    set_aside: int = 0

    @property
    def read(self) -> int:
        """Entries of the stream."""
        return self.inserted + self.repeated + self.set_aside

    def __add__(self, other: Drained) -> Drained:
        return Drained(self.inserted + other.inserted, self.repeated + other.repeated, self.set_aside + other.set_aside)


@dataclass(frozen=True)
class Entry:
    """A stream entry: its id, and the record as it was sent."""

    id: bytes
    data: bytes


def drain(redis: Redis, tenant_id: UUID) -> Drained:
    """Empty a tenant's stream into the request log. Idempotent; raises what Redis or PostgreSQL raise, with nothing lost."""
    total = Drained()
    while True:
        batch = drain_batch(redis, tenant_id)
        if batch is None:
            return total
        total += batch


def drain_batch(redis: Redis, tenant_id: UUID) -> Drained | None:
    """One batch; None if there was nothing to do or another worker is at it."""
    stream = redis_keys.usage_stream(tenant_id)
    with transaction.atomic(durable=True):  # an outer transaction could still roll back what is deleted from the stream
        with connection.cursor() as cursor:
            if not _lock(cursor, tenant_id):
                return None
            cursor.execute("SELECT timezone FROM tenants_tenant WHERE id = %s", [tenant_id])
            found_zone = cursor.fetchone()
        timezone = found_zone[0] if found_zone else "UTC"
        found: Any = redis.xrange(stream, count=BATCH)
        entries = [Entry(entry_id, fields[b"r"]) for entry_id, fields in found]
        if not entries:
            return None
        records, bad = _decode(entries)
        refused: list[Entry] = []
        try:
            with transaction.atomic():
                inserted = _insert(tenant_id, timezone, records)
        except REFUSED:
            inserted, refused = _insert_one_by_one(tenant_id, timezone, records)
    # After the commit: dying before this line repeats the batch, which inserts nothing.
    if bad or refused:
        _set_aside(redis, tenant_id, bad + refused)
    redis.xdel(stream, *(entry.id for entry in entries))
    return Drained(inserted=inserted, repeated=len(records) - len(refused) - inserted, set_aside=len(bad + refused))


def _lock(cursor: Any, tenant_id: UUID) -> bool:
    """Keep others off the tenant's books until the transaction ends; False where another worker is at them.

    Waits for a moment: those who read counters from the ledger hold it shortly, but again and again where many new end users come, and who
    only tried would be unlucky as often.
    """
    try:
        with transaction.atomic():
            cursor.execute("SET LOCAL lock_timeout = %s", [LOCK_WAIT])
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [ledger.LOCK_SPACE, str(tenant_id)])
            cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            return False
        raise
    return True


def _decode(entries: list[Entry]) -> tuple[list[tuple[Entry, UsageRecord]], list[Entry]]:
    records: list[tuple[Entry, UsageRecord]] = []
    bad: list[Entry] = []
    for entry in entries:
        try:
            records.append((entry, usage_record.decode(entry.data)))
        except (msgspec.DecodeError, msgspec.ValidationError):
            bad.append(entry)
    return records, bad


def _insert(tenant_id: UUID, timezone: str, records: list[tuple[Entry, UsageRecord]]) -> int:
    """Insert the records that are not there yet, add them up, and note what they tell; returns how many were new."""
    if not records:
        return 0
    with connection.cursor() as cursor:
        for table in ("drained", "inserted", "replaced"):
            cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS {table} (LIKE gateway_requestlog) ON COMMIT DELETE ROWS")
        cursor.execute("TRUNCATE drained, inserted, replaced")
        with cursor.copy(f"COPY drained ({_LIST}) FROM STDIN") as copy:
            for record in _once_each(records):
                copy.write_row(_row(record))
        # What a swept hold was charged gives way to what was really used.
        cursor.execute(
            "WITH old AS (DELETE FROM gateway_requestlog AS r USING drained AS d WHERE r.accepted_at = d.accepted_at AND r.id = d.id "  # noqa: S608
            f"AND r.usage_source = 'held' AND d.usage_source <> 'held' RETURNING r.*) INSERT INTO replaced ({_LIST}) "
            f"SELECT {_LIST} FROM old"
        )
        has_replaced = cursor.rowcount > 0
        cursor.execute(
            f"WITH new AS (INSERT INTO gateway_requestlog ({_LIST}) SELECT {_LIST} FROM drained ON CONFLICT DO NOTHING "  # noqa: S608
            f"RETURNING {_LIST}) INSERT INTO inserted ({_LIST}) SELECT {_LIST} FROM new"
        )
        inserted: int = cursor.rowcount
        if inserted:
            daily_usage.add(cursor, inserted="inserted", replaced="replaced", timezone=timezone)
            log_changes.note(cursor, inserted="inserted", replaced="replaced", has_replaced=has_replaced)
            trace_exports.note(cursor, inserted="inserted")
            _note_end_users(cursor)
            _note_last_use(cursor)
            cursor.execute("SELECT id FROM inserted")
            new = {row[0] for row in cursor.fetchall()}
            _note_last_use_of_secrets(cursor, [record for _, record in records if record.id in new])
            _note_crossings(tenant_id, [record for _, record in records if record.id in new])
    return inserted


def _once_each(records: list[tuple[Entry, UsageRecord]]) -> Iterable[UsageRecord]:
    """Each record once; of a swept request, what was really used."""
    by_id: dict[UUID, UsageRecord] = {}
    for _, record in records:
        if record.id not in by_id or by_id[record.id].usage_source == usage_record.HELD:
            by_id[record.id] = record
    return by_id.values()


def _note_crossings(tenant_id: UUID, records: list[UsageRecord]) -> None:
    """Thresholds of budgets that these records have crossed become alerts, in this very transaction."""
    touched = {pair for record in records if record.attempt for pair in unwritten.subjects(record)}
    refused = [
        alerts.Refusal(source=record.refused_by, dimension=dimension, subject=subject, at=_accepted_at(record))
        for record in records
        if record.error_type == BUDGET_SPENT
        for dimension, subject in (*unwritten.subjects(record), (limits.MODEL, record.model_asked))
    ]
    alerts.note_crossings(tenant_id, touched=touched, at={_accepted_at(record) for record in records}, refused=refused)


def _accepted_at(record: UsageRecord) -> dt.datetime:
    return dt.datetime.fromtimestamp(record.accepted_ms / 1000, dt.UTC)


def _note_end_users(cursor: Any) -> None:
    """End users become known by being named in a request."""
    cursor.execute(
        "INSERT INTO tenants_enduser (id, tenant_id, external_id, tier, created_at) "
        "SELECT gen_random_uuid(), tenant_id, end_user, 'free', min(accepted_at) FROM inserted "
        "WHERE end_user <> '' AND EXISTS (SELECT FROM tenants_tenant WHERE tenants_tenant.id = inserted.tenant_id) "
        "GROUP BY tenant_id, end_user ON CONFLICT DO NOTHING"
    )


def _note_last_use(cursor: Any) -> None:
    cursor.execute(
        "UPDATE tenants_apikey SET last_used_at = used.at FROM "
        "(SELECT api_key_id, max(accepted_at) AS at FROM inserted GROUP BY api_key_id) AS used "
        "WHERE tenants_apikey.id = used.api_key_id AND (last_used_at IS NULL OR last_used_at < used.at)"
    )


def _note_last_use_of_secrets(cursor: Any, records: list[UsageRecord]) -> None:
    """Whether a secret that was replaced is still sent by anybody."""
    used: dict[tuple[UUID, str], dt.datetime] = {}
    for record in records:
        if record.secret_prefix:
            place, at = (record.api_key_id, record.secret_prefix), _accepted_at(record)
            used[place] = max(at, used.get(place, at))
    cursor.executemany(
        "UPDATE tenants_apikeysecret SET last_used_at = %s WHERE api_key_id = %s AND prefix = %s "
        "AND (last_used_at IS NULL OR last_used_at < %s)",
        [(at, key_id, prefix, at) for (key_id, prefix), at in used.items()],
    )


def _insert_one_by_one(
    tenant_id: UUID, timezone: str, records: list[tuple[Entry, UsageRecord]]
) -> tuple[int, list[Entry]]:
    """Insert what PostgreSQL takes, so that one record it refuses does not hold up the rest."""
    inserted = 0
    refused: list[Entry] = []
    for item in records:
        try:
            with transaction.atomic():
                inserted += _insert(tenant_id, timezone, [item])
        except REFUSED:
            logger.exception("PostgreSQL refuses the record of %s", item[1].request_id)
            refused.append(item[0])
    return inserted, refused


def _set_aside(redis: Redis, tenant_id: UUID, bad: list[Entry]) -> None:
    """Keep what cannot be stored where an operator can look at it; nothing is thrown away."""
    pipeline = redis.pipeline(transaction=False)
    for entry in bad:
        pipeline.xadd(redis_keys.refused_records(tenant_id), {"r": entry.data})
    pipeline.execute()
    logger.error("%s usage records of tenant %s cannot be stored and were set aside", len(bad), tenant_id)


def _row(record: UsageRecord) -> tuple[Any, ...]:
    return (
        _accepted_at(record),
        record.id,
        record.request_id,
        record.attempt,
        record.tenant_id,
        record.api_key_id,
        record.endpoint,
        record.end_user,
        record.task,
        record.feature,
        list(record.tags),
        record.model_asked,
        record.model_served,
        record.provider,
        record.is_stream,
        record.status,
        record.outcome,
        record.error_type,
        record.error_message,
        record.finish_reason,
        record.cache,
        record.input_tokens,
        record.cache_read_tokens,
        record.cache_write_5m_tokens,
        record.cache_write_1h_tokens,
        record.output_tokens,
        record.reasoning_tokens,
        record.usage_source,
        prices.usd(record.cost_nanousd),
        record.is_priced,
        record.latency_ms,
        record.ttft_ms,
        json.dumps(record.steps_us),
        record.tier,
        record.refused_by,
        record.output_cap,
        record.is_final,
        record.opens_model,
        record.context_tokens_before,
        record.context_tokens_after,
        prices.usd(record.prefix_saved_nanousd),
        record.cache_reason,
        None if record.saved_nanousd is None else prices.usd(record.saved_nanousd),
        record.cache_age_ms,
        record.cache_similarity,
        None if record.trail is None else json.dumps(_told(record.trail)),
    )


def _told(trail: Trail) -> dict[str, Any]:
    """What there is to tell; most requests have little of it."""
    return {name: value for name, value in msgspec.structs.asdict(trail).items() if value}
