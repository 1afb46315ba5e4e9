"""Trains a classifier from labelled answers and measures it on answers it has not seen. Needs scikit-learn, which only this module imports,
and only when it is called: the Celery worker pays for it, a gateway process never does.

Rows of one prompt are never on both sides of a split. The calibration is fitted to cross-validated scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.quality import classifier, features
from gateway.quality.threshold import Scored
from gateway.scoring.logistic import log_odds_of
from gateway.scoring.trees import exported

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FOLDS = 5
TREES = 60
LEAVES = 64  # a tree at most: 60 trees stay under 200 kB however many rows there are
ROWS_PER_LEAF = 8
INVERSE_PENALTY = 0.01  # of the logistic regression
WORD_SCALE = 5.0  # hashed words against standardised features: how much less they are held back


@dataclass(frozen=True, slots=True)
class Row:
    """A labelled answer."""

    prompt: str
    answer: str
    is_good: bool
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Fold:
    """A model trained on some rows, and the places of the others."""

    payload: dict[str, Any]
    tested: list[int]


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows as a learner wants them."""

    values: NDArray[np.float64]
    words: NDArray[np.float64]
    good: NDArray[np.float64]
    weights: NDArray[np.float64]
    groups: NDArray[np.float64]
    columns: tuple[str, ...]

    def part(self, places: Any) -> _Table:
        return _Table(
            self.values[places],
            self.words[places],
            self.good[places],
            self.weights[places],
            self.groups[places],
            self.columns,
        )


def fit(
    rows: Sequence[Row], *, columns: tuple[str, ...] = features.NAMES, has_words: bool = True, seed: int = 0
) -> dict[str, Any]:
    """A payload for `classifier.parse`. Raises `ValueError` if all rows are good, or all bad."""
    table = _table(rows, columns, has_words)
    if len(set(table.good.tolist())) < 2:
        raise ValueError("needs both good and bad answers")
    return _fit(table, seed)


def folds(
    rows: Sequence[Row],
    *,
    count: int = FOLDS,
    columns: tuple[str, ...] = features.NAMES,
    has_words: bool = True,
    seed: int = 0,
) -> Iterator[Fold]:
    """Models of a cross-validation, grouped by prompt: each row is tested in one fold. A fold trained on one kind only is an error."""
    table = _table(rows, columns, has_words)
    for trained, tested in _split(table, count, seed):
        yield Fold(_fit(table.part(trained), seed), tested.tolist())


def _table(rows: Sequence[Row], columns: tuple[str, ...], has_words: bool) -> _Table:
    import numpy as np

    places = [features.NAMES.index(name) for name in columns]
    values = np.array([features.extract(row.prompt, row.answer) for row in rows], dtype=np.float64)[:, places]
    words = np.zeros((len(rows), features.BUCKETS if has_words else 0))
    if has_words:
        for place, row in enumerate(rows):
            for bucket, value in features.hashed_words(row.answer).items():
                words[place, bucket] = value
    weights = np.array([row.weight for row in rows], dtype=np.float64)
    group_of: dict[str, int] = {}
    groups = np.array([group_of.setdefault(row.prompt, len(group_of)) for row in rows])
    return _Table(
        values,
        words,
        np.array([row.is_good for row in rows], dtype=np.float64),
        weights / weights.mean(),
        groups,
        columns,
    )


def _split(table: _Table, count: int, seed: int) -> Iterator[tuple[Any, Any]]:
    """Folds grouped by prompt, with about as many good ones in each; fewer folds where there are too few of a kind."""
    from sklearn.model_selection import StratifiedGroupKFold

    rarer = int(min(table.good.sum(), len(table.good) - table.good.sum()))
    splitter = StratifiedGroupKFold(max(2, min(count, rarer)), shuffle=True, random_state=seed)
    yield from splitter.split(table.values, table.good, table.groups)


def _fit(table: _Table, seed: int) -> dict[str, Any]:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):  # so small a problem takes longer on many cores than on one
        payload = _learn(table, seed)
        slope, intercept = _calibrate(table, seed)
    return payload | {"calibration": [slope, intercept]}


def _learn(table: _Table, seed: int) -> dict[str, Any]:
    """The trees and the regression, uncalibrated."""
    import numpy as np
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.linear_model import LogisticRegression

    trees = ExtraTreesClassifier(
        TREES, min_samples_leaf=ROWS_PER_LEAF, max_leaf_nodes=LEAVES, max_features=0.5, random_state=seed
    ).fit(table.values, table.good, sample_weight=table.weights)
    mean = np.average(table.values, axis=0, weights=table.weights)
    scale = np.sqrt(np.average((table.values - mean) ** 2, axis=0, weights=table.weights))
    scale[scale < 1e-9] = 1.0
    regression = LogisticRegression(C=INVERSE_PENALTY, max_iter=5000).fit(
        np.hstack([(table.values - mean) / scale, table.words * WORD_SCALE]), table.good, sample_weight=table.weights
    )
    weights = regression.coef_[0][: len(table.columns)] / scale
    return {
        "format": classifier.FORMAT,
        "features": list(table.columns),
        "linear": {
            "weights": weights.tolist(),
            "bias": float(regression.intercept_[0] - (weights * mean).sum()),
            "words": (regression.coef_[0][len(table.columns) :] * WORD_SCALE).tolist(),
        },
        "trees": [exported(tree.tree_) for tree in trees.estimators_],
        "calibration": [1.0, 0.0],
    }


def _calibrate(table: _Table, seed: int) -> tuple[float, float]:
    """Slope and intercept (Platt) that turn the blend's log-odds into probabilities, from scores of rows not trained on."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    log_odds = np.zeros((len(table.good), 1))
    for trained, tested in _split(table, 3, seed):
        part = table.part(trained)
        if len(set(part.good.tolist())) < 2:
            return 1.0, 0.0
        model = classifier.parse(_learn(part, seed))
        for place in tested.tolist():
            words = {int(bucket): float(table.words[place, bucket]) for bucket in table.words[place].nonzero()[0]}
            blended = model.blended(table.values[place].tolist(), words)
            log_odds[place, 0] = log_odds_of(blended)
    platt = LogisticRegression(C=1.0).fit(log_odds, table.good, sample_weight=table.weights)
    return float(platt.coef_[0][0]), float(platt.intercept_[0])


def cross_scored(rows: Sequence[Row], *, seed: int = 0) -> list[Scored]:
    """Every row's probability from a model that was not trained on its prompt, in the order of the rows."""
    scored: dict[int, Scored] = {}
    for fold in folds(rows, seed=seed):
        model = classifier.parse(fold.payload)
        for place in fold.tested:
            row = rows[place]
            scored[place] = Scored(model.probability(row.prompt, row.answer), row.is_good)
    return [scored[place] for place in range(len(rows))]
