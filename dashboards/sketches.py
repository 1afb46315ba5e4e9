"""Sketches of distributions: how many values lie in each of a row of buckets, every one 1.98 % wider than the one before.

A quantile read from a sketch is off by less than 1 % of itself (0.98 %), whatever was merged in whichever order; merging is adding up. This is
DDSketch's mapping without its bounded memory, which it does not need here: from one microsecond to a day there are 1300 buckets. A sketch is
an int[] in PostgreSQL; each entry holds a bucket (11 bits) and a count (20 bits), and a bucket may have several entries. So appending is
merging too, and PostgreSQL adds sketches up itself, at millions of entries a second.

Values are integers from 1 on, in units so small that nothing is lost below: microseconds, nano-dollars, thousandths of a token per second.
Bucket 0 has everything below 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from dashboards.measures import TIMED

GAMMA = 1.0198
ERROR = (GAMMA - 1) / (GAMMA + 1)
COUNT_BITS = 20
MOST = (1 << COUNT_BITS) - 1
LAST_BUCKET = (1 << 11) - 1
COMPACT_FROM = 300  # entries

_LOG_GAMMA = math.log(GAMMA)


@dataclass(frozen=True)
class Kind:
    """A quantity with a distribution. `value`: SQL of one record's, NULL if it has none. `unit`: how many of what is stored make one of what
    is shown (milliseconds, tokens per second, USD)."""

    name: str
    value: str
    unit: float


_WRITES = f"{TIMED} AND r.outcome = 'ok' AND r.attempt > 0 AND r.output_tokens > 0"
KINDS = (
    Kind("latency", f"CASE WHEN {TIMED} THEN r.latency_ms * 1000 END", 1000.0),
    Kind("ttft", f"CASE WHEN {TIMED} THEN r.ttft_ms * 1000 END", 1000.0),
    # Tokens a second while it writes: a stream from its first token on, a whole answer all the time.
    Kind(
        "speed",
        f"CASE WHEN {_WRITES} AND r.latency_ms - coalesce(r.ttft_ms, 0) >= 1 "
        "THEN r.output_tokens * 1000000.0 / (r.latency_ms - coalesce(r.ttft_ms, 0)) END",
        1000.0,
    ),
    Kind("cost", f"CASE WHEN {TIMED} THEN ((r.cost_usd + coalesce(q.earlier_usd, 0)) * 1000000000)::double precision END", 1e9),
)
NAMES = tuple(kind.name for kind in KINDS)
UNITS = {kind.name: kind.unit for kind in KINDS} | {"step": 1000.0}


def bucket_sql(value: str) -> str:
    """SQL: the bucket of a value; NULL of NULL."""
    return (
        f"(CASE WHEN ({value}) < 1 THEN 0 WHEN ({value}) IS NOT NULL "
        f"THEN least(1 + ceil(ln(({value})::double precision) / {_LOG_GAMMA!r}), {LAST_BUCKET}) END)::int"
    )


def bucket(value: float) -> int:
    """As `bucket_sql`."""
    return 0 if value < 1 else min(1 + math.ceil(math.log(value) / _LOG_GAMMA), LAST_BUCKET)


def middle(index: int) -> float:
    """The value that no value of the bucket is further from than `ERROR`."""
    return 0.0 if index == 0 else 2 * GAMMA ** (index - 1) / (GAMMA + 1)


@dataclass(frozen=True)
class Sketch:
    """How often each bucket occurred, lowest bucket first. `unit` as in `Kind`."""

    counts: tuple[tuple[int, int], ...] = ()
    unit: float = 1.0

    @property
    def count(self) -> int:
        return sum(count for _bucket, count in self.counts)

    def quantile(self, share: float) -> float | None:
        """The value that `share` of all values do not exceed (the nearest rank, as percentile_disc takes it); None of nothing."""
        total = self.count
        if not total:
            return None
        rank = max(1, math.ceil(share * total - 1e-9))
        for index, count in self.counts:
            rank -= count
            if rank <= 0:
                return middle(index) / self.unit
        raise AssertionError("the ranks end at the total")

    def merged(self, others: Iterable[Sketch]) -> Sketch:
        counts: dict[int, int] = dict(self.counts)
        for other in others:
            for index, count in other.counts:
                counts[index] = counts.get(index, 0) + count
        return Sketch(tuple(sorted(counts.items())), self.unit)
