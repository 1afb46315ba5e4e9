"""What a number of checked hits, some of them wrong, says about the share of false hits. Pure arithmetic.

Two answers to two questions. *How often is it wrong?* is answered by Wilson's interval (J. Am. Stat. Assoc. 22, 1927), for people to
read. *May it be switched off?* is asked after every check, and an interval that is right 95 times in 100 when it is looked at once is
wrong sooner or later when it is looked at for ever. So that one is answered by a test martingale: a mixture of likelihood ratios
against the target, whose chance of ever reaching 1/α is at most α while the share is at most the target, however often one looks, and
whatever hits are checked (Ville's inequality; Ramdas et al., "Game-theoretic statistics and safe anytime-valid inference",
Statistical Science 38, 2023).
"""

from __future__ import annotations

import math
from typing import NamedTuple

Z95 = 1.959963984540054
STEP = 1.3  # between the shares in the mixture: fine enough that none is far from the true one


class Interval(NamedTuple):
    low: float
    high: float


def wilson(wrong: int, checked: int, *, z: float = Z95) -> Interval:
    """Wilson's score interval of the share of wrong ones, two-sided at 95 % unless told otherwise. Of nothing checked: anything."""
    if not 0 <= wrong <= checked:
        raise ValueError("needs 0 <= wrong <= checked")
    if not checked:
        return Interval(0.0, 1.0)
    share = wrong / checked
    weight = z * z / checked
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / checked + weight / (4 * checked))
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def log_evidence(wrong: int, checked: int, target: float) -> float:
    """The logarithm of the evidence that the share of wrong ones is above `target`: 0 says nothing, log(1/α) refutes it at level α."""
    if not 0 <= wrong <= checked or not 0 < target < 1:
        raise ValueError("needs 0 <= wrong <= checked and 0 < target < 1")
    right = checked - wrong
    terms = [
        wrong * math.log(share / target) + right * math.log((1 - share) / (1 - target)) for share in _shares(target)
    ]
    most = max(terms)
    return most + math.log(sum(math.exp(term - most) for term in terms)) - math.log(len(terms))


def _shares(target: float) -> list[float]:
    """Shares above the target, evenly in their logarithm."""
    shares = []
    share = target * STEP
    while share < 1.0:
        shares.append(share)
        share *= STEP
    return shares or [(1 + target) / 2]


def lower_bound(wrong: int, checked: int, *, alpha: float) -> float:
    """The largest target that the evidence refutes at level `alpha`, 0 if none: a bound that holds at all times at once."""
    least = math.log(1 / alpha)
    low, high = 0.0, wrong / checked if checked else 0.0
    for _ in range(40):
        middle = (low + high) / 2
        if middle > 0 and log_evidence(wrong, checked, middle) >= least:
            low = middle
        else:
            high = middle
    return low
