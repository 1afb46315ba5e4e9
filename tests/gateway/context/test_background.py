"""Work that no request waits for: once for each name, so many at once, given up at shutdown."""

from __future__ import annotations

import asyncio

from gateway.context.background import Background


class Work:
    def __init__(self) -> None:
        self.begun = self.ended = self.cancelled = 0
        self.may_end = asyncio.Event()

    async def __call__(self) -> None:
        self.begun += 1
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.ended += 1


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_is_done_once_for_each_name_and_again_when_it_is_over():
    background, work = Background(4), Work()
    assert [background.start("a", work), background.start("a", work), background.start("b", work)] == [True] * 3
    await settle()
    assert work.begun == 2
    work.may_end.set()
    await settle()
    assert background.start("a", work)
    await settle()
    assert (work.begun, work.ended) == (3, 3)


async def test_only_so_much_is_begun_at_once():
    background, work = Background(2), Work()
    assert [background.start(name, work) for name in "abca"] == [True, True, False, True]
    work.may_end.set()
    await settle()
    assert background.start("c", work)
    await settle()
    assert work.ended == 3
    assert Background(0).start("a", work) is False


async def test_is_given_up_at_shutdown():
    background, work = Background(2), Work()
    background.start("a", work)
    await settle()
    await background.close()
    assert (work.cancelled, work.ended) == (1, 0)
