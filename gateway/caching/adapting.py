"""From which value on hits are given, so that false ones stay under a target; and when a cache is better switched off. Pure.

What is seen of a cache is a sample of its hits, each with the value it was let through with (the verifier's score, or the similarity)
and whether it was right. Below the threshold nothing is seen. So the threshold goes *up* as soon as the hits look worse than the
target, to where those above it are good enough; *down* a little at a time, after the hits have been better than the target beyond
reasonable doubt; and where it does not help in time, the cache is switched off.

Going up errs on the safe side and costs hits, so it takes little evidence. Switching off takes a cache from people who want it, so it
takes evidence that a cache within its target gives at most once in `1/ALPHA` tasks (`evidence.log_evidence`). It is gathered anew every
`BLOCK` checks, so that a cache that has been good for long is not trusted for long when it goes bad.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from gateway.caching import evidence

ALPHA = 0.01  # of caches within their target are switched off, in each block
BLOCK = 1_000  # checks
MOST_SEEN = 2_000  # of the latest checks that the threshold is chosen by
LEAST_CHECKED = 10  # before it is switched off: a higher threshold may have helped by then
FEW = 20  # checks after a change before the next one
MANY = 60  # checks after a change before the threshold goes down
DOUBT_UP = 0.84  # standard deviations: 80 % sure
DOUBT_DOWN = 1.28  # 90 % sure
WAY_DOWN = 0.25  # of the way to the least threshold, in one step
WAY_UP = 0.5  # of the way to the most, where no hit seen so far is good enough
LEAST_STEP = 0.02  # of the whole range: below that it goes to the end


class Checked(NamedTuple):
    """A hit that was checked: what it was let through with, and what came of it."""

    value: float
    is_right: bool


class Aim(NamedTuple):
    """What a tenant tolerates: the share of hits that may be false, and between what the threshold may move. `least` is what hits are let
    through with where nothing is known of them."""

    target: float
    least: float
    most: float = 1.0


class Decision(NamedTuple):
    """`why` is for people; empty where nothing changes."""

    threshold: float
    is_off: bool = False
    why: str = ""


def decide(
    checked: Sequence[Checked], aim: Aim, *, threshold: float, since_change: int, total: int | None = None
) -> Decision:
    """The threshold from here on, and whether the cache goes on at all.

    `checked` are the latest checks, oldest first, `total` how many there were since the cache was last switched on (at least the latest
    `BLOCK` are needed); the last `since_change` of them were made under `threshold`.
    """
    threshold = min(max(threshold, aim.least), aim.most)
    block = checked[-_in_block(len(checked) if total is None else total) :]
    wrong = sum(not one.is_right for one in block)
    is_refuted = len(block) >= LEAST_CHECKED and evidence.log_evidence(wrong, len(block), aim.target) >= math.log(
        1 / ALPHA
    )
    if is_refuted:
        bound = evidence.lower_bound(wrong, len(block), alpha=ALPHA)
        return Decision(
            threshold,
            is_off=True,
            why=f"{wrong} of {len(block)} checked hits were wrong: at least {bound:.1%}, with {aim.target:.1%} tolerated",
        )
    if since_change < FEW and threshold > aim.least:
        return Decision(threshold)
    return _raised(checked, aim, threshold) or _lowered(checked, aim, threshold, since_change) or Decision(threshold)


def _in_block(total: int) -> int:
    return (total - 1) % BLOCK + 1 if total else 0


def _raised(checked: Sequence[Checked], aim: Aim, threshold: float) -> Decision | None:
    """Up to the first value from which on the hits seen so far kept to the target."""
    above = sorted((one for one in checked if one.value >= threshold), key=lambda one: -one.value)
    wrong = sum(not one.is_right for one in above)
    if wrong < 2 or evidence.wilson(wrong, len(above), z=DOUBT_UP).low <= aim.target:
        return None
    best = threshold + (aim.most - threshold) * WAY_UP
    wrong = 0
    for place, one in enumerate(above):
        wrong += not one.is_right
        is_last_of_value = place + 1 == len(above) or above[place + 1].value < one.value
        if is_last_of_value and wrong <= aim.target * (place + 1):
            best = min(best, one.value)
    if best <= threshold:
        return None
    return Decision(best, why=f"{wrong} of {len(above)} checked hits were wrong, with {aim.target:.1%} tolerated")


def _lowered(checked: Sequence[Checked], aim: Aim, threshold: float, since_change: int) -> Decision | None:
    """A step down, where the hits since the last change leave little doubt."""
    if threshold <= aim.least or since_change < MANY:
        return None
    recent = [one for one in checked[-since_change:] if one.value >= threshold]
    wrong = sum(not one.is_right for one in recent)
    high = evidence.wilson(wrong, len(recent), z=DOUBT_DOWN).high
    if high > aim.target:
        return None
    step = max((threshold - aim.least) * WAY_DOWN, (aim.most - aim.least) * LEAST_STEP)
    return Decision(
        max(aim.least, threshold - step), why=f"{wrong} of {len(recent)} checked hits were wrong: at most {high:.1%}"
    )
