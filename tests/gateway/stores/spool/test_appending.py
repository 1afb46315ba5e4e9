"""A settlement that Redis could not take is durable when `append` returns. Only `fsync` is handed in, to be counted or held up."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

from gateway.stores.spool import Spool, Waiting, count_waiting
from tests.gateway.stores.spool.folders import Disk, fill, names, numbered, replay, replay_as_newcomer, spool_threads


async def test_makes_nothing_before_there_is_something_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    spool = Spool(folder)
    assert not spool.pending
    assert await replay(spool) == []
    assert spool_threads() == []
    await spool.close()
    assert not folder.exists()


async def test_what_was_appended_is_replayed_in_order_and_gone(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "some" / "folder")
    payloads = [b"first", b"", os.urandom(1_000_000), *numbered(500), b"last"]
    for payload in payloads[:3]:
        await spool.append(payload)
    await asyncio.gather(*(spool.append(payload) for payload in payloads[3:]))
    assert spool.pending
    assert await replay(spool) == payloads
    assert not spool.pending
    assert names(tmp_path / "some" / "folder") == []
    assert await replay(spool) == []

    await spool.append(b"the next outage")
    assert spool.pending
    assert await replay(spool) == [b"the next outage"]
    await spool.close()


async def test_syncs_the_folders_it_makes_and_the_file(tmp_path: Path) -> None:
    disk = Disk()
    spool = Spool(tmp_path / "some" / "folder", fsync=disk.fsync)
    await spool.append(b"1")
    assert disk.synced == ["folder", "folder", "folder", "file"]  # each in the one above it
    await spool.append(b"2")
    assert disk.synced[4:] == ["file"]
    await spool.close()


async def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    path = await fill(tmp_path / "spool", [b"secret"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_500_appends_at_once_take_one_fsync(tmp_path: Path) -> None:
    disk = Disk()
    spool = Spool(tmp_path, fsync=disk.fsync)
    await asyncio.gather(*(spool.append(payload) for payload in numbered(500)))
    assert disk.synced == ["folder", "file"]
    assert await replay(spool) == numbered(500)
    await spool.close()


async def test_appends_that_wait_for_an_fsync_share_the_next(tmp_path: Path) -> None:
    disk = Disk()
    spool = Spool(tmp_path, fsync=disk.fsync)
    await spool.append(b"0")
    disk.is_free.clear()
    disk.is_busy.clear()
    appends = [asyncio.create_task(spool.append(b"1"))]
    assert await asyncio.to_thread(disk.is_busy.wait, 30)
    appends += [asyncio.create_task(spool.append(payload)) for payload in numbered(300, start=2)]
    await asyncio.sleep(0)
    assert not any(append.done() for append in appends)
    disk.is_free.set()
    await asyncio.gather(*appends)
    assert disk.synced == ["folder", "file", "file", "file"]
    assert await replay(spool) == numbered(302)
    await spool.close()


async def test_a_caller_who_leaves_harms_no_other(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    appends = [asyncio.create_task(spool.append(payload)) for payload in numbered(3)]
    await asyncio.sleep(0)
    appends[1].cancel()
    results = await asyncio.gather(*appends, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), asyncio.CancelledError, type(None)]
    assert await replay(spool) == numbered(3)
    await spool.close()


async def test_closing_keeps_what_waits_and_stops_the_thread(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    appends = [asyncio.create_task(spool.append(payload)) for payload in numbered(5)]
    await asyncio.sleep(0)
    assert spool_threads() == []
    await asyncio.gather(*appends)
    assert len(spool_threads()) == 1
    await spool.close()
    assert spool_threads() == []
    assert count_waiting(tmp_path).records == 5

    await spool.append(b"5")  # a late settlement opens it anew
    assert len(names(tmp_path)) == 2
    assert await replay(spool) == numbered(6)
    await spool.close()


async def test_closing_finishes_the_appends_under_way(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    appends = [asyncio.create_task(spool.append(payload)) for payload in numbered(5)]
    await asyncio.sleep(0)
    await spool.close()
    await asyncio.gather(*appends)
    assert await replay_as_newcomer(tmp_path) == numbered(5)


async def test_nothing_waits_where_there_is_no_folder(tmp_path: Path) -> None:
    assert count_waiting(tmp_path / "none") == Waiting(records=0, payload_bytes=0)
