"""Embeddings are asked for once, waited for only so long, and their failure fails nothing."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from gateway.context.vectors import MOST_AT_ONCE, Vectors

A, B = UUID(int=1), UUID(int=2)


async def asked(
    vectors: Vectors, tenant: UUID, *texts: str, embed: Any, wait_seconds: float = 5
) -> list[list[float]] | None:
    found = await vectors.of(tenant, list(texts), embed, wait_seconds=wait_seconds)
    return None if found is None else [list(vector) for vector in found]


class Embedder:
    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.may_go_on = asyncio.Event()

    async def __call__(self, texts: list[str]) -> list[list[float]]:
        self.asked.append(texts)
        await self.may_go_on.wait()
        return [[float(len(text))] for text in texts]


async def test_a_text_is_embedded_once_for_each_tenant():
    vectors, embedder = Vectors(), Embedder()
    embedder.may_go_on.set()
    assert await asked(vectors, A, "one", "three", "one", embed=embedder) == [[3.0], [5.0], [3.0]]
    assert await asked(vectors, A, "three", "seven77", embed=embedder) == [[5.0], [7.0]]
    assert await asked(vectors, B, "one", embed=embedder) == [[3.0]]
    assert embedder.asked == [["one", "three"], ["seven77"], ["one"]]


async def test_what_comes_too_late_is_there_the_next_time():
    vectors, embedder = Vectors(), Embedder()
    assert await vectors.of(A, ["one"], embedder, wait_seconds=0) is None
    embedder.may_go_on.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert await asked(vectors, A, "one", embed=embedder, wait_seconds=0) == [[3.0]]
    assert len(embedder.asked) == 1


async def test_an_embedder_that_hangs_is_not_asked_without_end():
    vectors, embedder = Vectors(), Embedder()
    for number in range(MOST_AT_ONCE + 3):
        assert await vectors.of(A, [str(number)], embedder, wait_seconds=0.001) is None
    assert len(embedder.asked) == MOST_AT_ONCE
    vectors.close()


async def test_a_failing_embedder_is_gone_without():
    async def broken(texts: list[str]) -> list[list[float]]:
        raise RuntimeError("no model")

    assert await Vectors().of(A, ["one"], broken, wait_seconds=5) is None


async def test_the_oldest_are_forgotten():
    vectors, embedder = Vectors(capacity=2), Embedder()
    embedder.may_go_on.set()
    for text in ("1", "22", "333", "1"):
        await vectors.of(A, [text], embedder, wait_seconds=5)
    assert embedder.asked == [["1"], ["22"], ["333"], ["1"]]


async def test_what_was_just_made_may_be_had_as_the_embedder_made_it_once():
    vectors, made = Vectors(), [1.0, 0.0]

    async def embed(texts: list[str]) -> list[list[float]]:
        return [made]

    first, second = [await vectors.of(A, ["one"], embed, wait_seconds=5, as_made=True) for _ in range(2)]
    assert first is not None
    assert second is not None
    assert first[0] is made
    assert second[0] is not made
    assert list(second[0]) == made
