"""Who is in a sample is in every larger one."""

from __future__ import annotations

import random
from uuid import UUID

from gateway.caching import semantic
from gateway.quality import sampling


def test_samples_are_nested_and_as_large_as_they_say():
    rng = random.Random(3)
    ids = [UUID(int=rng.getrandbits(128)) for _ in range(20_000)]
    before: set[UUID] = set()
    for share in (0.0, 0.01, 0.05, 0.2, 0.5, 1.0):
        sample = {one for one in ids if sampling.is_sampled(one, share)}
        assert before <= sample
        assert abs(len(sample) - share * len(ids)) <= 3.5 * (share * (1 - share) * len(ids)) ** 0.5
        before = sample
    assert len(before) == len(ids)


def test_it_is_another_sample_than_that_of_hits():
    ids = [UUID(int=place << 64) for place in range(10_000)]
    both = sum(sampling.is_sampled(one, 0.1) and semantic.is_sampled(one, 0.1) for one in ids)
    assert 60 < both < 140
