"""What waits is replayed in order, oldest file first; what the handler refuses or a cancelled replay was at stays with all that follows."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.stores.spool import Spool, Waiting, count_waiting
from tests.gateway.stores.spool.folders import Disk, fill, names, numbered, refuse_at, replay, replay_as_newcomer


async def test_a_file_being_replayed_is_not_replayed_by_another(tmp_path: Path) -> None:
    await fill(tmp_path, numbered(3))
    is_at_it, may_go_on = asyncio.Event(), asyncio.Event()

    async def take(payload: bytes) -> None:
        is_at_it.set()
        await may_go_on.wait()

    first, second = Spool(tmp_path), Spool(tmp_path)
    replaying = asyncio.create_task(first.replay(take))
    await is_at_it.wait()
    assert await replay(second) == []
    may_go_on.set()
    assert await replaying == 3
    await first.close()
    await second.close()


async def test_files_are_replayed_oldest_first_with_the_own_in_its_place(tmp_path: Path) -> None:
    await fill(tmp_path, [b"1", b"2"])
    own = Spool(tmp_path)
    await own.append(b"3")
    await fill(tmp_path, [b"5"])
    await own.append(b"4")
    assert count_waiting(tmp_path) == Waiting(records=5, payload_bytes=5)
    assert await replay(own) == [b"1", b"2", b"3", b"4", b"5"]
    await own.close()


@pytest.mark.parametrize("bad", [b"0", b"7", b"100", b"129"])
async def test_what_the_handler_refuses_stays_with_all_that_follows(tmp_path: Path, bad: bytes) -> None:
    spool = Spool(tmp_path)
    await asyncio.gather(*(spool.append(payload) for payload in numbered(130)))
    await fill(tmp_path, [b"in a later file"])
    taken: list[bytes] = []
    with pytest.raises(ConnectionError, match="no Redis yet"):
        await spool.replay(refuse_at(bad, taken))
    assert taken == numbered(int(bad))
    assert spool.pending
    assert count_waiting(tmp_path).records == 131 - int(bad)
    assert await replay(spool) == [*numbered(130 - int(bad), start=int(bad)), b"in a later file"]
    assert not spool.pending
    await spool.close()


async def test_what_was_replayed_before_a_refusal_is_known_to_the_next_process(tmp_path: Path) -> None:
    await fill(tmp_path, numbered(10))
    spool, taken = Spool(tmp_path), list[bytes]()
    with pytest.raises(ConnectionError):
        await spool.replay(refuse_at(b"4", taken))
    assert await replay_as_newcomer(tmp_path) == numbered(6, start=4)  # and the first let go of the file
    await spool.close()


async def test_a_cancelled_replay_keeps_what_it_was_at(tmp_path: Path) -> None:
    await fill(tmp_path, numbered(3))
    spool, is_at_1 = Spool(tmp_path), asyncio.Event()

    async def take(payload: bytes) -> None:
        if payload == b"1":
            is_at_1.set()
            await asyncio.Event().wait()

    replaying = asyncio.create_task(spool.replay(take))
    await is_at_1.wait()
    replaying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await replaying
    assert await replay_as_newcomer(tmp_path) == [b"1", b"2"]
    await spool.close()


async def test_a_replay_cancelled_twice_lets_go_of_its_file_once_the_disk_is_free(tmp_path: Path) -> None:
    await fill(tmp_path, [b"0"])
    disk, is_at_it = Disk(), asyncio.Event()
    spool = Spool(tmp_path, fsync=disk.fsync)

    async def take(payload: bytes) -> None:
        is_at_it.set()
        await asyncio.Event().wait()

    replaying = asyncio.create_task(spool.replay(take))
    await is_at_it.wait()
    disk.is_free.clear()
    appending = asyncio.create_task(spool.append(b"1"))
    assert await asyncio.to_thread(disk.is_busy.wait, 30)
    for _ in range(2):
        replaying.cancel()
        await asyncio.sleep(0)
    disk.is_free.set()
    with pytest.raises(asyncio.CancelledError):
        await replaying
    await appending
    await spool.close()
    assert await replay_as_newcomer(tmp_path) == [b"0", b"1"]


async def test_cancelling_a_replay_at_any_step_leaves_no_file_locked(tmp_path: Path) -> None:
    await fill(tmp_path, numbered(3))
    spool = Spool(tmp_path)
    for steps in range(12):
        replaying = asyncio.create_task(spool.replay(refuse_at(b"0", [])))
        for _ in range(steps):
            await asyncio.sleep(0)
        replaying.cancel()
        with pytest.raises((asyncio.CancelledError, ConnectionError)):
            await replaying
    assert await replay_as_newcomer(tmp_path) == numbered(3)
    await spool.close()


async def test_what_is_appended_during_a_replay_is_not_lost(tmp_path: Path) -> None:
    spool, taken = Spool(tmp_path), list[bytes]()
    await asyncio.gather(*(spool.append(payload) for payload in numbered(200)))

    async def take(payload: bytes) -> None:
        taken.append(payload)
        if len(taken) <= 200:
            await spool.append(b"again " + payload)

    while spool.pending:
        await spool.replay(take)
    assert taken == numbered(200) + [b"again " + payload for payload in numbered(200)]
    assert names(tmp_path) == []
    await spool.close()


async def test_appends_of_others_during_replays_are_each_replayed_once(tmp_path: Path) -> None:
    spool, taken = Spool(tmp_path), list[bytes]()

    async def take(payload: bytes) -> None:
        taken.append(payload)
        await asyncio.sleep(0)

    async def append_some(start: int) -> None:
        for payload in numbered(40, start):
            await spool.append(payload)

    appending = asyncio.gather(*(append_some(start) for start in range(0, 400, 40)))
    while not appending.done() or spool.pending:
        await spool.replay(take)
        await asyncio.sleep(0)
    await appending
    assert sorted(taken, key=int) == numbered(400)
    await spool.close()


async def test_a_second_replay_waits_for_the_first(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    await asyncio.gather(*(spool.append(payload) for payload in numbered(100)))
    first, second = await asyncio.gather(replay(spool), replay(spool))
    assert (first, second) == (numbered(100), [])
    await spool.close()


async def test_progress_that_cannot_be_saved_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    disk = Disk()
    spool = Spool(tmp_path, fsync=disk.fsync)
    await spool.append(b"0")
    await spool.append(b"1")
    disk.fails = True
    with pytest.raises(ConnectionError):
        await spool.replay(refuse_at(b"1", []))
    assert "progress not saved" in caplog.text
    assert await replay(spool) == [b"1"]  # this process knows
    await spool.close()


async def test_a_file_that_cannot_be_opened_is_passed_by(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "host-1-1.spool").mkdir()
    await fill(tmp_path, [b"behind it"])
    assert await replay_as_newcomer(tmp_path) == [b"behind it"]
    assert "host-1-1.spool cannot be opened" in caplog.text
    assert names(tmp_path) == ["host-1-1.spool"]
