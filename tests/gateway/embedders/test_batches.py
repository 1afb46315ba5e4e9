"""Texts that come while others are being embedded go together, and each caller gets its own vector."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Sequence

import pytest

from gateway.embedders import EmbedderError, niceness
from gateway.embedders import batches as batching
from gateway.embedders.batches import Batched


class Slow:
    """Embeds a text as its length, when it is let go on."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.gate = threading.Event()
        self.fails = False

    def __call__(self, texts: Sequence[str]) -> list[int]:
        self.batches.append(list(texts))
        assert self.gate.wait(60)
        if self.fails:
            raise RuntimeError("out of order")
        return [len(text) for text in texts]


async def test_those_who_wait_go_together_and_each_gets_its_own():
    work = Slow()
    embedder = Batched("slow", work)
    callers = [asyncio.ensure_future(embedder.embed(["x" * size, "y" * (size + 1)])) for size in range(1, 201)]
    await asyncio.sleep(0.05)
    work.gate.set()
    assert await asyncio.gather(*callers) == [[size, size + 1] for size in range(1, 201)]
    assert sum(map(len, work.batches)) <= 400
    assert len(work.batches) <= 400 / batching.MOST_AT_ONCE + 2


async def test_one_who_leaves_takes_nothing_from_the_others():
    work = Slow()
    embedder = Batched("slow", work)
    first, leaving, staying = (asyncio.ensure_future(embedder.embed([text])) for text in ("a", "bb", "ccc"))
    await asyncio.sleep(0.05)
    leaving.cancel()
    work.gate.set()
    assert [await first, await staying] == [[1], [3]]
    assert await embedder.embed(["dddd"]) == [4]


async def test_a_failure_reaches_those_of_its_batch_and_the_next_ones_are_served():
    work = Slow()
    work.fails = True
    work.gate.set()
    embedder = Batched("slow", work)
    with pytest.raises(EmbedderError, match="out of order"):
        await embedder.embed(["a"])
    work.fails = False
    assert await embedder.embed(["a"]) == [1]


async def test_nothing_is_remembered_so_that_no_answer_is_quicker_for_what_others_asked():
    work = Slow()
    work.gate.set()
    embedder = Batched("slow", work)
    for _ in range(3):
        assert await embedder.embed(["same"]) == [4]
    assert work.batches == [["same"]] * 3


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere priorities are of whole processes")
async def test_its_thread_steps_back_behind_the_event_loop():
    def priority(texts: Sequence[str]) -> list[int]:
        return [os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) for _ in texts]

    ours = os.getpriority(os.PRIO_PROCESS, 0)
    (theirs,) = await Batched("priority", priority).embed(["a"])
    assert theirs == min(ours + niceness.NICENESS, 19)
    assert os.getpriority(os.PRIO_PROCESS, 0) == ours


async def test_refuses_when_too_many_wait(monkeypatch):
    monkeypatch.setattr(batching, "MOST_WAITING", 3)
    work = Slow()
    embedder = Batched("slow", work)
    busy = asyncio.ensure_future(embedder.embed(["a"]))
    while not work.batches:
        await asyncio.sleep(0.01)
    waiting = asyncio.ensure_future(embedder.embed(["b", "c", "d"]))
    await asyncio.sleep(0.05)
    with pytest.raises(EmbedderError, match="3 texts"):
        await embedder.embed(["e"])
    work.gate.set()
    assert [await busy, await waiting] == [[1], [1, 1, 1]]
