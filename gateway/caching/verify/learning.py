"""Learns of vectors what trees cannot: distances and a word model (`learnt`), from labelled pairs. Of the same pairs comes the same.

Needs scikit-learn, as `training` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.caching.verify import features, learnt, substitutions
from gateway.caching.verify.substitutions import Substitutions
from gateway.embedders import minilm

DIRECTIONS = 40  # of a distance, and of each base of the word model
LARGEST = 127  # of the whole numbers that directions are kept as
REGULARITY = 0.002  # inverse strength of the linear models' regularisation


def learn(differences: Sequence[Any], found: Sequence[Substitutions], same: Any) -> dict[str, Any]:
    """The parts of a payload that are learnt of vectors. `found`: each pair's substitutions."""
    named = zip(features.DIFFERENCES, differences, strict=True)
    distances = [{"of": name, **_distance(difference, same)} for name, difference in named]
    return {"distances": distances, "words": _words(found, same)}


def columns(payload: dict[str, Any], differences: Sequence[Any], found: Sequence[Substitutions]) -> Any:
    """What `Scorer.learnt_of` says of many pairs."""
    import numpy as np

    distances = learnt.distances(payload["distances"], width=minilm.WIDTH)
    words = learnt.word_model(payload["words"], width=minilm.WIDTH)
    return np.column_stack([*distances.of_many(differences), np.array([words.of(one) for one in found])])


def _distance(differences: Any, same: Any) -> dict[str, Any]:
    """By two normal distributions around nothing (Ledoit and Wolf's covariances, J. Multivar. Anal. 88, 2004), along the directions that
    tell the most."""
    import numpy as np
    from sklearn.covariance import ledoit_wolf

    precisions = [np.linalg.inv(ledoit_wolf(differences[same == kind], assume_centered=True)[0]) for kind in (0.0, 1.0)]
    values, vectors = np.linalg.eigh(precisions[0] - precisions[1])
    kept = np.argsort(-np.abs(values), kind="stable")[:DIRECTIONS]
    whole, sizes = _whole(vectors[:, kept].T)
    return {"directions": learnt.packed(whole), "weights": _short(values[kept] * sizes**2)}


def _words(found: Sequence[Substitutions], same: Any) -> dict[str, Any]:
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    counts = np.array([len(one.facts) for one in found])
    of_pair = np.repeat(np.arange(len(found)), counts)
    everything = substitutions.joined(list(found))
    bases = []
    for words, there in zip(everything.words, everything.there, strict=True):
        base: dict[str, Any] = {}
        for name, vectors in (("words", words), ("apart", words - there)):
            whole, sizes = _whole(_principal(vectors))
            base |= {name: learnt.packed(whole), f"{name}_scale": _short(sizes)}
            base[f"{name}_from"] = _short((whole * np.array(base[f"{name}_scale"])[:, None]) @ vectors.mean(axis=0))
        bases.append(base)
    rows = learnt.parts(learnt.bases(bases, width=minilm.WIDTH), everything)
    centre, scale = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-6)
    rows = np.clip((rows - centre) / scale, -learnt.FARTHEST, learnt.FARTHEST)

    def fitted(values: Any, labels: Any, weights: Any) -> tuple[Any, float]:
        if len(set(labels.tolist())) < 2:
            return np.zeros(values.shape[1]), 0.0  # substitutions in pairs of one kind only tell nothing
        model = LogisticRegression(C=REGULARITY, max_iter=200).fit(values, labels, sample_weight=weights)
        return model.coef_[0], float(model.intercept_[0])

    each, each_from = fitted(rows, same[of_pair], 1 / np.sqrt(counts[of_pair]))
    summed = np.array([part.sum(axis=0) for part in np.split(rows, np.cumsum(counts)[:-1])])
    summed /= np.sqrt(np.maximum(counts, 1))[:, None]
    spread = np.maximum(summed.std(axis=0), 1e-6)
    together, together_from = fitted(summed / spread, same, None)
    return {
        "bases": bases,
        "centre": _short(centre),
        "scale": _short(scale),
        "of_each": _short(each),
        "of_each_from": each_from,
        "together": _short(together / spread),
        "together_from": together_from,
        "nothing": float((rows @ each).max()) + each_from,
    }


def _principal(vectors: Any) -> Any:
    """The directions along which vectors vary the most, one a row."""
    import numpy as np

    centred = vectors - vectors.mean(axis=0)
    _, found = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    return found[:, ::-1][:, :DIRECTIONS].T


def _whole(directions: Any) -> tuple[Any, Any]:
    """As whole numbers, and what each row is to be multiplied by."""
    import numpy as np

    sizes = np.abs(directions).max(axis=1) / LARGEST
    return np.rint(directions / sizes[:, None]), sizes


def _short(values: Any) -> list[float]:
    return [float(f"{value:.6g}") for value in values]
