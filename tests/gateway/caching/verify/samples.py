"""The made sample as pairs, and their table, once for all tests of a process."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from benchmarks.cache import pairs
from gateway.caching.verify import training
from gateway.caching.verify.training import Pair, Table

DATA = Path(__file__).parents[4] / "benchmarks" / "data"
PAIRS, STREAM = DATA / "cache_pairs_sample.jsonl", DATA / "cache_stream_sample.jsonl"


@cache
def sample() -> tuple[Pair, ...]:
    return tuple(pairs.load(PAIRS))


@cache
def table() -> Table:
    return training.tabulate(sample())
