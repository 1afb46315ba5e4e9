"""Decision trees as nested lists: a leaf is a number, a branch is [column, threshold, branch up to the threshold, branch above it]."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any


def total(trees: Iterable[Any], values: Sequence[float]) -> float:
    """The sum of the leaves that the values reach."""
    reached = 0.0
    for node in trees:
        while type(node) is list:
            node = node[2] if values[node[0]] <= node[1] else node[3]  # noqa: PLW2901
        reached += node
    return reached


def share_of_second(value: Any) -> float:
    """What a leaf of a scikit-learn classification tree of two classes says: the share of the second one."""
    first, second = value[0]
    return float(second / (first + second))


def exported(tree: Any, node: int = 0, *, leaf: Callable[[Any], float] = share_of_second) -> Any:
    """A scikit-learn tree (its `tree_`) as nested lists. `leaf` makes a number of what the tree holds at a leaf."""
    if tree.children_left[node] < 0:
        return leaf(tree.value[node])
    below, above = int(tree.children_left[node]), int(tree.children_right[node])
    return [
        int(tree.feature[node]),
        float(tree.threshold[node]),
        exported(tree, below, leaf=leaf),
        exported(tree, above, leaf=leaf),
    ]
