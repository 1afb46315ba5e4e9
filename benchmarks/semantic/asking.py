"""Asks as a gateway does, and takes the time of each step."""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple


class Measured(NamedTuple):
    """Milliseconds, and the similarity of what was found (None: nothing). `verifying`: None where no model was asked."""

    embedding: list[float]
    search: list[float]
    found: list[float | None]
    verifying: list[float | None]

    @property
    def both(self) -> list[float]:
        return [first + second for first, second in zip(self.embedding, self.search, strict=True)]

    @property
    def verified(self) -> list[float]:
        return [took for took in self.verifying if took is not None]

    @property
    def all(self) -> list[float]:
        """Of those that were scored."""
        return [both + took for both, took in zip(self.both, self.verifying, strict=True) if took is not None]


async def searched(
    tenants: list[uuid.UUID], where: Sequence[Any], texts: list[str], vectors: Any
) -> dict[str, Measured]:
    from benchmarks.semantic import rows
    from gateway import runtime
    from gateway.caching.verify import reading, verifier
    from gateway.caching.verify.readings import Readings
    from gateway.context.vectors import Vectors

    verifier.warm()
    running = runtime.current()
    large, middle = where[0], next((place for place in where if place.tenant != tenants[0]), where[-1])
    small = rows.Place(tenants[0], rows.scope_of("small 0"))
    nearest = dict[tuple[Any, str], str]()  # entries' questions by the ones asked

    def forget() -> None:
        running.vectors, verifier._readings = Vectors(), Readings()

    async def one(place: Any, question: Any) -> Measured:
        times = [time.perf_counter()]
        vector = question
        if isinstance(question, str):
            found = await running.vectors.of(place.tenant, [question], running.embed, wait_seconds=10, as_made=True)
            assert found is not None
            vector = found[0]
        times.append(time.perf_counter())
        search = await running.semantic.nearest(place.tenant, place.scope, vector, least=0.95, budget_seconds=10)
        times.append(time.perf_counter())
        near, is_scored = next(iter(search.candidates), None), False
        if near is not None and isinstance(question, str):
            nearest[place, question] = near.question
            verdict = await verifier.averify(
                question, near.question, near.similarity, threshold=0.5, least_similarity=0.0, vector=vector,
                tenant_id=place.tenant,
            )  # fmt: skip
            is_scored = verdict.score is not None
        times.append(time.perf_counter())
        embedding, searching, verifying = (1000 * (after - before) for before, after in itertools.pairwise(times))
        similarity = near.similarity if near is not None else None
        return Measured([embedding], [searching], [similarity], [verifying if is_scored else None])

    async def series(place: Any, questions: Sequence[Any]) -> Measured:
        parts = []
        for question in questions:
            forget()  # else an entry that was just met is known
            parts.append(await one(place, question))
        return joined(parts)

    async def at_once(place: Any, questions: Sequence[str], callers: int, *, are_known: bool) -> Measured:
        forget()
        if are_known:
            for aligned in reading.of_texts(sorted({nearest[place, question] for question in questions})):
                verifier._readings.keep(place.tenant, aligned)
        left = iter(questions)
        parts: list[Measured] = []

        async def caller() -> None:
            for question in left:
                parts.append(await one(place, question))

        began = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(callers)))
        each = len(parts) / (time.perf_counter() - began)
        print(f"{each:7.0f}    a second, {callers} callers at once{', known entries' if are_known else ''}")
        return joined(parts)

    try:
        await series(large, texts[:40])  # connects, and reads the index from the disk once
        return {
            "the large scope, a new question": await series(large, texts),
            "the large scope, in other words": await series(large, list(vectors)),
            "the large scope, a known entry": await at_once(large, texts, 1, are_known=True),
            "a scope of a few thousand": await series(middle, texts[:100]),
            "a small scope": await series(small, texts[:100]),
            "8 callers, the large scope": await at_once(large, texts, 8, are_known=False),
            "8 callers, known entries": await at_once(large, texts, 8, are_known=True),
            "32 callers, the large scope": await at_once(large, texts, 32, are_known=False),
            "32 callers, known entries": await at_once(large, texts, 32, are_known=True),
        }
    finally:
        await runtime.close()


def joined(parts: list[Measured]) -> Measured:
    return Measured(*(list(itertools.chain(*column)) for column in zip(*parts, strict=True)))
