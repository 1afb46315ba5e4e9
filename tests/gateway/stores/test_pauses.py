"""After failures in a row nobody tries for a while; then one does, for all."""

from __future__ import annotations

from gateway.stores.pauses import IN_A_ROW, LONGEST_SECONDS, Pauses, Permit


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def permit(pauses: Pauses) -> Permit:
    given = pauses.permit()
    assert given is not None
    return given


def paused(clock: Clock) -> Pauses:
    pauses = Pauses(clock)
    for _ in range(IN_A_ROW):
        permit(pauses).went_badly()
    assert pauses.permit() is None
    return pauses


def test_failures_with_a_success_between_them_pause_nothing():
    pauses = Pauses(Clock())
    for _ in range(5):
        for _ in range(IN_A_ROW - 1):
            permit(pauses).went_badly()
        permit(pauses).went_well()
    assert pauses.permit() is not None


def test_after_a_pause_one_tries_and_its_success_lets_all():
    clock = Clock()
    pauses = paused(clock)
    clock.now += 0.9
    assert pauses.permit() is None
    clock.now += 0.2
    probe = permit(pauses)
    assert pauses.permit() is None
    probe.went_well()
    permit(pauses)
    permit(pauses).went_badly()
    assert pauses.permit() is not None


def test_each_probe_that_fails_doubles_the_pause_up_to_the_longest():
    clock = Clock()
    pauses = paused(clock)
    pause = 1.0
    for _ in range(8):
        clock.now += pause + 0.01
        permit(pauses).went_badly()
        pause = min(pause * 2, LONGEST_SECONDS)
        clock.now += pause - 0.01
        assert pauses.permit() is None


def test_a_probe_that_found_nothing_out_leaves_its_turn_to_another():
    clock = Clock()
    pauses = paused(clock)
    clock.now += 1.1
    permit(pauses).is_unknown()
    assert pauses.permit() is not None


def test_those_who_were_let_in_before_change_no_pause():
    clock = Clock()
    pauses = Pauses(clock)
    late = [permit(pauses) for _ in range(IN_A_ROW + 5)]
    for one in late[:IN_A_ROW]:
        one.went_badly()
    clock.now += 0.5
    for one in late[IN_A_ROW:]:
        one.went_badly()
    clock.now += 0.6
    assert pauses.permit() is not None
