"""From which score on a candidate is a hit, so that false ones stay under a target share of the hits.

Chosen from labelled candidates: those that the shipped model was measured on without having seen them, and a tenant's own (thumbs,
checked hits), which count double. The share wrong among those above a threshold is not taken as it happened to fall: it is smoothed so
that it never rises with the score (isotonic regression, Ayer et al. 1955), and raised by half a wrong hit and by as many standard errors
as confidence is asked for (Wilson's bound). So a label that turns out wrong never lowers a threshold, nor does a smaller target.

What this promises is as good as the labels are like the traffic: the shipped ones are questions of which many were chosen to mislead.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

SAME_WORDS = 1.0  # the score of texts of the same words, and of no others: what remains if no threshold is good enough
TARGET = 0.02
CONFIDENCE = 0.5  # what remains wrong is as likely below the target as above; a tenant's own checks correct it
BOUND_CONFIDENCE = 0.95  # of the bound that is told
SHIPPED_WEIGHT, OWN_WEIGHT = 0.5, 1.0


@dataclass(frozen=True, slots=True)
class Labelled:
    """A candidate that passed the guards: its score, and whether the cached answer was right for it."""

    score: float
    is_right: bool


@dataclass(frozen=True, slots=True)
class Threshold:
    """Hits from `value` on. `expected` and `bound` are the share of false hits there, as likely over as under, and at most with 95 %."""

    value: float
    target: float
    expected: float
    bound: float
    hits: float  # labelled candidates above, as they were weighed
    wrong: float

    @property
    def is_same_words_only(self) -> bool:
        return self.value >= SAME_WORDS


def choose(
    shipped: Iterable[Labelled],
    own: Iterable[Labelled] = (),
    *,
    target: float = TARGET,
    confidence: float = CONFIDENCE,
) -> Threshold:
    """The lowest threshold, thus the most hits, whose share of false hits is at most `target`, with this confidence.

    SAME_WORDS if none is. Raises `ValueError` unless 0 < target < 1 and 0.5 <= confidence < 1.
    """
    if not 0 < target < 1 or not 0.5 <= confidence < 1:
        raise ValueError("target lies between 0 and 1, confidence between 0.5 and 1")
    weighed = [(one, SHIPPED_WEIGHT) for one in shipped] + [(one, OWN_WEIGHT) for one in own]
    chosen = Threshold(SAME_WORDS, target, 0.0, 1.0, 0.0, 0.0)  # of nothing seen, nothing is known
    hits = wrong = 0.0
    for score, weight, wrong_weight in _smoothed(weighed):
        hits += weight
        wrong += wrong_weight
        if score < SAME_WORDS and bound(wrong, hits, confidence) <= target:
            expected, most = bound(wrong, hits, CONFIDENCE), bound(wrong, hits, BOUND_CONFIDENCE)
            chosen = Threshold(score, target, expected, most, hits, wrong)
    return chosen


def bound(wrong: float, hits: float, confidence: float) -> float:
    """Wilson's one-sided upper bound on the share of wrong hits (J. Am. Stat. Assoc. 22, 1927), with half a wrong one more than seen."""
    wrong, hits = wrong + 0.5, hits + 1.0
    z = NormalDist().inv_cdf(confidence)
    share, weight = wrong / hits, z * z / hits
    spread = z * math.sqrt(max(0.0, share * (1 - share)) / hits + weight / (4 * hits))
    return min(1.0, (share + weight / 2 + spread) / (1 + weight))


def _smoothed(weighed: Sequence[tuple[Labelled, float]]) -> list[tuple[float, float, float]]:
    """(score, weight, weight of wrong ones) by falling score, one entry a score; the share wrong never falls on the way down."""
    by_score: dict[float, tuple[float, float]] = {}
    for one, weight in weighed:
        all_of, wrong_of = by_score.get(one.score, (0.0, 0.0))
        by_score[one.score] = (all_of + weight, wrong_of + weight * (not one.is_right))
    blocks: list[tuple[float, float, list[float]]] = []
    for score in sorted(by_score, reverse=True):
        all_of, wrong_of = by_score[score]
        scores = [score]
        while blocks and blocks[-1][1] * all_of > wrong_of * blocks[-1][0]:
            before, wrong_before, scores_before = blocks.pop()
            all_of, wrong_of, scores = all_of + before, wrong_of + wrong_before, scores_before + scores
        blocks.append((all_of, wrong_of, scores))
    return [
        (score, by_score[score][0], by_score[score][0] * wrong_of / all_of)
        for all_of, wrong_of, scores in blocks
        for score in scores
    ]
