"""Sketches of distributions: within 1 %, however they were merged."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from dashboards import sketches
from dashboards.sketches import Sketch
from tests.dashboards.records import nearest_rank


def sketch_of(values: list[float]) -> bytes:
    return np.array([sketches.bucket(value) << sketches.COUNT_BITS | 1 for value in values], ">u4").tobytes()


@given(st.lists(st.floats(1, 1e12), min_size=1, max_size=200), st.floats(0, 1))
def test_a_quantile_is_within_one_percent_of_the_exact_one(values: list[float], share: float):
    exact = nearest_rank(sorted(values), share)
    found = Sketch(sketches.compacted(sketch_of(values))).quantile(share)
    assert found == pytest.approx(exact, rel=0.01, abs=0)


def test_merging_is_appending():
    rng = random.Random(5)
    values = [math.exp(rng.gauss(9, 2)) for _ in range(1000)]
    whole = sketches.compacted(sketch_of(values))
    parts = b"".join(sketches.compacted(sketch_of(values[start : start + 37])) for start in range(0, 1000, 37))
    assert sketches.compacted(parts) == whole
    assert Sketch(parts).quantile(0.95) == Sketch(whole).quantile(0.95)
    assert Sketch(parts).count == 1000


def test_a_count_beyond_twenty_bits_is_kept_whole():
    full = np.array([7 << sketches.COUNT_BITS | sketches.MOST], ">u4").tobytes()
    data = sketches.compacted(full * 3 + sketch_of([1e9]))
    assert Sketch(data).count == 3 * sketches.MOST + 1
    assert sketches.compacted(data) == data


def test_nothing_has_no_quantile():
    assert Sketch(b"").quantile(0.5) is None
    assert Sketch(b"").count == 0


def test_what_is_below_one_is_nought():
    assert Sketch(sketch_of([0.0, 0.5])).quantile(0.5) == 0.0


@pytest.mark.django_db
def test_postgresql_finds_the_same_buckets():
    rng = random.Random(6)
    values = [0.0, 0.2, 1.0, 1.0198, 2.0, 1e15, 1e300, *(math.exp(rng.uniform(0, 30)) for _ in range(500))]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {sketches.bucket_sql('v')} FROM unnest(%s::double precision[]) WITH ORDINALITY AS u (v, n) ORDER BY n",
            [values],
        )
        assert [row[0] for row in cursor.fetchall()] == [sketches.bucket(value) for value in values]
