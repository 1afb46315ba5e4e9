"""Questions as they were read are remembered for their tenant, as many as there is room for, and not for ever."""

from __future__ import annotations

from uuid import UUID

import pytest

from gateway.caching.verify import reading, verifier
from gateway.caching.verify.alignment import Aligned
from gateway.caching.verify.readings import Readings
from gateway.embedders import minilm

A, B = UUID(int=1), UUID(int=2)
TEXTS = ("How do I reset my password?", "How can I cancel my order?", "Where is my parcel now?")


@pytest.fixture(scope="module")
def aligned() -> list[Aligned]:
    return reading.of_texts(TEXTS)


def size(one: Aligned) -> int:
    readings = Readings()
    readings.keep(A, one)
    return readings._bytes


def test_what_was_kept_is_there_for_its_tenant_alone(aligned):
    readings = Readings()
    readings.keep(A, aligned[0])
    assert readings.of(A, TEXTS[0]) is aligned[0]
    assert readings.of(B, TEXTS[0]) is None
    assert readings.of(A, TEXTS[1]) is None


def test_the_longest_unused_make_room(aligned):
    room = sum(map(size, aligned)) - 1
    readings = Readings(most_bytes=room)
    readings.keep(A, aligned[0])
    readings.keep(A, aligned[1])
    assert readings.of(A, TEXTS[0]) is not None
    readings.keep(A, aligned[2])
    assert [readings.of(A, text) is not None for text in TEXTS] == [True, False, True]
    assert readings._bytes <= room


def test_what_is_kept_again_is_counted_once(aligned):
    readings = Readings()
    for _ in range(3):
        readings.keep(A, aligned[0])
    assert readings._bytes == size(aligned[0])


def test_what_is_larger_than_the_room_is_not_kept(aligned):
    readings = Readings(most_bytes=100)
    readings.keep(A, aligned[0])
    assert readings.of(A, TEXTS[0]) is None
    assert readings._bytes == 0


def test_after_its_time_it_is_gone(aligned):
    readings = Readings(longest_seconds=-1.0)
    readings.keep(A, aligned[0])
    assert readings.of(A, TEXTS[0]) is None
    assert readings._bytes == 0


def test_a_pair_that_is_judged_again_gets_the_very_same_verdict():
    asked, cached = "What can I do about a forgotten password?", "What do I do about my forgotten password?"
    tenant = UUID(int=77)
    fresh = verifier.verify(asked, cached, 0.9, threshold=0.5)
    first, again, turned = (
        verifier.verify(*texts, 0.9, threshold=0.5, tenant_id=tenant)
        for texts in ((asked, cached), (asked, cached), (cached, asked))
    )
    assert fresh.score is not None
    assert first == again == turned == fresh
    assert verifier._readings.of(tenant, asked) is not None
    assert verifier._readings.of(tenant, cached) is not None
    assert verifier._readings.of(UUID(int=78), asked) is None


def test_without_a_tenant_nothing_is_remembered():
    asked, cached = "How do I brew a cup of tea?", "How do I brew one cup of tea?"
    before = verifier._readings._bytes
    verifier.verify(asked, cached, 0.9, threshold=0.5, vector=minilm.embed([asked])[0])
    assert verifier._readings._bytes == before


def test_what_a_text_keeps_does_not_hold_on_to_what_the_network_made():
    (one,) = reading.of_texts([TEXTS[0]])
    assert all(
        part.base is None or part.base.nbytes == part.nbytes for part in (one.raw, one.whole, one.first, one.end)
    )
