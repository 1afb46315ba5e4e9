"""Where a mark for the provider's cache pays: by the cost that is expected per token of the prefix, at the model's own prices. Pure.

A marked prefix is written at w when the cache does not hold it, and read at r when it does; each use prolongs its life. A prefix without a
mark costs the plain input price i every time. Let q be the chance that the next request that begins the same comes within the lifetime
L. In the long run a request then costs, per token of the prefix,

    with marks    c(L) = q(L)·r + (1 − q(L))·w(L)
    without       i

so a mark is placed if and only if c(L) < i, that is if q(L) > (w(L) − i) / (w(L) − r), with the lifetime whose c(L) is the least. In
reads: a write is followed by q/(1 − q) reads on average before a gap is too long, and pays if these are more than (w − i)/(i − r). At
Anthropic's usual multiples (w 1.25 for 5 minutes, 2 for an hour, r 0.1) that is a chance of more than 21.7 % and 52.6 %: 0.28 and 1.11
reads. At the break-even itself no mark is placed. What the cache holds now is marked without asking (r < i): to read it is cheaper
whatever comes next.

Several places: a longer prefix never comes back more often than a shorter one it begins with, and the tokens between two marks are
charged by the later of them, so each place can be decided by itself. Only the order of lifetimes ties them together: Anthropic takes no
hour after five minutes. Where that is violated, the cheaper of two ways out is taken: the earlier marks are raised, or the later ones are
lowered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from billing.prices import Rates
from gateway.prefix.caches import FIVE_MINUTES, HALF_HOUR, HOUR, SECONDS

LIFETIMES = (FIVE_MINUTES, HALF_HOUR, HOUR)
HORIZONS = tuple(SECONDS[lifetime] for lifetime in LIFETIMES)


class Odds(NamedTuple):
    """The chance (0 to 1) that the next request that begins the same comes within each lifetime."""

    five_minutes: float
    half_hour: float
    hour: float

    def within(self, lifetime: str) -> float:
        return self[LIFETIMES.index(lifetime)]


class Place(NamedTuple):
    """Where a mark may stand: how many tokens are before it, how the prefix comes back, and for which lifetime it is kept at present
    (empty: it is not)."""

    tokens: int
    odds: Odds
    kept: str = ""


def pays(chance: float, rates: Rates, lifetime: str) -> bool:
    """Whether q > (w − i) / (w − r); never at the break-even."""
    write = write_rate(rates, lifetime)
    return chance * (write - rates.cache_read) > write - rates.input


def best(odds: Odds, rates: Rates, lifetimes: Sequence[str]) -> str:
    """The lifetime with the least expected cost; empty where none is cheaper than no mark. The shorter one of equals."""
    chosen, least = "", float(rates.input)
    for lifetime in lifetimes:
        chance = odds.within(lifetime)
        if pays(chance, rates, lifetime) and (cost := expected_cost(chance, rates, lifetime)) < least:
            chosen, least = lifetime, cost
    return chosen


def expected_cost(chance: float, rates: Rates, lifetime: str) -> float:
    """c(L), in picodollars per token."""
    return chance * rates.cache_read + (1 - chance) * write_rate(rates, lifetime)


def write_rate(rates: Rates, lifetime: str) -> int:
    return rates.cache_write_1h if lifetime == HOUR else rates.cache_write_5m


def choose(places: Sequence[Place], rates: Rates, *, least_tokens: int, lifetimes: Sequence[str]) -> list[str]:
    """The lifetime of each place's mark, empty where none is to stand. `places` are in the order of the prompt."""
    if not rates.cache_read < rates.input:
        return [""] * len(places)
    chosen = [
        ""
        if place.tokens < least_tokens
        else place.kept
        if place.kept in lifetimes
        else best(place.odds, rates, lifetimes)
        for place in places
    ]
    return chosen if _is_in_order(chosen) else _ordered(chosen, places, rates)


def _is_in_order(chosen: Sequence[str]) -> bool:
    marks = [lifetime for lifetime in chosen if lifetime]
    return HOUR not in marks or all(lifetime == HOUR for lifetime in marks[: _last(marks, HOUR)])


def _last(marks: Sequence[str], lifetime: str) -> int:
    return len(marks) - 1 - list(reversed(marks)).index(lifetime)


def _ordered(chosen: list[str], places: Sequence[Place], rates: Rates) -> list[str]:
    """Both ways out of five minutes before an hour, and the cheaper of them."""
    until, since = _last(chosen, HOUR), chosen.index(FIVE_MINUTES)
    raised = [HOUR if lifetime and index < until else lifetime for index, lifetime in enumerate(chosen)]
    lowered = [
        best(place.odds, rates, (FIVE_MINUTES,)) if lifetime == HOUR and index > since else lifetime
        for index, (lifetime, place) in enumerate(zip(chosen, places, strict=True))
    ]
    return min((lowered, raised), key=lambda way: _cost(way, places, rates))


def _cost(chosen: Sequence[str], places: Sequence[Place], rates: Rates) -> float:
    """The expected cost of everything up to the last place."""
    total, counted, waiting = 0.0, 0, 0
    for lifetime, place in zip(chosen, places, strict=True):
        waiting += place.tokens - counted
        counted = place.tokens
        if lifetime:
            total += waiting * _cost_at(place, lifetime, rates)
            waiting = 0
    return total + waiting * rates.input


def _cost_at(place: Place, lifetime: str, rates: Rates) -> float:
    if place.kept:
        return rates.cache_read if place.kept == lifetime else write_rate(rates, lifetime)
    return expected_cost(place.odds.within(lifetime), rates, lifetime)
