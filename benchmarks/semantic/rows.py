"""Fills the table with vectors that lie as those of real questions do.

A few thousand questions are embedded. Each row is one of them, moved by noise of the same covariance: so the vectors have the
directions, the few effective dimensions and the crowded neighbourhoods of real ones, and a million of them take a minute instead of
an hour. Where the nearest neighbours then are is printed, to be compared with one's own.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import psycopg

CHUNK = 10_000
COLUMNS = (
    "id", "tenant_id", "scope", "kin", "question_sha256", "question", "embedder", "embedding", "task", "model_asked", "end_user", "tags",
    "surface", "is_stream", "body", "model", "provider", "request_id", "input_tokens", "output_tokens", "cost_nanousd", "answered_at",
    "expires_at", "stale_until", "hits",
)  # fmt: skip

TYPES = (
    ["uuid"] * 2 + ["bytea"] * 3 + ["text"] * 2 + ["bytea"] + ["text"] * 3 + ["varchar[]", "text", "bool", "bytea", "text", "text", "uuid"]
    + ["int4"] * 2 + ["int8"] + ["timestamptz"] * 3 + ["int4"]
)  # fmt: skip


class Cloud:
    """Draws vectors around those of questions."""

    def __init__(self, base: Any, seed: int = 7) -> None:
        self._base = base
        self._draw = np.random.default_rng(seed)
        self._root = np.linalg.cholesky(np.cov(base.T) + 1e-6 * np.eye(base.shape[1])).astype(np.float32)

    def draw(self, count: int) -> tuple[Any, Any]:
        """Vectors, and which of the questions each lies around."""
        noise = self._draw.standard_normal((count, self._base.shape[1])).astype(np.float32) @ self._root.T
        reach = self._draw.uniform(0.2, 0.9, (count, 1)).astype(np.float32)
        around = self._draw.integers(0, len(self._base), count)
        vectors = self._base[around] + reach * noise
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), around

    def near(self, vectors: Any, reach: float = 0.25) -> Any:
        """The same question in slightly other words."""
        noise = self._draw.standard_normal(vectors.shape).astype(np.float32) @ self._root.T
        moved = vectors + reach * noise
        return moved / np.linalg.norm(moved, axis=1, keepdims=True)


class Place(NamedTuple):
    tenant: uuid.UUID
    scope: bytes


def scope_of(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def places(rows: int, large: int, tenants: list[uuid.UUID]) -> Iterator[Place]:
    """Where each row belongs: the first tenant has a scope of `large`; a tenth of the rest lies in scopes of 5 000, another part of
    the first tenant's own, and most in scopes of a few dozen, as most system prompts and conversations have."""
    first = Place(tenants[0], scope_of("large"))
    for _ in range(large):
        yield first
    for number in range(rows - large):
        if number % 10 == 0:
            yield Place(tenants[1 + number // 50_000 % (len(tenants) - 1)], scope_of(f"middle {number // 50_000}"))
        elif number % 10 < 3:
            yield Place(tenants[0], scope_of(f"small {number // 400}"))
        else:
            yield Place(tenants[number % len(tenants)], scope_of(f"small {number // 3000}"))


def fill(
    connection: psycopg.Connection[Any], cloud: Cloud, where: list[Place], *, body: bytes, questions: list[str]
) -> Any:
    """Write a row for each place, in random order, with the text of the question that its vector lies around; returns the vectors of the
    largest place, as they were stored."""
    order = np.random.default_rng(11).permutation(len(where))
    largest = where[0]
    kept = []
    now = connection.execute("SELECT now(), now() + interval '1 day', now() + interval '2 days'").fetchone()
    assert now is not None
    with connection.cursor() as cursor:
        statement = f"COPY gateway_semanticentry ({', '.join(COLUMNS)}) FROM STDIN (FORMAT binary)"
        with cursor.copy(statement) as copy:
            copy.set_types(TYPES)
            for start in range(0, len(where), CHUNK):
                numbers = order[start : start + CHUNK]
                drawn, around = cloud.draw(len(numbers))
                vectors = drawn.astype(np.float16)
                packed = _packed(vectors)
                for number, vector, data, at in zip(numbers, vectors, packed, around, strict=True):
                    place = where[number]
                    if place == largest:
                        kept.append(vector)
                    name = uuid.UUID(int=int(number) + 1)
                    copy.write_row(
                        (
                            name, place.tenant, place.scope, b"", hashlib.sha256(name.bytes).digest(),
                            questions[at], "minilm-l6-v2", data.tobytes(), "support", "task/support",
                            "", [], "openai", False, body, "gpt-4o", "openai", name, 20, 200, 100_000, *now, 0,
                        )
                    )  # fmt: skip
    return np.array(kept).astype(np.float32)


def _packed(vectors: Any) -> Any:
    """As pgvector's `halfvec` takes them over the wire: their length, two empty bytes, and the numbers."""
    count, dimensions = vectors.shape
    packed = np.empty((count, 4 + 2 * dimensions), np.uint8)
    packed[:, :4] = np.frombuffer(np.array([dimensions, 0], ">i2").tobytes(), np.uint8)
    packed[:, 4:] = vectors.astype(">f2").view(np.uint8).reshape(count, 2 * dimensions)
    return packed
