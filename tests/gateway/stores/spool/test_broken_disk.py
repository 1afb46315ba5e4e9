"""A disk that does not do it: what is not kept is told, and what was kept before is not lost."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest

from gateway.stores.spool import Spool, SpoolError, Waiting, count_waiting
from tests.gateway.stores.spool.folders import HEAD_BYTES, Disk, child, names, numbered, replay, replay_as_newcomer


async def test_a_failed_fsync_is_told_and_leaves_nothing_to_replay(tmp_path: Path) -> None:
    disk = Disk()
    spool = Spool(tmp_path, fsync=disk.fsync)
    await spool.append(b"before")
    disk.fails = True
    results = await asyncio.gather(*(spool.append(payload) for payload in numbered(3)), return_exceptions=True)
    for result in results:
        assert isinstance(result, SpoolError)
        assert isinstance(result.error, OSError)
        assert result.error.errno == errno.EIO
    assert count_waiting(tmp_path) == Waiting(records=1, payload_bytes=6)
    disk.fails = False
    await spool.append(b"after")
    assert await replay(spool) == [b"before", b"after"]
    await spool.close()


async def test_a_folder_that_cannot_be_made_is_told_until_it_can(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.write_text("in the way")
    spool = Spool(folder)
    with pytest.raises(SpoolError, match="File exists"):
        await spool.append(b"lost")
    assert not spool.pending
    with pytest.raises(SpoolError, match="Not a directory"):
        await replay(spool)
    with pytest.raises(SpoolError, match="Not a directory"):
        count_waiting(folder)
    folder.unlink()
    await spool.append(b"kept")
    assert await replay(spool) == [b"kept"]
    await spool.close()


async def test_a_file_that_cannot_be_begun_is_not_left_behind(tmp_path: Path) -> None:
    disk = Disk()
    disk.fails = True
    spool = Spool(tmp_path, fsync=disk.fsync)
    with pytest.raises(SpoolError, match="broken"):
        await spool.append(b"lost")
    assert names(tmp_path) == []
    await spool.close()


FULL_DISK = """
import os, resource, signal
async def main():
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_050, hard))  # as a disk with room for ten records and some
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    await spool.append(b"a" * 980)
    results = await asyncio.gather(*(spool.append(bytes([98 + i]) * 980) for i in range(20)), return_exceptions=True)
    print(*[type(result).__name__ for result in results])
    print({result.error.errno for result in results if result is not None})
    print(*[path.stat().st_size for path in Path(sys.argv[1]).iterdir()])
    try:
        await spool.append(b"lost" * 100)
    except SpoolError as error:
        print(error.error.errno)
    await spool.append(b"x")  # for this there is room
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await spool.append(b"roomy" * 1000)
    print("killed", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
uvloop.run(main())
"""


async def test_a_full_disk_refuses_what_does_not_fit_and_keeps_the_rest(tmp_path: Path) -> None:
    with child(FULL_DISK, tmp_path) as process:
        out, _ = process.communicate()
    first, errors, size, lone, end = out.splitlines()
    assert first.split() == ["NoneType"] * 9 + ["SpoolError"] * 11
    assert errors == f"{{{errno.EFBIG}}}"
    assert size == str(HEAD_BYTES + 10 * 1000)  # nothing is left of the one that was begun
    assert lone == f"{errno.EFBIG}"
    assert end == "killed"
    kept = [bytes([97 + i]) * 980 for i in range(10)]
    assert await replay_as_newcomer(tmp_path) == [*kept, b"x", b"roomy" * 1000]
    assert names(tmp_path) == []


async def test_a_file_that_somebody_removes_is_not_appended_to_any_more(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    await spool.append(b"removed")
    for path in tmp_path.iterdir():
        path.unlink()
    await spool.append(b"kept")
    assert await replay(spool) == [b"kept"]
    await spool.close()
