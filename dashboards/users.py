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
    found, source = reading.distinct(view, "end_user")
    whole = found.get(0, reading.Distinct(0, Decimal(0)))
    return Users(whole.count, whole.cost_usd, source)


def by_step(view: View) -> tuple[int, ...]:
    """Different end users in each step; a user of several steps counts in each."""
    found, _source = reading.distinct(view, "end_user", by_steps=True)
    return tuple(found[step].count if step in found else 0 for step in range(1, len(view.range.edges) + 1))
