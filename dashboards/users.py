"""How many different end users there were, exactly: they are counted, not estimated. Packed days go first (`dashboards.people`)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from dashboards import people, reading
from dashboards.people import People
from dashboards.planning import Source
from dashboards.reading import Leader, View


@dataclass(frozen=True)
class Users:
    """`cost_usd` is that of requests which name an end user; `leaders` are those who cost most."""

    count: int
    cost_usd: Decimal
    leaders: tuple[Leader, ...]
    source: Source

    @property
    def cost_per_user(self) -> Decimal | None:
        return self.cost_usd / self.count if self.count else None


def users(view: View, *, leaders: int = 1, known: People | None = None) -> Users:
    """`known`: what `people.read` said of the view, if somebody has asked it."""
    packed = known or people.read(view)
    if packed is not None:
        return Users(packed.sums.count, packed.cost_usd, packed.leaders("cost_usd", leaders), packed.source)
    found, source = reading.distinct(view, "end_user", limit=leaders)
    if 0 not in found:
        return Users(0, Decimal(0), (), source)
    whole = found[0]
    return Users(whole.count, whole.cost_usd, whole.leaders[:leaders], source)


def by_step(view: View) -> tuple[int, ...]:
    """Different end users in each step; a user of several steps counts in each."""
    found, _source = reading.distinct(view, "end_user", by_steps=True)
    return tuple(found[step].count if step in found else 0 for step in range(1, len(view.range.edges) + 1))
