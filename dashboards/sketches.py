"""Sketches of distributions: how many values lie in each of a row of buckets, every one 1.98 % wider than the one before.

A quantile read from a sketch is off by less than 1 % of itself (0.98 %), whatever was merged in whichever order; merging is adding up.
This is DDSketch's mapping without its bounded memory, which it does not need here: from one microsecond to a day there are 1300 buckets.

In PostgreSQL a sketch is a bytea of entries of 32 bits, a bucket (11 bits) and a count (20 bits); a bucket may have several. So appending
is merging too: `string_agg` merges any number of sketches at the speed of copying, and NumPy counts what it gives. (Arrays of integers
that SQL unnests and adds up took five times the CPU to read, and more to write.)

Values are integers from 1 on, in units so small that nothing is lost below: microseconds, nano-dollars, thousandths of a token per second.
Bucket 0 has everything below 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from dashboards.measures import OWN_US, TIMED

GAMMA = 1.0198
ERROR = (GAMMA - 1) / (GAMMA + 1)
COUNT_BITS = 20
MOST = (1 << COUNT_BITS) - 1
LAST_BUCKET = (1 << 11) - 1
COMPACT_FROM = 300  # entries: one that is longer is written anew, with one entry for each bucket

_LOG_GAMMA = math.log(GAMMA)


@dataclass(frozen=True)
class Kind:
    """A quantity with a distribution. `value`: SQL of one record's, NULL if it has none. `unit`: how many of what is stored make one of
    what is shown (milliseconds, tokens per second, USD).
    """

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
    Kind(
        "cost",
        f"CASE WHEN {TIMED} THEN ((r.cost_usd + coalesce(q.earlier_usd, 0)) * 1000000000)::double precision END",
        1e9,
    ),
    Kind("own", f"CASE WHEN {TIMED} THEN {OWN_US} END", 1000.0),  # what Tollgate itself took
)
NAMES = tuple(kind.name for kind in KINDS)
UNITS = {kind.name: kind.unit for kind in KINDS}


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


def entry_sql(slot: str) -> str:
    """SQL: a sketch of one value, whose bucket is known."""
    return f"int4send({slot} << {COUNT_BITS} | 1)"


def compacted(data: bytes) -> bytes:
    """The same sketch with one entry for each bucket, or more where a count takes more than 20 bits."""
    slots, counts = _counted(data)
    parts = [(slots[counts > 0], np.minimum(counts, MOST)[counts > 0])]
    while (counts := counts - MOST).max(initial=0) > 0:
        parts.append((slots[counts > 0], np.minimum(counts, MOST)[counts > 0]))
    packed = np.concatenate([slots << COUNT_BITS | counts for slots, counts in parts])
    return packed.astype(">u4").tobytes()


def _counted(data: bytes) -> tuple[Any, Any]:
    """Buckets that occur, lowest first, and how often."""
    entries = np.frombuffer(data, ">u4").astype(np.int64)
    counts = np.bincount(entries >> COUNT_BITS, weights=entries & MOST).astype(np.int64)  # doubles are exact up to 2^53
    slots = np.flatnonzero(counts)
    return slots, counts[slots]


@dataclass(frozen=True)
class Sketch:
    """A distribution. `data` as PostgreSQL has it; `unit` as in `Kind`."""

    data: bytes = b""
    unit: float = 1.0

    @cached_property
    def _ranks(self) -> tuple[Any, Any]:
        """Buckets that occur, lowest first, and the rank of each one's last value."""
        slots, counts = _counted(self.data)
        return slots, np.cumsum(counts)

    @property
    def count(self) -> int:
        ranks = self._ranks[1]
        return int(ranks[-1]) if len(ranks) else 0

    def above(self, value: float) -> int:
        """How many values are above this one, in the unit that is shown; those of its own bucket are not."""
        slots, ranks = self._ranks
        place = int(np.searchsorted(slots, bucket(value * self.unit), side="right"))
        return self.count - (int(ranks[place - 1]) if place else 0)

    def quantile(self, share: float) -> float | None:
        """The value that `share` of all values do not exceed (the nearest rank, as percentile_disc takes it); None of nothing."""
        slots, ranks = self._ranks
        if not len(ranks):
            return None
        rank = max(1, math.ceil(share * int(ranks[-1]) - 1e-9))
        return middle(int(slots[np.searchsorted(ranks, rank)])) / self.unit
