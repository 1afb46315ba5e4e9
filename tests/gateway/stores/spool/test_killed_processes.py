"""Processes that die, really: what they were told is kept is replayed by another, each file by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.stores.spool import MAX_READ, Spool, Waiting, count_waiting
from tests.gateway.stores.spool.folders import child, fill, names, numbered, read_lines, replay, replay_as_newcomer

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
