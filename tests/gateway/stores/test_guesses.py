"""Keys that nobody has are looked up so often from an address, in memory that does not grow."""

from __future__ import annotations

import pytest

from gateway.stores import guesses
from gateway.stores.guesses import Guesses


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_minutes_worth_at_once_and_then_bit_by_bit(clock: Clock):
    counted = Guesses(10, clock)
    for _ in range(10):
        assert counted.wait("1.2.3.4") == 0
        counted.note("1.2.3.4")
    assert counted.wait("1.2.3.4") == 6
    assert counted.wait("1.2.3.5") == 0
    clock.now += 5.9
    assert counted.wait("1.2.3.4") == 1
    clock.now += 0.2
    assert counted.wait("1.2.3.4") == 0


def test_many_at_the_same_moment_are_not_held_against_an_address_for_ever(clock: Clock):
    counted = Guesses(10, clock)
    for _ in range(1000):
        counted.note("1.2.3.4")
    assert counted.wait("1.2.3.4") <= 2 * guesses.MINUTE


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("::ffff:1.2.3.4", "1.2.3.4", False),
        ("odd:address", "odd:address", True),
        ("", "", True),
    ],
)
def test_an_address_of_ipv6_counts_for_its_network(clock: Clock, one: str, other: str, same: bool):
    counted = Guesses(1, clock)
    counted.note(one)
    assert (counted.wait(other) > 0) is same


def test_addresses_are_forgotten_the_oldest_first(clock: Clock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(guesses, "ADDRESSES_KEPT", 100)
    counted = Guesses(1, clock)
    for number in range(1000):
        counted.note(f"10.0.{number // 256}.{number % 256}")
    assert len(counted._paid_until) == 100
    assert counted.wait("10.0.0.0") == 0
    assert counted.wait("10.0.3.231") > 0
