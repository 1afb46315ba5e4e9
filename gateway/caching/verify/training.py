"""Trains a scorer from labelled pairs and scores pairs that it has not seen. Needs scikit-learn, which is imported when it is called: a
gateway process never pays for it.

Pairs that share a text, or are joined by a chain of such pairs, are never on both sides of a split. Of the same pairs and seed comes the
same model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.caching.verify import features, guards, learning, reading, scorer, thresholds
from gateway.caching.verify.substitutions import Substitutions
from gateway.caching.verify.thresholds import Labelled
from gateway.scoring import trees

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FOLDS = 5
INNER_FOLDS = 5  # for what is learnt on scores of pairs not trained on: calibration, thresholds
LEARNT_FOLDS = 4  # for what is learnt of vectors, as the trees learn from it
FOREST: dict[str, Any] = {"n_estimators": 80, "min_samples_leaf": 3, "max_leaf_nodes": 96, "max_features": 0.5}
BOOSTING: dict[str, Any] = {
    "n_estimators": 260,
    "learning_rate": 0.04,
    "max_depth": 4,
    "max_features": 10,
    "subsample": 0.45,
    "min_samples_leaf": 7,
}
BOOSTED_MODELS = 2  # that differ by their seed


class TooFewPairsError(ValueError):
    """There is nothing to learn from."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two questions, and whether an answer to one is a right answer to the other."""

    text_a: str
    text_b: str
    is_same: bool


@dataclass(frozen=True, slots=True)
class Table:
    """Pairs as a learner wants them. `groups` are numbers of pairs that hang together."""

    values: NDArray[np.float64]
    differences: tuple[NDArray[np.float64], ...]
    same: NDArray[np.float64]
    groups: NDArray[np.int64]
    vetoed: NDArray[np.bool_]
    same_words: NDArray[np.bool_]
    similarities: NDArray[np.float64]
    substitutions: tuple[Substitutions, ...]

    def part(self, places: Any) -> Table:
        return Table(
            self.values[places],
            tuple(one[places] for one in self.differences),
            self.same[places],
            self.groups[places],
            self.vetoed[places],
            self.same_words[places],
            self.similarities[places],
            tuple(self.substitutions[place] for place in places),
        )


@dataclass(frozen=True, slots=True)
class Trained:
    """A payload for `scorer.parse`, and every pair's score from a model that was not trained on it, in the order of the pairs."""

    payload: dict[str, Any]
    unseen: list[float]


@dataclass(frozen=True, slots=True)
class Fold:
    """A model trained on some pairs, the places of those, and of the others."""

    model: Trained
    trained: list[int]
    tested: list[int]


def tabulate(pairs: Sequence[Pair]) -> Table:
    """Blocks: about 10 ms a pair."""
    import numpy as np

    texts = list(dict.fromkeys(text for pair in pairs for text in (pair.text_a, pair.text_b)))
    read = dict(zip(texts, reading.of_texts(texts), strict=True))
    values, differences, vetoed, same_words, similarities, substitutions = [], [], [], [], [], []
    for pair in pairs:
        mine, other = read[pair.text_a], read[pair.text_b]
        found = reading.compared(mine, other)
        values.append(found.values)
        differences.append(found.differences)
        substitutions.append(found.substitutions)
        vetoed.append(bool(guards.vetoes(mine.reading, other.reading)))
        same_words.append(mine.reading.is_same_as(other.reading))
        similarities.append(found.values[features.NAMES.index("whole_last")])
    return Table(
        np.array(values, dtype=np.float64),
        tuple(np.array(parts, dtype=np.float64) for parts in zip(*differences, strict=True)),
        np.array([pair.is_same for pair in pairs], dtype=np.float64),
        np.array(groups_of(pairs)),
        np.array(vetoed),
        np.array(same_words),
        np.array(similarities),
        tuple(substitutions),
    )


def groups_of(pairs: Sequence[Pair]) -> list[int]:
    """A number for each pair, equal for pairs that share a text (whatever its case and blanks) or are joined by such pairs."""
    parent: dict[str, str] = {}

    def root(text: str) -> str:
        parent.setdefault(text, text)
        while parent[text] != text:
            parent[text] = parent[parent[text]]
            text = parent[text]
        return text

    keys = [(_key(pair.text_a), _key(pair.text_b)) for pair in pairs]
    for left, right in keys:
        parent[root(left)] = root(right)
    numbers: dict[str, int] = {}
    return [numbers.setdefault(root(left), len(numbers)) for left, _ in keys]


def fit(table: Table, *, seed: int = 0, inner_folds: int = INNER_FOLDS) -> Trained:
    """Raises `TooFewPairsError`."""
    from threadpoolctl import threadpool_limits

    if len(set(table.same.tolist())) < 2:
        raise TooFewPairsError("needs pairs that ask the same and pairs that do not")
    if not any(len(one.facts) for one in table.substitutions):
        raise TooFewPairsError("needs pairs that differ in a word")
    with threadpool_limits(limits=1):  # so small a problem takes longer on many cores than on one
        payload = _learn(table, seed)
        blended = _unseen(table, seed, inner_folds)
        slope, intercept = _calibration(blended, table.same)
    payload["calibration"] = [slope, intercept]
    model = scorer.parse(payload)
    scores = [
        thresholds.SAME_WORDS if same_words else model.calibrated(value)
        for same_words, value in zip(table.same_words.tolist(), blended, strict=True)
    ]
    return Trained(payload, scores)


