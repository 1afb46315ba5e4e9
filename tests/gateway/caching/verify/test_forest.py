"""Trees in arrays say the same as trees that are walked one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.caching.verify import forest
from gateway.scoring import trees

COLUMNS = 3
numbers = st.integers(-4, 4).map(float)
nodes = st.recursive(
    numbers, lambda inner: st.tuples(st.integers(0, COLUMNS - 1), numbers, inner, inner).map(list), max_leaves=12
)
rows = st.lists(numbers, min_size=COLUMNS, max_size=COLUMNS)


@given(st.lists(nodes, min_size=1, max_size=5), rows)
def test_the_leaves_that_are_reached_are_the_same(some: list[object], row: list[float]):
    assert forest.planted(some).total(row) == trees.total(some, row)


def test_what_equals_a_threshold_goes_down_the_first_branch():
    tree = [1, 0.5, 10.0, [0, 2.0, 20.0, 30.0]]
    found = forest.planted([tree, 1.0])
    assert [found.total(row) for row in ([0, 0.5], [2, 0.6], [2.1, 0.6])] == [11.0, 21.0, 31.0]
