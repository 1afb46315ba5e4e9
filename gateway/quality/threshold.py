"""From which probability on an answer is accepted, chosen so that wrong answers stay under a target with known confidence.

What is bounded is the share, of all answers judged, that are accepted although wrong. It can only grow as the threshold falls, so
that the lowest threshold whose upper bound holds needs no correction for having tried many (Bates et al., "Distribution-free,
risk-controlling prediction sets", 2021). The bound is Clopper and Pearson's exact one (Biometrika 26, 1934), one-sided.
Choose on answers that the model was not trained on, and measure on others again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.scoring.bounds import CONFIDENCE, upper_bound

ESCALATE_ALL = math.inf  # no probability reaches it


@dataclass(frozen=True, slots=True)
class Scored:
    """An answer's probability, and whether it was good."""

    probability: float
    is_good: bool


@dataclass(frozen=True, slots=True)
class Threshold:
    """Accept from `value` on. The counts and the bound are those of the answers it was chosen on."""

    value: float
    target: float
    bound: float  # upper confidence bound on the share accepted although wrong
    accepted: int
    wrong: int  # accepted although wrong
    answers: int

    @property
    def escalates_all(self) -> bool:
        return self.value == ESCALATE_ALL


def choose(scored: Sequence[Scored], *, target: float, confidence: float = CONFIDENCE) -> Threshold:
    """The lowest threshold, thus the least escalated, whose bound is at most `target`; ESCALATE_ALL if none is.

    Raises `ValueError` unless 0 < target < 1 and 0 < confidence < 1.
    """
    if not 0 < target < 1 or not 0 < confidence < 1:
        raise ValueError("target and confidence lie between 0 and 1")
    answers = len(scored)
    chosen = Threshold(ESCALATE_ALL, target, upper_bound(0, answers, confidence) if answers else 1.0, 0, 0, answers)
    if chosen.bound > target:
        return chosen
    ranked = sorted(scored, key=lambda one: -one.probability)
    wrong = 0
    for place, one in enumerate(ranked):
        wrong += not one.is_good
        if place + 1 < answers and ranked[place + 1].probability == one.probability:
            continue  # equal probabilities are accepted together
        bound = upper_bound(wrong, answers, confidence) if wrong != chosen.wrong else chosen.bound
        if bound > target:
            break
        chosen = Threshold(one.probability, target, bound, place + 1, wrong, answers)
    return chosen
