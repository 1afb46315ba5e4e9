"""Probabilities and their log-odds."""

from __future__ import annotations

import math

_NEAREST = 1e-6  # how near to 0 and 1 a probability may come before its log-odds are taken


def log_odds_of(probability: float) -> float:
    held = min(max(probability, _NEAREST), 1 - _NEAREST)
    return math.log(held / (1 - held))


def logistic(log_odds: float) -> float:
    if log_odds >= 0:
        return 1 / (1 + math.exp(-log_odds))
    grown = math.exp(log_odds)
    return grown / (1 + grown)