def folds(table: Table, *, count: int = FOLDS, seed: int = 0, calibrates: bool = True) -> Iterator[Fold]:
    """Models of a cross-validation: each pair is tested in one fold. Not calibrated, they rank the same and take a fifth of the time."""
    from threadpoolctl import threadpool_limits

    for trained, tested in _split(table, count, seed):
        if calibrates:
            made = fit(table.part(trained), seed=seed)
        else:
            with threadpool_limits(limits=1):
                made = Trained(_learn(table.part(trained), seed), [])
        yield Fold(made, trained.tolist(), tested.tolist())


def scored(payload: dict[str, Any], table: Table) -> list[float]:
    """The verifier's score of each pair, vetoes aside."""
    model = scorer.parse(payload)
    return [
        thresholds.SAME_WORDS if same_words else model.calibrated(blended)
        for same_words, blended in zip(table.same_words.tolist(), _blended(model, table), strict=True)
    ]


def labelled(table: Table, scores: Sequence[float], *, least_similarity: float) -> list[Labelled]:
    """What thresholds are chosen from: pairs that are near enough and that the guards let pass."""
    return [
        Labelled(score, bool(same))
        for score, same, vetoed, similarity in zip(
            scores, table.same.tolist(), table.vetoed.tolist(), table.similarities.tolist(), strict=True
        )
        if not vetoed and similarity >= least_similarity
    ]


def _key(text: str) -> str:
    return " ".join(text.casefold().split())


def _split(table: Table, count: int, seed: int) -> Iterator[tuple[Any, Any]]:
    """Folds of whole groups, with about as many pairs of each kind; fewer folds where there are too few of a kind."""
    from sklearn.model_selection import StratifiedGroupKFold

    kinds = [len(set(table.groups[table.same == kind].tolist())) for kind in (0.0, 1.0)]
    if min(kinds) < 2:
        raise TooFewPairsError("too few pairs that have no question in common, to learn from some and try others")
    splitter = StratifiedGroupKFold(min(count, *kinds), shuffle=True, random_state=seed)
    yield from splitter.split(table.values, table.same, table.groups)


def _learn(table: Table, seed: int) -> dict[str, Any]:
    """What is learnt of vectors, and trees, uncalibrated."""
    import numpy as np
    from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier

    learnt = learning.learn(table.differences, table.substitutions, table.same)
    # The trees learn from columns as they will be of pairs not trained on.
    columns = learning.columns(learnt, table.differences, table.substitutions)
    for trained, tested in _split(table, LEARNT_FOLDS, seed):
        part, rest = table.part(trained), table.part(tested)
        made = learning.learn(part.differences, part.substitutions, part.same)
        columns[tested] = learning.columns(made, rest.differences, rest.substitutions)
    rows = np.column_stack([table.values, columns]).astype(np.float32)
    boosted = [
        GradientBoostingClassifier(**BOOSTING, random_state=seed + 1000 * turn).fit(rows, table.same)
        for turn in range(BOOSTED_MODELS)
    ]
    forest = ExtraTreesClassifier(**FOREST, random_state=seed).fit(rows, table.same)
    odds = float(np.log(table.same.mean() / (1 - table.same.mean())))
    return {
        "format": scorer.FORMAT,
        "features": list(features.NAMES),
        **learnt,
        "boosted": [
            {
                "start": odds,
                "trees": [_rounded(trees.exported(tree.tree_, leaf=_step)) for tree in model.estimators_[:, 0]],
            }
            for model in boosted
        ],
        "forest": [_rounded(trees.exported(tree.tree_)) for tree in forest.estimators_],
        "calibration": [1.0, 0.0],
    }


def _step(value: Any) -> float:
    return float(value[0][0] * BOOSTING["learning_rate"])


def _rounded(node: Any) -> Any:
    """Without the digits that make no difference: no value in single precision lies between a threshold and what is kept of it."""
    import numpy as np

    if not isinstance(node, list):
        return float(f"{node:.5g}")
    column, threshold, below, above = node
    low = np.float32(threshold)
    if float(low) > threshold:
        low = np.nextafter(low, np.float32(-np.inf))
    high = np.nextafter(low, np.float32(np.inf))
    kept = next(
        value for digits in range(4, 18) if float(low) <= (value := float(f"{threshold:.{digits}g}")) < float(high)
    )
    return [column, kept, _rounded(below), _rounded(above)]


def _unseen(table: Table, seed: int, count: int) -> list[float]:
    """Every pair's blend from a model that was not trained on it."""
    import numpy as np

    blended = np.zeros(len(table.same))
    for trained, tested in _split(table, count, seed):
        blended[tested] = _blended(scorer.parse(_learn(table.part(trained), seed)), table.part(tested))
    return [float(value) for value in blended]


def _calibration(blended: Sequence[float], same: Any) -> tuple[float, float]:
    """Slope and intercept (Platt) that turn blends of pairs not trained on into probabilities."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    platt = LogisticRegression(C=1.0).fit(np.array(blended)[:, None], same)
    return float(platt.coef_[0][0]), float(platt.intercept_[0])


def _blended(model: scorer.Scorer, table: Table) -> list[float]:
    return [
        model.blended(
            [*values, *model.learnt_of([one[place] for one in table.differences], table.substitutions[place])]
        )
        for place, values in enumerate(table.values.tolist())
    ]
