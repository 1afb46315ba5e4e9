"""Embedding off the event loop: one thread, to which the texts that came while it was busy go together.

One thread is enough: there are as many processes as cores, and what waits becomes a larger batch, which costs less per text. Nothing is
remembered here: texts of all tenants come by, and a quick answer would tell that somebody has asked the same. Who knows the tenant may
remember.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from gateway.embedders import EmbedderError, Vector
from gateway.embedders.niceness import step_back

MOST_AT_ONCE = 32
MOST_WAITING = 2_000
Work = Callable[[Sequence[str]], list[Vector]]


class Batched:
    """An embedder out of a function that blocks. `embed` is to be used from one event loop only."""

    def __init__(self, name: str, work: Work) -> None:
        self._name = name
        self._work = work
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedder", initializer=step_back)
        self._waiting: deque[tuple[str, asyncio.Future[Vector]]] = deque()
        self._working: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return self._name

    def embed_now(self, texts: Sequence[str]) -> list[Vector]:
        try:
            return self._work(texts) if texts else []
        except Exception as error:
            raise EmbedderError(f"{self._name} failed: {error}") from error

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        loop = asyncio.get_running_loop()
        found: list[asyncio.Future[Vector]] = []
        for text in texts:
            if len(self._waiting) >= MOST_WAITING:
                raise EmbedderError(f"{self._name} has {MOST_WAITING} texts to embed already")
            vector: asyncio.Future[Vector] = loop.create_future()
            self._waiting.append((text, vector))
            found.append(vector)
        if self._waiting and self._working is None:
            self._working = asyncio.ensure_future(self._work_off())
        return list(await asyncio.gather(*found))

    async def _work_off(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]
                batch = [(text, vector) for text, vector in batch if not vector.done()]  # who waited may be gone
                if not batch:
                    continue
                try:
                    vectors = await loop.run_in_executor(self._pool, self.embed_now, [text for text, _ in batch])
                except EmbedderError as error:
                    for _, waiting in batch:
                        if not waiting.done():
                            waiting.set_exception(error)
                    continue
                for (_, waiting), made in zip(batch, vectors, strict=True):
                    if not waiting.done():
                        waiting.set_result(made)
        finally:
            self._working = None
