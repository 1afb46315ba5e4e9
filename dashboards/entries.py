"""The end users of a day as a string: for each user, and each series of the cube that the user's records are in, how many requests there
were and what they cost.

As with sketches, appending is merging: sums of the same user may stand in it several times. An entry is 20 bytes, numbers with the highest
byte first: series (32 bits), user (32), requests (32), nano-dollars (64). A day of 10,000 entries is 200 kB, and a year of them is counted
by NumPy in the time in which PostgreSQL would count a week of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NANO = 1_000_000_000
LARGEST_TABLE = 5_000_000
_ENTRY = np.dtype([("series", ">i4"), ("user", ">i4"), ("requests", ">i4"), ("cost", ">i8")])


def entry_sql(series: str, user: str, requests: str, cost_usd: str) -> str:
    """SQL: one entry."""
    return (
        f"int4send({series}) || int4send({user}) || int4send(coalesce({requests}, 0)::int) "
        f"|| int8send((coalesce({cost_usd}, 0) * {NANO})::bigint)"
    )


@dataclass(frozen=True)
class Sums:
    """By user, each once: requests, and nano-dollars. Whole numbers, so that nothing is rounded."""

    users: Any
    requests: Any
    costs: Any

    @property
    def count(self) -> int:
        return len(self.users)

    @property
    def cost(self) -> int:
        return int(self.costs.sum())

    def top(self, measure: str, limit: int) -> Any:
        """Places of those that have most of "requests" or "costs"; all that have as much as the last of them, too."""
        values = getattr(self, measure)
        if len(values) <= limit:
            return np.arange(len(values))
        least = np.partition(values, len(values) - limit)[len(values) - limit]
        return np.flatnonzero(values >= least)


def added(days: Sequence[bytes], series: Sequence[int] | None, more: Sequence[tuple[int, int, int]] = ()) -> Sums:
    """`series`: only those; None: all. `more`: (user, requests, nano-dollars) besides."""
    found = np.frombuffer(b"".join(days), _ENTRY)
    if series is not None:
        found = found[np.isin(found["series"], np.asarray(series, dtype=np.int64))]
    rest = np.array(more, dtype=np.int64).reshape(-1, 3)
    users = np.concatenate([found["user"].astype(np.int64), rest[:, 0]])
    requests = np.concatenate([found["requests"].astype(np.int64), rest[:, 1]])
    costs = np.concatenate([found["cost"].astype(np.int64), rest[:, 2]])
    numbers, places = _numbered(users)
    sums = Sums(numbers, np.zeros(len(numbers), np.int64), np.zeros(len(numbers), np.int64))
    np.add.at(sums.requests, places, requests)
    np.add.at(sums.costs, places, costs)
    return sums


def _numbered(users: Any) -> tuple[Any, Any]:
    """Each user once, and at which place each entry's user is. By a table where that is small: sorting takes ten times as long."""
    least = int(users.min()) if len(users) else 0
    size = int(users.max()) - least + 1 if len(users) else 0
    if size > LARGEST_TABLE:
        found: tuple[Any, Any] = np.unique(users, return_inverse=True)
        return found
    is_there = np.zeros(size, dtype=bool)
    is_there[users - least] = True
    offsets = np.flatnonzero(is_there)
    places = np.zeros(size, dtype=np.int64)
    places[offsets] = np.arange(len(offsets))
    return offsets + least, places[users - least]
