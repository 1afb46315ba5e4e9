"""Hundreds of decision trees (`gateway.scoring.trees`) in a few numpy arrays: one walk down all of them at once.

It takes less time than walking them one by one, and far less where they are not in the processor's caches, as after a run of the network.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Forest:
    """By node. A leaf is its own branch."""

    columns: Any
    thresholds: Any
    branches: Any  # two a node: up to the threshold, above it
    leaves: Any
    roots: Any
    depth: int

    def total(self, values: Sequence[float]) -> float:
        """The sum of the leaves that the values reach: as `trees.total`, but for the order in which they are added."""
        import numpy as np

        row, at = np.array(values), self.roots
        for _ in range(self.depth):
            at = self.branches[2 * at + (row[self.columns[at]] > self.thresholds[at])]
        return float(self.leaves[at].sum())


def planted(trees: Iterable[Any]) -> Forest:
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
    return Forest(
        columns=np.array(columns, dtype=np.intp),
        thresholds=np.array(thresholds, dtype=np.float64),
        branches=np.array(branches, dtype=np.intp).ravel(),
        leaves=np.array(leaves, dtype=np.float64),
        roots=np.array(roots, dtype=np.intp),
        depth=deepest,
    )
