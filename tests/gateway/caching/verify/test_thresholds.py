"""A threshold keeps false hits under the target as far as labels tell, and is never lowered by bad news."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.caching.verify import thresholds
from gateway.caching.verify.thresholds import SAME_WORDS, Labelled


def labelled(*counts: tuple[float, int, int]) -> list[Labelled]:
    """(score, right ones, wrong ones)"""
    return [
        Labelled(score, is_right) for score, right, wrong in counts for is_right in [True] * right + [False] * wrong
    ]


def test_the_lowest_threshold_that_holds_is_chosen():
    shipped = labelled((0.9, 200, 0), (0.8, 100, 3), (0.7, 100, 30))
    chosen = thresholds.choose(shipped, target=0.02)
    assert chosen.value == 0.8
    assert (chosen.hits, chosen.wrong) == (151.5, 1.5)  # shipped labels count half
    assert chosen.expected == pytest.approx(2.0 / 152.5)
    assert chosen.bound == pytest.approx(thresholds.bound(1.5, 151.5, 0.95))
    assert chosen.expected < 0.02 < chosen.bound
    assert thresholds.choose(shipped, target=0.01).value == 0.9
    assert thresholds.choose(shipped, target=0.2).value == 0.7


def test_without_labels_only_the_same_words_are_a_hit():
    chosen = thresholds.choose([], target=0.5)
    assert chosen.value == SAME_WORDS
    assert chosen.is_same_words_only
    assert chosen.bound == 1.0


def test_a_few_right_ones_are_not_enough():
    assert thresholds.choose(labelled((0.9, 20, 0)), target=0.02).value == SAME_WORDS
    assert thresholds.choose(labelled((0.9, 60, 0)), target=0.02).value == 0.9


def test_more_confidence_asks_for_more_evidence():
    shipped = labelled((0.9, 60, 0))
    assert thresholds.choose(shipped, target=0.02, confidence=0.95).value == SAME_WORDS
    assert thresholds.choose(labelled((0.9, 400, 0)), target=0.02, confidence=0.95).value == 0.9


def test_a_tenants_own_labels_refine_what_is_shipped():
    shipped = labelled((0.9, 200, 2), (0.8, 100, 6))
    assert thresholds.choose(shipped, target=0.02).value == 0.9
    assert thresholds.choose(shipped, labelled((0.8, 200, 1)), target=0.02).value == 0.8
    assert thresholds.choose(shipped, labelled((0.95, 10, 4)), target=0.02).value == SAME_WORDS


def test_luck_in_one_place_does_not_lower_the_threshold_there():
    """The wrong ones above are spread over what scores no higher than they do, as scores that mean something would have it."""
    shipped = labelled((0.9, 0, 5), (0.8, 45, 0))
    assert [share for _, _, share in thresholds._smoothed([(one, 1.0) for one in shipped])] == [0.5, 4.5]


@pytest.mark.parametrize(("target", "confidence"), [(0, 0.5), (1, 0.5), (0.02, 0.4), (0.02, 1)])
def test_senseless_targets_are_refused(target: float, confidence: float):
    with pytest.raises(ValueError, match="between"):
        thresholds.choose([], target=target, confidence=confidence)


LABELS = st.lists(
    st.builds(
        Labelled,
        st.sampled_from([0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95]),
        st.sampled_from([True, True, True, False]),
    ),
    max_size=120,
)


@given(LABELS, LABELS)
def test_a_larger_target_never_raises_the_threshold(shipped: list[Labelled], own: list[Labelled]):
    values = [thresholds.choose(shipped, own, target=target).value for target in (0.01, 0.05, 0.1, 0.2, 0.4)]
    assert values == sorted(values, reverse=True)


@given(LABELS, LABELS, st.data())
def test_a_label_that_turns_out_wrong_never_lowers_the_threshold(
    shipped: list[Labelled], own: list[Labelled], data: st.DataObject
):
    own = [*own, Labelled(0.8, True)]
    place = data.draw(st.integers(0, len(own) - 1))
    worse = [*own[:place], Labelled(own[place].score, False), *own[place + 1 :]]
    for target in (0.05, 0.2):
        before, after = (thresholds.choose(shipped, labels, target=target).value for labels in (own, worse))
        assert after >= before


@given(LABELS, st.floats(0.5, 0.99))
def test_what_is_chosen_holds_for_the_labels_it_was_chosen_on(shipped: list[Labelled], confidence: float):
    chosen = thresholds.choose(shipped, target=0.1, confidence=confidence)
    above = [one for one in shipped if one.score >= chosen.value]
    if above:
        assert sum(not one.is_right for one in above) / len(above) <= 0.1
        assert chosen.expected <= 0.1
        assert chosen.expected <= chosen.bound
