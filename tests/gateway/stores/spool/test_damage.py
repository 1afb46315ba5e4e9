"""A file that was cut or changed costs no more than the records that were hit, and is set aside."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.stores.spool import Spool, Waiting, count_waiting
from tests.gateway.stores.spool.folders import (
    HEAD_BYTES,
    RECORD_BYTES,
    fill,
    names,
    numbered,
    refuse_at,
    replay,
    replay_as_newcomer,
)


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
