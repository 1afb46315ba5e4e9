"""Quality against strong calls for an order of escalation, and the figures that sum it up.

Gain recovered (performance gap recovered): 0 when the cheap model answers everything, 1 when the strong one does. APGR is its mean
over all shares of strong calls, by the trapezium rule; 0.5 is what chance gives.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.cascade.data import Pair


@dataclass(frozen=True)
class Curve:
    """Gain recovered after each strong call, the most doubtful first; one entry more than there are pairs."""

    recovered: list[float]

    @property
    def apgr(self) -> float:
        middles = [(left + right) / 2 for left, right in zip(self.recovered, self.recovered[1:], strict=False)]
        return sum(middles) / len(middles)

    def share_for(self, gain: float) -> float:
        """The smallest share of strong calls at which so much of the gain is recovered."""
        calls = next(calls for calls, recovered in enumerate(self.recovered) if recovered >= gain - 1e-9)
        return calls / (len(self.recovered) - 1)

    def at(self, share: float) -> float:
        return self.recovered[round(share * (len(self.recovered) - 1))]


@dataclass(frozen=True)
class Summary:
    """One curve's figures."""

    apgr: float
    share_for_half: float
    share_for_most: float  # 80 %


def trace(pairs: Sequence[Pair], doubt: Sequence[float]) -> Curve:
    """The curve when pairs are escalated by falling doubt; equal ones in the order of the file."""
    order = sorted(range(len(pairs)), key=lambda place: -doubt[place])
    total = sum(pair.gain for pair in pairs)
    if total <= 0:
        raise ValueError("the strong model is no better than the cheap one on this data: there is no gain to recover")
    recovered, so_far = [0.0], 0
    for place in order:
        so_far += pairs[place].gain
        recovered.append(so_far / total)
    return Curve(recovered)


def summarise(pairs: Sequence[Pair], doubt: Sequence[float]) -> Summary:
    curve = trace(pairs, doubt)
    return Summary(curve.apgr, curve.share_for(0.5), curve.share_for(0.8))


def interval_of_apgr(pairs: Sequence[Pair], doubt: Sequence[float], *, draws: int = 500) -> tuple[float, float]:
    """A 90 % bootstrap interval: how far APGR would move with other questions of the same kind."""
    chance = random.Random(0)
    values = []
    for _ in range(draws):
        places = chance.choices(range(len(pairs)), k=len(pairs))
        drawn = [pairs[place] for place in places]
        if sum(pair.gain for pair in drawn) > 0:
            values.append(trace(drawn, [doubt[place] for place in places]).apgr)
    values.sort()
    return values[len(values) // 20], values[-1 - len(values) // 20]
