"""How good a classifier's probabilities are, on answers it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.quality.threshold import Scored


@dataclass(frozen=True, slots=True)
class Metrics:
    auc: float | None  # None: all good, or all bad
    brier: float
    answers: int

    def is_worse_than(self, other: Metrics) -> bool:
        """Whether it ranks or estimates worse, both measured on the same answers."""
        if self.auc is None or other.auc is None:
            return True  # nothing can be said for it
        return self.auc < other.auc or self.brier > other.brier

    def as_json(self) -> dict[str, Any]:
        return {
            "auc": None if self.auc is None else round(self.auc, 4),
            "brier": round(self.brier, 4),
            "n": self.answers,
        }


def measure(scored: Sequence[Scored]) -> Metrics:
    """Raises `ValueError` if there is nothing to measure."""
    if not scored:
        raise ValueError("nothing to measure")
    brier = sum((one.probability - one.is_good) ** 2 for one in scored) / len(scored)
    return Metrics(_auc(scored), brier, len(scored))


def _auc(scored: Sequence[Scored]) -> float | None:
    """The chance that a good answer scores above a bad one, ties counting half."""
    good = sum(1 for one in scored if one.is_good)
    bad = len(scored) - good
    if not good or not bad:
        return None
    ranked = sorted(scored, key=lambda one: one.probability)
    above = 0.0  # pairs won by the good one
    bad_below = start = 0
    while start < len(ranked):
        end = start
        while end < len(ranked) and ranked[end].probability == ranked[start].probability:
            end += 1
        tied_good = sum(1 for one in ranked[start:end] if one.is_good)
        tied_bad = end - start - tied_good
        above += tied_good * (bad_below + tied_bad / 2)
        bad_below += tied_bad
        start = end
    return above / (good * bad)
