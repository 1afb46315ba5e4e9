"""Settlements that Redis could not take wait in the spool: durable when `append` returns, replayed in order, lost by no crash.

Files, threads and killed processes are real. Only `fsync` is handed in, where it is counted or made to fail.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.stores.spool import MAX_READ, Spool, SpoolError, Waiting, count_waiting

HEAD_BYTES = 29  # of a file
RECORD_BYTES = 20  # of a record, before its payload
PRELUDE = "import asyncio, sys, uvloop\nfrom pathlib import Path\nfrom gateway.stores.spool import *\nspool = Spool(Path(sys.argv[1]))\n"


def numbered(count: int, start: int = 0) -> list[bytes]:
    return [b"%d" % number for number in range(start, start + count)]


async def fill(folder: Path, payloads: Iterable[bytes]) -> Path:
    """A file such as a dead process leaves."""
    spool = Spool(folder)
    before = set(folder.glob("*.spool"))
    await asyncio.gather(*(spool.append(payload) for payload in payloads))
    await spool.close()
    (path,) = set(folder.glob("*.spool")) - before
    return path


async def replay(spool: Spool) -> list[bytes]:
    taken: list[bytes] = []

    async def take(payload: bytes) -> None:
        taken.append(payload)

    assert await spool.replay(take) == len(taken)
    return taken


async def replay_as_newcomer(folder: Path) -> list[bytes]:
    """As a process does that has just started."""
    spool = Spool(folder, fsync=lambda fd: None)
    try:
        return await replay(spool)
    finally:
        await spool.close()


def refuse_at(bad: bytes, taken: list[bytes]) -> Callable[[bytes], Awaitable[None]]:
    async def take(payload: bytes) -> None:
        if payload == bad:
            raise ConnectionError("no Redis yet")
        taken.append(payload)

    return take


@contextmanager
def child(code: str, folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Another process with a `spool` on that folder."""
    command = [sys.executable, "-c", PRELUDE + code, str(folder), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read_lines(stream: IO[str] | None, count: int) -> list[str]:
    assert stream is not None
    return [stream.readline().strip() for _ in range(count)]


def spool_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("spool")]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class Disk:
    """An fsync that notes what it was called for, waits while `is_free` is not set, and fails on demand."""

    def __init__(self) -> None:
        self.synced: list[str] = []
        self.fails = False
        self.is_busy, self.is_free = threading.Event(), threading.Event()
        self.is_free.set()

    def fsync(self, fd: int) -> None:
        self.synced.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file")
        self.is_busy.set()
        self.is_free.wait()
        if self.fails:
            raise OSError(errno.EIO, "the disk is broken")
        os.fsync(fd)


# Appending


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


# A disk that does not do it


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


# Processes that die

APPENDING = """
async def main():
    for number in range(100_000):
        await spool.append(b"%d" % number)
        print(number, flush=True)
uvloop.run(main())
"""


@pytest.mark.parametrize("lines", [1, 7, 100])
async def test_a_killed_process_loses_nothing_it_was_told_is_kept(tmp_path: Path, lines: int) -> None:
    with child(APPENDING, tmp_path) as process:
        assert read_lines(process.stdout, lines)[-1] == str(lines - 1)
        process.kill()
        told = lines + len(process.stdout.readlines()) if process.stdout else 0
    replayed = await replay_as_newcomer(tmp_path)
    assert replayed == numbered(len(replayed))
    assert len(replayed) in (told, told + 1)  # the last may have been kept without a word
    assert names(tmp_path) == []


BURSTS = """
async def one(number):
    await spool.append(b"%d" % number * 5000)
    print(number, flush=True)
async def main():
    for start in range(0, 100_000, 50):
        await asyncio.gather(*(one(start + number) for number in range(50)))
uvloop.run(main())
"""


async def test_a_process_killed_amid_a_burst_leaves_whole_records(tmp_path: Path) -> None:
    with child(BURSTS, tmp_path) as process:
        read_lines(process.stdout, 75)
        process.kill()
        told = 75 + len(process.stdout.readlines()) if process.stdout else 0
    replayed = await replay_as_newcomer(tmp_path)
    assert replayed == [b"%d" % number * 5000 for number in range(len(replayed))]
    assert len(replayed) >= told - 1  # a line may have been printed in part
    assert names(tmp_path) == []


