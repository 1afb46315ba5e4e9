"""Identifiers are what their RFC says, and no two are the same, whoever makes them."""

from __future__ import annotations

import copy
import os
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import RFC_4122, UUID

from tenants import ids


def test_one_is_a_version_7_with_its_time():
    before = time.time_ns() // 1_000_000
    made = ids.uuid7()
    assert (made.version, made.variant) == (7, RFC_4122)
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000
    assert ids.uuid7(1234).int >> 80 == 1234


def test_bits_may_be_left_out():
    assert all(ids.uuid7(without=0xFF).int & 0xFF == 0 for _ in range(600))


def test_they_sort_by_their_times():
    assert sorted([ids.uuid7(3), ids.uuid7(1), ids.uuid7(2)], key=str)[0].int >> 80 == 1


def test_one_made_of_a_number_is_as_the_library_makes_it():
    for number in (0, 1, 2**127 + 5, 2**128 - 1):
        made, known = ids.of_int(number), UUID(int=number)
        assert made == known
        assert hash(made) == hash(known)
        assert (str(made), made.hex, made.bytes, made.is_safe) == (str(known), known.hex, known.bytes, known.is_safe)
        assert pickle.loads(pickle.dumps(made)) == copy.copy(made) == known


def test_no_two_are_the_same_among_threads():
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: [ids.uuid7(1) for _ in range(2_000)], range(8)))
    assert len({one for some in made for one in some}) == 16_000


def test_a_process_that_is_forked_makes_others_than_its_parent():
    ids.uuid7()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"".join(ids.uuid7(1).bytes for _ in range(100)))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        theirs = file.read()
    os.waitpid(child, 0)
    ours = {ids.uuid7(1).bytes for _ in range(300)}
    assert len(theirs) == 1600
    assert not ours & {theirs[at : at + 16] for at in range(0, 1600, 16)}
