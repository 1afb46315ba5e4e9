"""A threshold keeps what is accepted although wrong under its target, with the confidence that it states."""

import random

import pytest

from gateway.quality import threshold
from gateway.quality.threshold import Scored
from gateway.scoring import bounds


def scored(*pairs: tuple[float, bool], times: int = 1) -> list[Scored]:
    return [Scored(probability, is_good) for probability, is_good in pairs for _ in range(times)]


def test_the_lowest_threshold_that_holds_is_chosen():
    answers = scored((0.9, True), (0.8, True), (0.7, True), times=30) + scored(
        (0.6, False), (0.5, True), (0.4, False), times=4
    )
    chosen = threshold.choose(answers, target=0.1)
    assert (chosen.value, chosen.accepted, chosen.wrong, chosen.answers) == (0.5, 98, 4, 102)
    assert chosen.bound == bounds.upper_bound(4, 102)
    assert chosen.bound < 0.1 < bounds.upper_bound(8, 102)


def test_equal_probabilities_are_accepted_together():
    answers = scored((0.9, True), times=50) + scored((0.5, True), (0.5, False), times=25)
    assert threshold.choose(answers, target=0.1).value == 0.9


def test_too_few_answers_escalate_everything():
    chosen = threshold.choose(scored((0.99, True), times=20), target=0.1)
    assert chosen.escalates_all
    assert (chosen.accepted, chosen.wrong) == (0, 0)
    assert threshold.choose([], target=0.5).escalates_all


def test_wrong_answers_at_the_top_escalate_everything():
    assert threshold.choose(scored((0.9, False), (0.1, True), times=50), target=0.05).escalates_all


def test_a_lower_target_escalates_no_less():
    chance = random.Random(3)
    answers = [Scored(p := chance.random(), chance.random() < p) for _ in range(400)]
    accepted = [threshold.choose(answers, target=target).accepted for target in (0.02, 0.05, 0.1, 0.2, 0.4)]
    assert accepted == sorted(accepted)
    assert accepted[0] < accepted[-1]


@pytest.mark.parametrize("target", [0.0, 1.0, -1.0])
def test_a_target_is_a_share(target: float):
    with pytest.raises(ValueError, match="between 0 and 1"):
        threshold.choose([], target=target)


def test_the_bound_holds_on_other_answers_as_often_as_it_says():
    chance = random.Random(5)

    def draw(count: int) -> list[Scored]:
        return [Scored(p := chance.random(), chance.random() < p) for _ in range(count)]

    broken = 0
    for _ in range(200):
        chosen = threshold.choose(draw(300), target=0.1)
        # P(accepted although wrong) = the integral of 1 - p over accepted p
        true_share = (1 - min(chosen.value, 1.0)) ** 2 / 2
        broken += true_share > 0.1
    assert broken <= 20  # 5 % of 200 is 10; twice that has a chance of 0.2 %
