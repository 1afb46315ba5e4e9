"""How many different end users there were, exactly: the rollups by end user are counted, not estimated."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from dashboards import reading
from dashboards.planning import Source
from dashboards.reading import View


@dataclass(frozen=True)
class Users:
    """`cost_usd` is that of requests which name an end user."""

    count: int
    cost_usd: Decimal
    source: Source

    @property
    def cost_per_user(self) -> Decimal | None:
        return self.cost_usd / self.count if self.count else None


def users(view: View) -> Users:
    counts, source = reading.count_distinct(view, "end_user")
    spent = reading.ask(
        view, measures=("cost_usd",), by=("end_user",), top=reading.Top(("",))
    )  # those without one, and all others
    cost = sum((row.sums.cost_usd for row in spent.rows if row.group[0] is None), Decimal(0))
    return Users(counts.get(0, 0), cost, source)


def by_step(view: View) -> tuple[int, ...]:
    """Different end users in each step; a user of several steps counts in each."""
    counts, _source = reading.count_distinct(view, "end_user", by_steps=True)
    return tuple(counts.get(step, 0) for step in range(1, len(view.range.edges) + 1))
