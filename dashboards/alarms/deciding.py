"""When an episode begins, gets worse and ends, from how the last windows of time were judged. What makes a window bad is others' to say.

An episode begins after several bad windows in a row and ends after several good ones. What lies between (`UNSURE`) neither begins nor ends
anything, so a value that wavers around its limit is told of once. Nothing is remembered but whether an episode is open: the windows are
judged anew each time, so a look that was missed, made twice or made before a late record came changes nothing that the next one
does not put right.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass


class Verdict(enum.IntEnum):
    """Of one window. `WORSE` is so bad that a person should be woken."""

    GOOD = 0
    UNSURE = 1
    BAD = 2
    WORSE = 3


class Change(enum.Enum):
    NONE = "none"
    BEGIN = "begin"
    BEGIN_WORSE = "begin_worse"
    GET_WORSE = "get_worse"
    END = "end"
    END_UNMEASURED = "end_unmeasured"  # there is nothing left to judge by


class Open(enum.Enum):
    """What episode is open of the same thing."""

    NO = "no"
    BAD = "bad"
    WORSE = "worse"


@dataclass(frozen=True)
class Patience:
    """How many windows in a row it takes."""

    begins_after: int
    ends_after: int


def decide(verdicts: Sequence[Verdict], is_open: Open, patience: Patience) -> Change:
    """`verdicts`: of the last windows that could be judged, the newest last. An episode never gets better before it ends."""
    latest = verdicts[-patience.begins_after :]
    is_enough = len(latest) == patience.begins_after
    is_worse = is_enough and min(latest) >= Verdict.WORSE
    if is_open is Open.NO:
        if not is_enough or min(latest) < Verdict.BAD:
            return Change.NONE
        return Change.BEGIN_WORSE if is_worse else Change.BEGIN
    if not verdicts:
        return Change.END_UNMEASURED
    if is_worse and is_open is Open.BAD:
        return Change.GET_WORSE
    last = verdicts[-patience.ends_after :]
    is_over = len(last) == patience.ends_after and max(last) == Verdict.GOOD
    return Change.END if is_over else Change.NONE
