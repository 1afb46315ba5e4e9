"""Of what entries are purged, and a mark for those that are still on their way: what was asked before it is not kept any more.

The marks stand in Redis beside the stream they are about: whoever loses the one loses the other.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from redis import Redis

from gateway.caching.semantic import Given
from gateway.models import SemanticEntry
from tenants import redis_keys

MARKS_KEPT = dt.timedelta(days=7)
ALL, TASK, KEY, TAG, END_USER = "all", "task", "key", "tag", "end_user"
_FIELDS = {TASK: "task", KEY: "api_key_id", TAG: "tags__contains", END_USER: "end_user"}


class Purge(NamedTuple):
    """`kind` is ALL, TASK, KEY, TAG or END_USER; `subject` which one: a slug, an id, a tag, the name the application gives."""

    kind: str = ALL
    subject: str = ""

    @property
    def name(self) -> str:
        return f"{self.kind}|{self.subject}"

    def of(self, rows: QuerySet[SemanticEntry]) -> QuerySet[SemanticEntry]:
        if self.kind == ALL:
            return rows
        value: Any = [self.subject] if self.kind == TAG else UUID(self.subject) if self.kind == KEY else self.subject
        return rows.filter(**{_FIELDS[self.kind]: value})


def mark(redis: Redis, tenant_id: UUID, what: Purge, now: dt.datetime) -> None:
    """From here on nothing of it is kept that was asked before `now`."""
    key = redis_keys.semantic_purges(tenant_id)
    pipeline = redis.pipeline(transaction=True)
    pipeline.hset(key, what.name, str(int(now.timestamp() * 1000)))
    pipeline.expire(key, MARKS_KEPT)
    pipeline.execute()


def marks(redis: Redis, tenant_id: UUID) -> dict[bytes, bytes]:
    found: Any = redis.hgetall(redis_keys.semantic_purges(tenant_id))
    return dict(found)


def is_purged(given: Given, marks: dict[bytes, bytes]) -> bool:
    """Whether the answer belongs to something that was purged after it had been asked for."""
    if not marks:
        return False
    belongs_to = [
        Purge(),
        Purge(TASK, given.task),
        Purge(KEY, given.key_id),
        Purge(END_USER, given.end_user),
        *(Purge(TAG, tag) for tag in given.tags),
    ]
    return any(given.at_ms <= int(marks.get(one.name.encode(), b"-1")) for one in belongs_to)
