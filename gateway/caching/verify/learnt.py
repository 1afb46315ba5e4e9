"""What was learnt of vectors: numbers that trees cannot make of them themselves.

A *distance* is the log of how much likelier a difference between two vectors is for the same question than for another one, if both kinds
of difference are normally distributed around nothing. A *word model* says of substitutions how far they leave the question the same: of
each, and of all of a pair together. Made by `learning`, kept as JSON: directions are whole numbers, to be kept small.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.caching.verify.substitutions import FACTS, LAYERS, Substitutions

WORD_COLUMNS = ("words_together", "words_sum", "words_least")
FARTHEST = 4.0  # standard deviations; what is farther out counts as that far


@dataclass(frozen=True, slots=True)
class Distances:
    """Squares of differences' parts along some directions, weighed and added, each difference along its own."""

    directions: Any  # float32, differences × directions × 384
    weights: Any

    def of(self, differences: Sequence[Any]) -> list[float]:
        import numpy as np

        along = (self.directions @ np.stack(differences)[:, :, None])[:, :, 0]
        found: list[float] = (along * along * self.weights).sum(axis=1).tolist()
        return found

    def of_many(self, differences: Sequence[Any]) -> list[Any]:
        """Of many pairs: each difference in a table of one row a pair."""
        return [
            ((difference @ directions.T) ** 2) @ weights
            for directions, weights, difference in zip(self.directions, self.weights, differences, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Bases:
    """Directions of each layer: of words, and of what a word and its substitute are apart."""

    words: Any  # float32, layers × directions × 384
    words_from: Any  # what lies in the middle, along each: layers × 1 × directions
    apart: Any
    apart_from: Any


@dataclass(frozen=True, slots=True)
class WordModel:
    """Two linear models over the same parts of a substitution (`parts`, scaled): of each, and of all of a pair together."""

    bases: Bases
    centre: Any
    scale: Any
    of_each: Any
    of_each_from: float
    together: Any
    together_from: float
    nothing: float  # the least of a pair without any substitution

    def of(self, found: Substitutions) -> list[float]:
        """In the order of WORD_COLUMNS."""
        import numpy as np

        if not len(found.facts):
            return [self.together_from, 0.0, self.nothing]
        scaled = self.scaled(found)
        each = scaled @ self.of_each + self.of_each_from
        summed = scaled.sum(axis=0) / np.sqrt(len(scaled))
        return [float(summed @ self.together) + self.together_from, float(each.sum()), float(each.min())]

    def scaled(self, found: Substitutions) -> Any:
        import numpy as np

        values = (parts(self.bases, found) - self.centre) / self.scale
        return np.clip(values, -FARTHEST, FARTHEST)


def parts(bases: Bases, found: Substitutions) -> Any:
    """Substitutions × columns: sums, products, differences of the words along the directions of each layer, and the facts. Nothing of it
    tells which text comes first."""
    import numpy as np

    turned = bases.words.transpose(0, 2, 1)
    one = found.words @ turned - bases.words_from
    other = found.there @ turned - bases.words_from
    apart = (found.words - found.there) @ bases.apart.transpose(0, 2, 1) - bases.apart_from
    by_layer = np.concatenate([one + other, one * other, apart * apart, np.abs(one - other)], axis=2)
    return np.concatenate([*by_layer, found.facts], axis=1)


def packed(directions: Any) -> str:
    """Whole numbers from -128 to 127, as bytes in base64."""
    import numpy as np

    return base64.b64encode(directions.astype(np.int8).tobytes()).decode()


def unpacked(text: str, *, width: int) -> Any:
    """Raises `ValueError` if that is no table of this width."""
    import numpy as np

    return np.frombuffer(base64.b64decode(text, validate=True), dtype=np.int8).reshape(-1, width).astype(np.float32)


def distances(entries: Sequence[Mapping[str, Any]], *, width: int) -> Distances:
    """Raises what reading a wrong payload raises: `KeyError`, `TypeError`, `ValueError`."""
    import numpy as np

    return Distances(
        np.stack([unpacked(entry["directions"], width=width) for entry in entries]),
        np.array([entry["weights"] for entry in entries], dtype=np.float32),
    )


def bases(entries: Sequence[Mapping[str, Any]], *, width: int) -> Bases:
    """As `distances`."""
    import numpy as np

    def directions(name: str) -> Any:
        return np.stack([
            unpacked(entry[name], width=width) * np.array(entry[f"{name}_scale"], dtype=np.float32)[:, None]
            for entry in entries
        ])  # fmt: skip

    def middle(name: str) -> Any:
        return np.array([entry[f"{name}_from"] for entry in entries], dtype=np.float32)[:, None, :]

    return Bases(directions("words"), middle("words"), directions("apart"), middle("apart"))


def word_model(entry: Mapping[str, Any], *, width: int) -> WordModel:
    """As `distances`."""
    import numpy as np

    def numbers(value: Any) -> Any:
        return np.array(value, dtype=np.float32)

    found = bases(entry["bases"], width=width)
    count = len(LAYERS) * (3 * found.words.shape[1] + found.apart.shape[1]) + len(FACTS)
    made = WordModel(
        bases=found,
        centre=numbers(entry["centre"]),
        scale=numbers(entry["scale"]),
        of_each=numbers(entry["of_each"]),
        of_each_from=float(entry["of_each_from"]),
        together=numbers(entry["together"]),
        together_from=float(entry["together_from"]),
        nothing=float(entry["nothing"]),
    )
    if len(found.words) != len(LAYERS) or any(
        one.shape != (count,) for one in (made.centre, made.scale, made.of_each, made.together)
    ):
        raise ValueError("a word model of another shape")
    return made