REPLAYING = """
async def main():
    await asyncio.gather(*(spool.append(b"%d" % number) for number in range(200)))
    async def take(payload):
        if payload == b"150":
            await asyncio.Event().wait()
        print(payload.decode(), flush=True)
    await spool.replay(take)
uvloop.run(main())
"""


async def test_what_was_replayed_before_a_kill_comes_again_by_less_than_a_reading(tmp_path: Path) -> None:
    with child(REPLAYING, tmp_path) as process:
        assert read_lines(process.stdout, 150) == [str(number) for number in range(150)]
        process.kill()
    saved = 150 // MAX_READ * MAX_READ
    assert count_waiting(tmp_path).records == 200 - saved
    assert await replay_as_newcomer(tmp_path) == numbered(200 - saved, start=saved)


HOLDING = """
async def main():
    await asyncio.gather(*(spool.append(b"%d" % number) for number in range(10)))
    print("ready", flush=True)
    sys.stdin.readline()
    await spool.append(b"10")
    print("done", flush=True)
    sys.stdin.readline()
uvloop.run(main())
"""


async def test_a_file_is_adopted_only_once_its_process_is_dead(tmp_path: Path) -> None:
    with child(HOLDING, tmp_path) as process:
        assert read_lines(process.stdout, 1) == ["ready"]
        spool = Spool(tmp_path)
        assert await replay(spool) == []
        assert not spool.pending  # it is not ours
        assert count_waiting(tmp_path) == Waiting(records=10, payload_bytes=10)
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
        assert read_lines(process.stdout, 1) == ["done"]  # our attempt did not disturb it
        process.kill()
        process.wait()
    assert await replay(spool) == numbered(11)
    assert names(tmp_path) == []
    await spool.close()


ADOPTING = """
async def main():
    async def take(payload):
        print(payload.decode(), flush=True)
        await asyncio.sleep(0)
    print("ready", flush=True)
    sys.stdin.readline()
    await spool.replay(take)
uvloop.run(main())
"""


async def test_of_two_processes_one_adopts_a_file(tmp_path: Path) -> None:
    for start in range(0, 400, 20):
        await fill(tmp_path, numbered(20, start))
    with child(ADOPTING, tmp_path) as one, child(ADOPTING, tmp_path) as other:
        both = [one, other]
        for process in both:
            assert read_lines(process.stdout, 1) == ["ready"]
        for process in both:
            assert process.stdin
            process.stdin.write("\n")
            process.stdin.flush()
        taken = [line for process in both for line in process.communicate()[0].split()]
        assert [process.returncode for process in both] == [0, 0]
    assert sorted(taken, key=int) == [str(number) for number in range(400)]
    assert names(tmp_path) == []


BUSY = """
async def main():
    async def take(payload):
        print("taken", payload.decode())
    for number in range(300):
        await spool.append(f"{sys.argv[2]}-{number}".encode())
        if number % 3:
            await spool.close()
        await spool.replay(take)
uvloop.run(main())
"""


async def test_processes_that_make_adopt_and_remove_files_at_once_lose_and_repeat_nothing(tmp_path: Path) -> None:
    with child(BUSY, tmp_path, "a") as one, child(BUSY, tmp_path, "b") as other:
        taken = [line for process in (one, other) for line in process.communicate()[0].splitlines()]
        assert [one.returncode, other.returncode] == [0, 0]
    taken += [f"taken {payload.decode()}" for payload in await replay_as_newcomer(tmp_path)]
    assert sorted(taken) == sorted(f"taken {name}-{number}" for name in "ab" for number in range(300))
    assert names(tmp_path) == []


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


# Handing on


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


# Closing


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


# Damage


@pytest.fixture(scope="module")
def sound() -> bytes:
    """A file with records of 0 to 39 bytes: the number of the record, that many times."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(fill(Path(folder), PAYLOADS)).read_bytes()


PAYLOADS = [bytes([number]) * number for number in range(40)]
ENDS = [HEAD_BYTES + sum(RECORD_BYTES + len(p) for p in PAYLOADS[:count]) for count in range(len(PAYLOADS) + 1)]


def replay_bytes(content: bytes) -> tuple[list[bytes], list[str]]:
    """What is replayed of a dead process's file with this content, and the names of the files left then."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "host-1-1.spool").write_bytes(content)
        return asyncio.run(replay_as_newcomer(Path(name))), names(Path(name))


@given(cut=st.integers(0, ENDS[-1]))
def test_a_file_cut_anywhere_yields_the_whole_records_before_the_cut(sound: bytes, cut: int) -> None:
    assert ENDS[-1] == len(sound)
    whole = [payload for payload, end in zip(PAYLOADS, ENDS[1:], strict=True) if end <= cut]
    assert replay_bytes(sound[:cut]) == (whole, [])


