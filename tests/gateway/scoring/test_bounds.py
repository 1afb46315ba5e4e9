"""The bound on a share of which some were seen is the exact one."""

import pytest

from gateway.scoring import bounds


@pytest.mark.parametrize(
    ("events", "trials", "bound"),
    [  # the quantiles of the beta distribution that Clopper and Pearson's bound is, to nine places
        (0, 10, 0.258865551),
        (1, 20, 0.216106164),
        (5, 100, 0.102253378),
        (40, 802, 0.064432470),
        (299, 300, 0.999829037),
        (10, 10, 1.0),
    ],
)
def test_the_bound_is_the_exact_one(events: int, trials: int, bound: float):
    assert bounds.upper_bound(events, trials) == pytest.approx(bound, abs=5e-10)


def test_a_bound_needs_trials():
    for events, trials in ((0, 0), (3, 2), (-1, 5)):
        with pytest.raises(ValueError, match="at least one trial"):
            bounds.upper_bound(events, trials)
