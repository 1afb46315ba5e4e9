"""How likely an answer is acceptable: a trained model's plain numbers, and scoring with them in pure Python.

A model is small trees and a logistic regression over the same features, blended and calibrated. It is trained elsewhere
(`training`) and kept as JSON; nothing but the standard library is needed to score, so that a gateway worker stays small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from typing import Any

from gateway.quality import features
from gateway.scoring import trees
from gateway.scoring.logistic import log_odds_of, logistic

FORMAT = 1
TREE_SHARE = 2 / 3  # of the blend; measured on the development data, see docs/cascade.md


class UnusableModelError(ValueError):
    """A payload that this version of Tollgate cannot score with."""


@dataclass(frozen=True, slots=True)
class Classifier:
    """A trained model, ready to score.

    `columns` are places in `features.NAMES`; weights and trees go by the place in `columns`. A tree's leaf is a probability.
    """

    columns: tuple[int, ...]
    weights: tuple[float, ...]
    bias: float
    word_weights: tuple[float, ...]  # by bucket; empty: words are not looked at
    trees: tuple[Any, ...]
    slope: float
    intercept: float

    def probability(self, prompt: str, answer: str) -> float:
        """The calibrated probability that the answer is acceptable."""
        values: Sequence[float] = features.extract(prompt, answer)
        if len(self.columns) < len(values):
            values = [values[column] for column in self.columns]
        words = features.hashed_words(answer) if self.word_weights else {}
        return self.calibrated(self.blended(values, words))

    def blended(self, values: Sequence[float], words: Mapping[int, float]) -> float:
        """Both learners' mean, before calibration. `values` go by the place in `columns`."""
        log_odds = self.bias + sum(map(mul, self.weights, values))
        for bucket, value in words.items():
            log_odds += self.word_weights[bucket] * value
        return TREE_SHARE * trees.total(self.trees, values) / len(self.trees) + (1 - TREE_SHARE) * logistic(log_odds)

    def calibrated(self, blended: float) -> float:
        return logistic(self.slope * log_odds_of(blended) + self.intercept)


def parse(payload: Mapping[str, Any]) -> Classifier:
    """The classifier that a stored payload describes. Raises `UnusableModelError` if this version cannot score with it."""
    try:
        if payload["format"] != FORMAT:
            raise UnusableModelError(f"format {payload['format']} instead of {FORMAT}")
        columns = tuple(features.NAMES.index(name) for name in payload["features"])
        linear, word_weights = payload["linear"], tuple(map(float, payload["linear"]["words"]))
        if len(word_weights) not in (0, features.BUCKETS):
            raise UnusableModelError(f"{len(word_weights)} word weights instead of {features.BUCKETS}")
        weights = tuple(map(float, linear["weights"]))
        if len(weights) != len(columns) or not payload["trees"]:
            raise UnusableModelError("weights or trees are missing")
        slope, intercept = map(float, payload["calibration"])
        return Classifier(
            columns, weights, float(linear["bias"]), word_weights, tuple(payload["trees"]), slope, intercept
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, UnusableModelError):
            raise
        raise UnusableModelError(f"not a payload of this version: {error}") from error
