"""Decision trees as nested lists: a leaf is a number, a branch is [column, threshold, branch up to the threshold, branch above it]."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any


def total(trees: Iterable[Any], values: Sequence[float]) -> float:
    """The sum of the leaves that the values reach."""
    reached = 0.0
    for node in trees:
        while type(node) is list:
            node = node[2] if values[node[0]] <= node[1] else node[3]  # noqa: PLW2901
        reached += node
    return reached


@dataclass(frozen=True, slots=True)
class Flat:
    """Many trees in a few numpy arrays, by node: `total` walks down all of them at once. For hundreds of trees; a few are sooner walked one
    by one. A leaf is its own branch."""

    columns: Any
    thresholds: Any
    branches: Any  # two a node: up to the threshold, above it
    leaves: Any
    roots: Any
    depth: int

    def total(self, values: Sequence[float]) -> float:
        """As `total` of the same trees, but for the order in which leaves are added."""
        import numpy as np

        row, at = np.array(values), self.roots
        for _ in range(self.depth):
            at = self.branches[2 * at + (row[self.columns[at]] > self.thresholds[at])]
        return float(self.leaves[at].sum())


def flat(trees: Iterable[Any]) -> Flat:
    """Raises what reading a wrong tree raises: `IndexError`, `TypeError`, `ValueError`."""
    import numpy as np

    columns, thresholds, branches, leaves = list[int](), list[float](), list[list[int]](), list[float]()
    deepest = 0

    def add(node: Any, depth: int) -> int:
        nonlocal deepest
        deepest = max(deepest, depth)
        at = len(columns)
        is_branch = type(node) is list
        columns.append(node[0] if is_branch else 0)
        thresholds.append(node[1] if is_branch else 0.0)
        branches.append([at, at])
        leaves.append(0.0 if is_branch else node)
        if is_branch:
            branches[at] = [add(node[2], depth + 1), add(node[3], depth + 1)]
        return at

    roots = [add(tree, 0) for tree in trees]
    return Flat(
        columns=np.array(columns, dtype=np.intp),
        thresholds=np.array(thresholds, dtype=np.float64),
        branches=np.array(branches, dtype=np.intp).ravel(),
        leaves=np.array(leaves, dtype=np.float64),
        roots=np.array(roots, dtype=np.intp),
        depth=deepest,
    )


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
