"""What was noted lately is remembered, for a while and up to a number."""

from __future__ import annotations

from gateway.caching.lately import Lately


def test_what_was_noted_is_known_until_it_is_forgotten():
    seen = Lately(seconds=60, most=10)
    assert not seen.has("a")
    seen.note("a")
    assert seen.has("a")
    seen.forget("a")
    assert not seen.has("a")


def test_what_is_old_goes():
    seen = Lately(seconds=-1, most=10)  # every moment is a new half
    seen.note("a")
    assert not seen.has("a")


def test_there_are_never_more_than_so_many():
    seen = Lately(seconds=60, most=10)
    for number in range(100):
        seen.note(str(number))
    known = [number for number in range(100) if seen.has(str(number))]
    assert 99 in known
    assert 0 < len(known) <= 10
