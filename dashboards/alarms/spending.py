"""Judges what an hour cost against the same hours of the weeks before.

The hour of the week, and two on each side of it, of four weeks make up to twenty values that are the usual: their median, and the median
absolute deviation from it, times 1.4826 so that it estimates a standard deviation (F. R. Hampel, "The influence curve and its role in
robust estimation", JASA 69, 1974). One anomalous week, or two, moves neither. An hour is bad that costs more than six such deviations
above the median, and twice the median, and more than a sum that is worth anybody's attention.

Costs are floats here: they are judged, and never booked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from dashboards.alarms.deciding import Patience, Verdict

WEEKS = 4
NEIGHBOURS = (-2, -1, 0, 1, 2)  # with one on each side, three steady years of six raised an alarm; with two, none did
LEAST_KNOWN = 15  # three weeks
DEVIATIONS, CONSISTENCY = 6.0, 1.4826
TIMES_USUAL, TIMES_WORSE = 2.0, 5.0
HOURS = Patience(begins_after=2, ends_after=2)


@dataclass(frozen=True)
class Usual:
    """What an hour usually costs, and what is too much."""

    amount: float
    limit: float


def usual(known: Sequence[float], least_usd: float) -> Usual | None:
    """`known`: what the same hours of earlier weeks cost. None where too little is known to call anything usual."""
    if len(known) < LEAST_KNOWN:
        return None
    amount = median(known)
    spread = CONSISTENCY * median(abs(value - amount) for value in known)
    return Usual(amount, max(amount + DEVIATIONS * spread, TIMES_USUAL * amount, amount + least_usd))


def verdict(spent: float, of: Usual) -> Verdict:
    if spent > of.limit:
        return Verdict.WORSE if spent > max(TIMES_WORSE * of.amount, TIMES_USUAL * of.limit) else Verdict.BAD
    return Verdict.GOOD if spent <= (of.amount + of.limit) / 2 else Verdict.UNSURE
