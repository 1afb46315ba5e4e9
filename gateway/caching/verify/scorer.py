"""How likely two texts ask the same: a trained model's plain numbers, and scoring with them.

A model is boosted and randomised trees over the features and over what was learnt of vectors (`learnt`), blended on the scale of log-odds
and calibrated. Trained elsewhere (`training`), kept as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.caching.verify import features, forest, learnt
from gateway.caching.verify.forest import Forest
from gateway.caching.verify.learnt import Distances, WordModel
from gateway.caching.verify.substitutions import Substitutions
from gateway.embedders import minilm
from gateway.scoring.logistic import log_odds_of, logistic

FORMAT = 2
FOREST_SHARE = 0.5  # of the blend


class UnusableModelError(ValueError):
    """A payload that this version of Tollgate cannot score with."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """A trained model, ready to score. Trees go by the place in `features.NAMES`, followed by the distances and `learnt.WORD_COLUMNS`."""

    distances: Distances  # in the order of `features.DIFFERENCES`
    words: WordModel
    starts: tuple[float, ...]  # of each boosted model, log-odds before its first tree
    boosted: Forest  # the trees of all of them
    forest: Forest
    slope: float
    intercept: float

    def score(self, values: Sequence[float], differences: Sequence[Any], substitutions: Substitutions) -> float:
        """The calibrated probability. Takes what `reading.compared` makes."""
        return self.calibrated(self.blended([*values, *self.learnt_of(differences, substitutions)]))

    def learnt_of(self, differences: Sequence[Any], substitutions: Substitutions) -> list[float]:
        return features.single([*self.distances.of(differences), *self.words.of(substitutions)])

    def blended(self, row: Sequence[float]) -> float:
        """The mean of the learners' log-odds, before calibration."""
        boosted = (sum(self.starts) + self.boosted.total(row)) / len(self.starts)
        share = self.forest.total(row) / len(self.forest.roots)
        return FOREST_SHARE * log_odds_of(share) + (1 - FOREST_SHARE) * boosted

    def calibrated(self, blended: float) -> float:
        return logistic(self.slope * blended + self.intercept)


def parse(payload: Mapping[str, Any]) -> Scorer:
    """The scorer that a stored payload describes. Raises `UnusableModelError` if this version cannot score with it."""
    try:
        if payload["format"] != FORMAT:
            raise UnusableModelError(f"format {payload['format']} instead of {FORMAT}")
        if tuple(payload["features"]) != features.NAMES:
            raise UnusableModelError("trained on other features than this version reads")
        if [entry["of"] for entry in payload["distances"]] != list(features.DIFFERENCES):
            raise UnusableModelError("trained on other differences than this version reads")
        slope, intercept = map(float, payload["calibration"])
        distances = learnt.distances(payload["distances"], width=minilm.WIDTH)
        words = learnt.word_model(payload["words"], width=minilm.WIDTH)
        starts = tuple(float(entry["start"]) for entry in payload["boosted"])
        boosted = forest.planted(tree for entry in payload["boosted"] for tree in entry["trees"])
        if not starts or not payload["forest"]:
            raise UnusableModelError("trees are missing")
        return Scorer(distances, words, starts, boosted, forest.planted(payload["forest"]), slope, intercept)
    except (IndexError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, UnusableModelError):
            raise
        raise UnusableModelError(f"not a payload of this version: {error}") from error