@given(at=st.integers(HEAD_BYTES, ENDS[-1] - 1), flip=st.integers(1, 255))
def test_a_changed_byte_costs_one_record_and_sets_the_file_aside(sound: bytes, at: int, flip: int) -> None:
    changed = bytes([*sound[:at], sound[at] ^ flip, *sound[at + 1 :]])
    hit = next(index for index, end in enumerate(ENDS[1:]) if at < end)
    assert replay_bytes(changed) == (PAYLOADS[:hit] + PAYLOADS[hit + 1 :], ["host-1-1.spool.damaged"])


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(0, ([], ["host-1-1.spool.damaged"]), id="magic"),
        pytest.param(8, ([], ["host-1-1.spool.damaged"]), id="marker"),
        pytest.param(23, (PAYLOADS, []), id="progress"),
        pytest.param(28, (PAYLOADS, []), id="crc"),
    ],
)
def test_a_damaged_head_loses_no_file(sound: bytes, at: int, expected: tuple[list[bytes], list[str]]) -> None:
    assert replay_bytes(bytes([*sound[:at], sound[at] ^ 1, *sound[at + 1 :]])) == expected


@pytest.mark.parametrize("size", [200_000, (1 << 16) - 6])  # in the second, what is looked for lies across two readings
def test_large_damage_is_passed_over(sound: bytes, size: int) -> None:
    middle = ENDS[20]
    damaged = sound[: middle + 3] + bytes(size) + sound[middle:]
    assert replay_bytes(damaged) == (PAYLOADS, ["host-1-1.spool.damaged"])


async def test_what_cannot_be_read_is_kept_and_told(
    tmp_path: Path, sound: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = sound[: ENDS[9] - 1] + b"?" + sound[ENDS[9] :]
    (tmp_path / "host-1-1.spool").write_bytes(damaged)
    assert await replay_as_newcomer(tmp_path) == PAYLOADS[:8] + PAYLOADS[9:]
    assert (tmp_path / "host-1-1.spool.damaged").read_bytes()[HEAD_BYTES:] == damaged[HEAD_BYTES:]
    assert [(r.levelno, "host-1-1.spool.damaged" in r.getMessage()) for r in caplog.records] == [(logging.ERROR, True)]
    assert await replay_as_newcomer(tmp_path) == []
    assert count_waiting(tmp_path) == Waiting(records=0, payload_bytes=0)


async def test_a_torn_end_is_dropped_with_a_warning(
    tmp_path: Path, sound: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "host-1-1.spool").write_bytes(sound[:-1])
    assert count_waiting(tmp_path).records == 39
    assert await replay_as_newcomer(tmp_path) == PAYLOADS[:-1]
    assert [r.levelno for r in caplog.records] == [logging.WARNING]
    assert "58 bytes of a record never whole" in caplog.text


async def test_damage_is_remembered_by_the_process_that_comes_after(tmp_path: Path, sound: bytes) -> None:
    (tmp_path / "host-1-1.spool").write_bytes(sound[: ENDS[1]] + b"?" + sound[ENDS[1] :])
    first, taken = Spool(tmp_path), list[bytes]()
    with pytest.raises(ConnectionError):
        await first.replay(refuse_at(PAYLOADS[30], taken))
    await first.close()
    assert taken == PAYLOADS[:30]
    assert names(tmp_path) == ["host-1-1.spool"]
    assert await replay_as_newcomer(tmp_path) == PAYLOADS[30:]
    assert names(tmp_path) == ["host-1-1.spool.damaged"]


async def test_an_own_file_that_is_damaged_is_set_aside_and_a_new_one_begun(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for payload in numbered(3):
        await spool.append(payload)
    (path,) = tmp_path.iterdir()
    with path.open("r+b") as file:
        file.seek(HEAD_BYTES + RECORD_BYTES)
        file.write(b"?")
    assert await replay(spool) == [b"1", b"2"]
    await spool.append(b"3")
    assert len(names(tmp_path)) == 2
    assert await replay(spool) == [b"3"]
    assert names(tmp_path) == [f"{path.name}.damaged"]
    await spool.close()


async def test_nothing_waits_where_there_is_no_folder(tmp_path: Path) -> None:
    assert count_waiting(tmp_path / "none") == Waiting(records=0, payload_bytes=0)
