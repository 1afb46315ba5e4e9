"""How likely two texts ask the same: a trained model's plain numbers, and scoring with them.

A model is boosted and randomised trees over the features and over learnt distances, blended on the scale of log-odds and calibrated. A
learnt distance is the log of how much likelier a difference between two vectors is for the same question than for another one, if both
kinds of difference are normally distributed around nothing. Trained elsewhere (`training`), kept as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.caching.verify import features
from gateway.scoring import trees
from gateway.scoring.logistic import log_odds_of, logistic

FORMAT = 1
FOREST_SHARE = 0.5  # of the blend


class UnusableModelError(ValueError):
    """A payload that this version of Tollgate cannot score with."""


@dataclass(frozen=True, slots=True)
class Distance:
    """Squares of a difference's parts along some directions, weighed and added. Directions are whole numbers, to be kept small."""

    directions: Any  # float32, directions × 384
    weights: Any

    def of(self, difference: Any) -> float:
        along = self.directions @ difference
        return float((along * along) @ self.weights)


@dataclass(frozen=True, slots=True)
class Boosted:
    start: float  # log-odds before the first tree
    trees: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Scorer:
    """A trained model, ready to score. Trees go by the place in `features.NAMES`, followed by the distances."""

    distances: tuple[Distance, ...]  # in the order of `features.DIFFERENCES`
    boosted: tuple[Boosted, ...]
    forest: tuple[Any, ...]
    slope: float
    intercept: float

    def score(self, values: Sequence[float], differences: Sequence[Any]) -> float:
        """The calibrated probability. `values` as from `features.extract`, `differences` as from `features.differences`."""
        return self.calibrated(self.blended([*values, *self.distances_of(differences)]))

    def distances_of(self, differences: Sequence[Any]) -> list[float]:
        return features.single(
            [distance.of(difference) for distance, difference in zip(self.distances, differences, strict=True)]
        )

    def blended(self, row: Sequence[float]) -> float:
        """The mean of the learners' log-odds, before calibration."""
        boosted = sum(one.start + trees.total(one.trees, row) for one in self.boosted) / len(self.boosted)
        share = trees.total(self.forest, row) / len(self.forest)
        return FOREST_SHARE * log_odds_of(share) + (1 - FOREST_SHARE) * boosted

    def calibrated(self, blended: float) -> float:
        return logistic(self.slope * blended + self.intercept)


def parse(payload: Mapping[str, Any]) -> Scorer:
    """The scorer that a stored payload describes. Raises `UnusableModelError` if this version cannot score with it."""
    import numpy as np

    try:
        if payload["format"] != FORMAT:
            raise UnusableModelError(f"format {payload['format']} instead of {FORMAT}")
        if tuple(payload["features"]) != features.NAMES:
            raise UnusableModelError("trained on other features than this version reads")
        if [entry["of"] for entry in payload["distances"]] != list(features.DIFFERENCES):
            raise UnusableModelError("trained on other differences than this version reads")
        slope, intercept = map(float, payload["calibration"])
        distances = tuple(
            Distance(np.array(entry["directions"], dtype=np.float32), np.array(entry["weights"], dtype=np.float32))
            for entry in payload["distances"]
        )
        boosted = tuple(Boosted(float(entry["start"]), tuple(entry["trees"])) for entry in payload["boosted"])
        if not boosted or not payload["forest"]:
            raise UnusableModelError("trees are missing")
        return Scorer(distances, boosted, tuple(payload["forest"]), slope, intercept)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, UnusableModelError):
            raise
        raise UnusableModelError(f"not a payload of this version: {error}") from error
