"""Indexes for nearest neighbours, one for each large scope: made when it has grown, dropped when it has shrunk.

A scope of a few thousand entries is compared whole in a few milliseconds, and most scopes have a handful: an index over all of them
would make each insertion ten times as dear and find less (measured in docs/semantic-cache.md). An index of a scope's own finds in a
graph that has nothing else in it, so that no filter takes its neighbours away. Its predicate names tenant and scope; which search it
serves, PostgreSQL sees from the predicate of the search.

Names are derived from tenant and scope, and what PostgreSQL knows of them is all there is to know: nothing has to be kept in step.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple
from uuid import UUID

from django.db import connection

logger = logging.getLogger(__name__)

FROM_ENTRIES = 1_000
UNTIL_ENTRIES = 500
MOST_INDEXES = 300  # each makes every search be planned 3 µs longer, and every insertion look at one more predicate
MOST_DIMENSIONS = 4_000  # that pgvector indexes as halfvec; vectors that are longer are compared whole
MEMORY = "256MB"  # for building one: enough for 200 000 entries of 384 dimensions at once
NEIGHBOURS, CARE = 16, 64  # pgvector's m and ef_construction
PREFIX = "semantic_near_"
_LOCK = 0x5E3A_0001


class Scope(NamedTuple):
    """A scope with many entries."""

    tenant_id: UUID
    scope: bytes
    entries: int

    @property
    def name(self) -> str:
        return PREFIX + hashlib.sha256(self.tenant_id.bytes + self.scope).hexdigest()[:32]


class Plan(NamedTuple):
    """What to do, the largest scope first."""

    make: list[Scope]
    drop: list[str]


def plan(large: Iterable[Scope], existing: dict[str, bool]) -> Plan:
    """Which indexes to make and drop. `large`: all scopes with at least `UNTIL_ENTRIES`; `existing`: by name, whether it is whole."""
    ranked = sorted(large, key=lambda scope: -scope.entries)
    worthy = [scope for scope in ranked if scope.entries >= FROM_ENTRIES or scope.name in existing][:MOST_INDEXES]
    names = {scope.name for scope in worthy}
    return Plan(
        make=[scope for scope in worthy if not existing.get(scope.name)],
        drop=[name for name, is_whole in existing.items() if name not in names or not is_whole],
    )


def tend(large: list[Scope]) -> int:
    """Drop what is to be dropped and make one index, the most wanted; returns how many are still to be made.

    Outside of any transaction. One worker at a time; another one leaves at once. Searches and insertions go on meanwhile. What was
    broken off half-way is dropped by the next run.
    """
    with _alone() as is_ours:
        if not is_ours:
            return 0
        wanted = plan(large, _existing())
        for name in wanted.drop:
            _run(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        for scope in wanted.make:
            if _make(scope):
                return len(wanted.make) - wanted.make.index(scope) - 1
        return 0


def _existing() -> dict[str, bool]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, i.indisvalid FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid "
            "WHERE i.indrelid = 'gateway_semanticentry'::regclass AND starts_with(c.relname, %s)",
            [PREFIX],
        )
        return dict(cursor.fetchall())


def _make(scope: Scope) -> bool:
    """Whether there was anything to make: it may be gone by now, or its vectors be too long."""
    where = f"tenant_id = '{scope.tenant_id}' AND scope = '\\x{scope.scope.hex()}'"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT vector_dims(embedding) FROM gateway_semanticentry WHERE {where} LIMIT 1")  # noqa: S608
        found = cursor.fetchone()
    if found is None or found[0] > MOST_DIMENSIONS:
        return False
    logger.info("making %s for %s entries of tenant %s", scope.name, scope.entries, scope.tenant_id)
    _run(f"SET maintenance_work_mem = '{MEMORY}'", "SET max_parallel_maintenance_workers = 0")
    try:
        _run(
            f"CREATE INDEX CONCURRENTLY {scope.name} ON gateway_semanticentry "
            f"USING hnsw ((embedding::halfvec({found[0]})) halfvec_cosine_ops) WITH (m = {NEIGHBOURS}, ef_construction = {CARE}) "
            f"WHERE {where}",
            "ANALYZE gateway_semanticentry (tenant_id, scope)",
        )
    finally:
        _run("RESET maintenance_work_mem", "RESET max_parallel_maintenance_workers")
    return True


def _run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def _alone() -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        is_ours = bool(cursor.fetchone()[0])
    try:
        yield is_ours
    finally:
        if is_ours:
            _run(f"SELECT pg_advisory_unlock({_LOCK})")
