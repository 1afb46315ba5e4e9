"""A tenant whose semantic cache a test fills and asks, with vectors of a few made-up dimensions."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID, uuid4

import msgspec
from django_redis import get_redis_connection

from gateway import runtime
from gateway.caching import semantic
from gateway.caching.semantic import Given, Hit
from gateway.models import SemanticEntry
from gateway.semantic import entries, hits
from gateway.stores import semantic as store
from gateway.stores.nearest import Search
from gateway.stores.semantic import SemanticStore
from tenants import redis_keys
from tenants.ids import uuid7
from tenants.models import Tenant

Result = TypeVar("Result")
EMBEDDER = "angles"
SCOPE = semantic.scope("task", "help", "be brief", EMBEDDER)
OTHER_SCOPE = semantic.scope("task", "help", "be long", EMBEDDER)
KIN = semantic.scope("task", "help")


def at_angle(degrees: float) -> list[float]:
    """A unit vector; the cosine of two of them is that of the angle between them."""
    return [math.cos(math.radians(degrees)), math.sin(math.radians(degrees)), 0.0]


def embed(texts: list[str]) -> list[list[float]]:
    """A text that is a number is at that angle; any other at none."""
    return [at_angle(float(text) if text.lstrip("-").replace(".", "").isdigit() else 0) for text in texts]


def whole(text: str, finish_reason: str = "stop") -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
    return json.dumps({"object": "chat.completion", "choices": [choice]}).encode()


def asking(work: Callable[[SemanticStore], Coroutine[Any, Any, Result]]) -> Result:
    """Do something with the store of an event loop's own."""

    async def run() -> Result:
        try:
            return await work(runtime.current().semantic)
        finally:
            await runtime.close()

    return asyncio.run(run())


@dataclass
class Memory:
    tenant: Tenant

    @classmethod
    def build(cls) -> Memory:
        name = uuid4().hex[:10]
        return cls(Tenant.objects.create(name=f"Tenant {name}", slug=f"s-{name}"))

    @property
    def id(self) -> UUID:
        return self.tenant.id

    def given(self, question: str = "0", answer: str = "the answer", **fields: Any) -> Given:
        values: dict[str, Any] = {
            "scope": SCOPE,
            "kin": KIN,
            "task": "help",
            "question": question,
            "surface": "openai",
            "is_stream": False,
            "model": "gpt-4o",
            "provider": "openai",
            "body": whole(answer),
            "at_ms": int(time.time() * 1000),
            "request_id": uuid7().bytes,
            "fresh_seconds": 3600,
            "stale_seconds": 86_400,
            "embedder": EMBEDDER,
            "input_tokens": 12,
            "output_tokens": 34,
            "cost_nanousd": 5600,
        }
        return Given(**{**values, **fields})

    def hand_over(self, *given: Given | bytes) -> None:
        """Into the stream, as a gateway does."""
        for one in given:
            record = one if isinstance(one, bytes) else msgspec.msgpack.encode(one)
            get_redis_connection("default").xadd(redis_keys.given_answers(self.id), {"r": record})

    def work_off(self) -> int:
        """Bring what waits into the table, as a worker does."""
        kept = 0
        while (count := entries.keep(get_redis_connection("default"), self.id, EMBEDDER, embed)) is not None:
            kept += count
        return kept

    def keep(self, *questions: str, answer: str = "the answer", **fields: Any) -> int:
        self.hand_over(*(self.given(question, answer, **fields) for question in questions))
        return self.work_off()

    def rows(self) -> list[SemanticEntry]:
        return list(SemanticEntry.objects.filter(tenant=self.tenant).order_by("question"))

    def questions(self) -> list[str]:
        return [row.question for row in self.rows()]

    def search(self, degrees: float = 0, *, scope: bytes = SCOPE, least: float = 0.95, **more: Any) -> Search:
        """Generous with time: it is not what is tested."""
        more = {"budget_seconds": 10.0, **more}
        return asking(lambda store: store.nearest(self.id, scope, at_angle(degrees), least=least, **more))

    def found(self, degrees: float = 0, **more: Any) -> list[str]:
        """The questions of those that are near enough."""
        return [one.question for one in self.search(degrees, **more).near()]

    def hit(self, entry: SemanticEntry, *, request_id: UUID | None = None, **fields: Any) -> Hit:
        values: dict[str, Any] = {
            "request_id": (request_id or uuid7()).bytes,
            "entry_id": entry.id.bytes,
            "origin": entry.request_id.bytes,
            "task": entry.task,
            "similarity": 0.97,
            "score": None,
            "at_ms": int(time.time() * 1000),
        }
        return Hit(**{**values, **fields})

    def note(self, *noted: Hit | bytes) -> int:
        redis = get_redis_connection("default")
        for one in noted:
            record = one if isinstance(one, bytes) else msgspec.msgpack.encode(one)
            redis.xadd(redis_keys.semantic_hits(self.id), {"r": record})
        return hits.note(redis, self.id) or 0


def as_bytes(vector: Sequence[float]) -> bytes:
    return store.as_bytes(vector)
