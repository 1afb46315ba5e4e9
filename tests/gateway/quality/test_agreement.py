"""Agreement beside figures worked out by hand; the correction by playing it through with a truth that is known. Seeds are fixed."""

from __future__ import annotations

import random

import numpy as np
import pytest

from gateway.quality import agreement, figures
from gateway.quality.agreement import Confusion
from gateway.quality.figures import Counts, Figure


def test_kappa_is_cohens():
    # 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: 0.7 agree, 0.5 by chance.
    found = agreement.kappa(Confusion(20, 5, 10, 15))
    assert found is not None
    assert found.value == pytest.approx(0.4)
    # By Fleiss, Cohen and Everitt: (0.10972 + 0.36 * 0.283 - 0.1 ** 2) / (50 * 0.5 ** 2) is the square of the standard error, 0.1270.
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * 0.1270, abs=0.0005)


def test_kappa_is_one_for_full_agreement_and_around_zero_for_none():
    assert agreement.kappa(Confusion(30, 0, 0, 20)) == (1.0, 1.0, 1.0)
    found = agreement.kappa(Confusion(25, 25, 25, 25))
    assert found is not None
    assert found.value == 0.0
    assert found.low < 0 < found.high


def test_kappa_is_not_told_where_it_means_nothing():
    assert agreement.kappa(Confusion()) is None
    assert agreement.kappa(Confusion(good_up=40)) is None
    assert agreement.kappa(Confusion(good_up=40, good_down=10)) is None


def test_a_kind_judge_is_put_right():
    # Of 100 with votes the judge likes 90, people 70; of 1000 in all it likes 900.
    found = agreement.corrected(Confusion(68, 22, 2, 8), good=900, judged=1000)
    assert found is not None
    assert found.value == pytest.approx(0.70, abs=0.005)
    assert found.low < 0.70 < found.high < 0.8


def test_too_few_votes_correct_nothing():
    assert agreement.corrected(Confusion(20, 2, 2, 5), good=900, judged=1000) is None


def drawn(
    rng: np.random.Generator, truth: float, kindness: float, sees: float, many: int
) -> tuple[np.ndarray, np.ndarray]:
    """What people would say of answers, and what a judge says who sees some and else goes by his kindness."""
    people = rng.random(many) < truth
    judge = np.where(rng.random(many) < sees, people, rng.random(many) < kindness)
    return people, judge


@pytest.mark.parametrize("sees", [0.9, 0.5, 0.0])
def test_the_interval_holds_the_truth_and_is_no_wider_than_that_of_votes_alone(sees: float):
    rng = np.random.default_rng(int(sees * 10))
    truth, held, narrower, runs = 0.75, 0, 0.0, 400
    for _ in range(runs):
        people, judge = drawn(rng, truth, 0.95, sees, 1060)
        seen = people[:60], judge[:60]
        cells = [
            int(np.sum((seen[1] == said) & (seen[0] == voted))) for said in (True, False) for voted in (True, False)
        ]
        found = agreement.corrected(Confusion(*cells), good=int(judge.sum()), judged=1060)
        assert found is not None
        held += found.low <= truth <= found.high
        up = float(np.mean(people[:60]))
        narrower += (found.high - found.low) / (2 * 1.96 * max(1e-9, up * (1 - up) / 60) ** 0.5)
    assert (
        held >= 0.92 * runs
    )  # 95 % but for chance and the normal approximation; the judge alone would be at 0.8 to 0.95
    assert narrower / runs < (0.75 if sees == 0.9 else 1.1)


def test_a_figure_promises_the_lower_end():
    assert figures.figure(Counts(good=80, judged=100)) == Figure(71, 100, "judge")
    assert figures.figure(Counts(up=80, down=20)) == Figure(71, 100, "votes")
    assert figures.figure(Counts(up=20, down=5, good=30, judged=40)) is None


def test_a_corrected_figure_goes_before_the_judges_own():
    found = figures.figure(Counts(up=70, down=30, good=900, judged=1000, both=Confusion(68, 22, 2, 8)))
    assert found is not None
    assert found.source == "corrected"
    assert 55 <= found.quality < 70


def test_counts_add_up_cell_by_cell():
    rng = random.Random(1)
    one, other = (Counts(*(rng.randrange(9) for _ in range(5)), Confusion(1, 2, 3, 4)) for _ in range(2))
    total = one + other
    assert total.up == one.up + other.up
    assert total.both == Confusion(2, 4, 6, 8)
    assert (total.votes, total.both.total) == (total.up + total.down, 20)
