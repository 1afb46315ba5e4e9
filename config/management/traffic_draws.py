"""Draws a day of invented traffic: who asks what of which model, what comes of it, how long it takes and what it costs.

NumPy draws a quantity for the whole day at once, the same for the same seed. Prices are those in force, as the gateway computes them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np

from billing.prices import PICO_PER_NANO, Price
from config import traffic
from config.traffic import Traffic, Workload

_SLOTS = 96
_RETRIED = 0.0035  # of calls: they fail once and are made again
Floats = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Ground:
    """What the rows name: ids of the tenant and its keys, prices and providers of the models."""

    tenant_id: UUID
    keys: Mapping[str, UUID]
    prices: Mapping[str, Price | None]
    providers: Mapping[str, str]
    paid_users: frozenset[str]


def model_names(plan: Traffic) -> set[str]:
    """The models that the plan's rows may name."""
    asked = {name for work in plan.workloads for name in work.models}
    return asked | {traffic.NEXT.get(name, name) for name in asked}


class Day:
    """The day's draws, one array for each quantity."""

    def __init__(
        self,
        plan: Traffic,
        ground: Ground,
        day: dt.date,
        count: int,
        today: dt.date,
        zone: dt.tzinfo,
        rng: np.random.Generator,
    ) -> None:
        self.ground = ground
        works = plan.workloads
        which = rng.choice(len(works), size=count, p=_normal([work.share for work in works]))
        midnight = int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp() * 1000)
        offset = dt.datetime(day.year, day.month, day.day, 12, tzinfo=zone).utcoffset() or dt.timedelta()
        by_night = np.array([work.is_by_night for work in works])[which]
        self.at = midnight + _times(rng, by_night, offset.total_seconds() / 3600)
        order = np.argsort(self.at, kind="stable")
        self.at, which = self.at[order], which[order]
        models = sorted(model_names(plan))
        first, served = _models(rng, works, which, models)
        hour = (self.at - midnight) / 3_600_000
        provider = np.array([ground.providers[name] for name in models])
        fails, slower, incident = _incidents(provider[first], hour, (today - day).days)
        luck = rng.random(count)
        self._cache(rng, works, which)
        failure = np.full(count, -1)
        edge = np.cumsum([item.share for item in traffic.FAILURES])
        ordinary = np.searchsorted(edge, rng.random(count))
        failure[ordinary < len(edge)] = ordinary[ordinary < len(edge)]
        is_called = np.array([item.reaches_provider for item in traffic.FAILURES])
        self.failure = np.where((failure >= 0) & is_called[failure] & self.is_answered, -1, failure)
        calls = ~self.is_answered & ~((self.failure >= 0) & ~is_called[self.failure])
        # A call that failed is made once more, of the same model or the next one; in an incident that may fail, too.
        self.incident = np.where(calls & (luck < fails), incident, -1)
        retried = calls & (self.incident < 0) & (rng.random(count) < _RETRIED)
        self.earlier = np.where(self.incident >= 0, 2, np.where(retried, 1, 0))  # 2: fallback, 1: retry
        self.is_lost = (self.incident >= 0) & (rng.random(count) < 0.12)
        served = np.where(self.earlier == 2, _next(models)[first], first)
        self.calls = calls
        self._tokens(rng, works, which, served, models)
        self._durations(rng, works, which, first, served, models, slower)
        self._names(rng, plan, works, which, first, served, models)

    def _cache(self, rng: np.random.Generator, works: tuple[Workload, ...], which: Integers) -> None:
        luck = rng.random(len(which))
        exact = np.array([work.exact or 0 for work in works])[which]
        both = exact + np.array([work.semantic for work in works])[which]
        is_used = np.array([work.exact is not None for work in works])[which]
        self.is_answered = luck < both
        names = np.where(luck < exact, "hit", np.where(luck < both, "semantic", np.where(is_used, "miss", "bypass")))
        self.cache = names.tolist()

    def _tokens(
        self,
        rng: np.random.Generator,
        works: tuple[Workload, ...],
        which: Integers,
        served: Integers,
        models: list[str],
    ) -> None:
        count = len(which)
        wide = np.array([work.spread for work in works])[which]
        bell = np.exp(rng.normal(0, 1, count) * wide)
        self.input = np.maximum(8, np.array([work.input_tokens for work in works])[which] * bell).astype(np.int64)
        made = np.array([work.output_tokens for work in works])[which] * np.exp(rng.normal(0, 1, count) * wide)
        is_text = np.array([work.output_tokens > 0 for work in works])[which]
        self.output = np.where(is_text, np.maximum(1, made), 0).astype(np.int64)
        share = np.array([work.prefix for work in works])[which]
        warm = rng.random(count) < np.minimum(0.95, share * 1.4)
        self.read = np.where((share > 0) & warm & (self.input > 1024), self.input * 0.7 // 128 * 128, 0).astype(
            np.int64
        )
        self.cost = _costs(self.input, self.read, self.output, served, [self.ground.prices[name] for name in models])

    def _durations(
        self, rng: np.random.Generator, works: tuple[Workload, ...], which: Integers, first: Integers, served: Integers,
        models: list[str], slower: Floats,
    ) -> None:  # fmt: skip
        count = len(which)
        speed = [traffic.SPEEDS[name] for name in models]
        begin = np.array([item.first_ms for item in speed])[served] * np.exp(rng.normal(0, 0.35, count)) * slower
        begin += self.input * 0.02
        write = (
            self.output
            * 1000
            / (np.array([item.tokens_per_second for item in speed])[served] * np.exp(rng.normal(0, 0.18, count)))
        )
        self.is_stream = rng.random(count) < np.array([work.streams for work in works])[which]
        self.own_us = {
            name: rng.integers(low, high, count) for name, low, high in
            (("authenticate", 18, 60), ("validate", 30, 120), ("route", 25, 90), ("reserve", 260, 900), ("prepare", 30, 110))
        }  # fmt: skip
        self.lookup_us = rng.integers(2000, 9000, count)  # a semantic cache embeds the question
        self.wasted = np.where(self.earlier == 2, rng.gamma(2.0, 400.0, count), rng.gamma(2.0, 90.0, count)) * (
            self.earlier > 0
        )
        self.first_us, self.write_us = (
            (begin * 1000).astype(np.int64),
            (write * 1000 * np.sqrt(slower)).astype(np.int64),
        )

    def _names(
        self, rng: np.random.Generator, plan: Traffic, works: tuple[Workload, ...], which: Integers, first: Integers, served: Integers,
        models: list[str],
    ) -> None:  # fmt: skip
        count = len(which)
        rank = np.arange(plan.users)
        popular = np.cumsum(1 / (rank + 6) ** 0.95)
        self.user = np.searchsorted(popular, rng.random(count) * popular[-1])
        self.prefix, self.first_user = plan.prefix, plan.first_user
        self.work = [works[number] for number in which.tolist()]
        self.tag_luck = rng.random((count, 2)).tolist()
        self.model = [models[number] for number in served.tolist()]
        self.first = [models[number] for number in first.tolist()]
        self.random_a = rng.integers(0, 1 << 12, count).tolist()
        self.random_b = rng.integers(0, 1 << 54, count).tolist()
        self.stamp = (self.at.astype("datetime64[ms]")).astype(str).tolist()
        for name in ("at", "input", "output", "read", "cost", "first_us", "write_us", "lookup_us", "is_stream", "failure", "earlier",
                     "incident", "is_lost", "calls", "wasted", "user"):  # fmt: skip
            setattr(self, name, getattr(self, name).tolist())
        self.own_us = {name: values.tolist() for name, values in self.own_us.items()}


def _normal(weights: list[float]) -> list[float]:
    total = sum(weights)
    return [weight / total for weight in weights]


def _times(rng: np.random.Generator, by_night: np.ndarray[Any, Any], offset_hours: float) -> Integers:
    """Milliseconds since midnight UTC: busy by the tenant's day, or by its night."""
    hours = (np.arange(_SLOTS) / 4 + offset_hours) % 24
    by_day = 0.08 + np.exp(-(((hours - 10.5) / 2.6) ** 2)) + 0.9 * np.exp(-(((hours - 15.5) / 3.0) ** 2))
    nightly = 0.1 + np.exp(-(((hours + 12) % 24 - 14) ** 2) / 8)
    slots = np.empty(len(by_night), dtype=np.int64)
    for mask, density in ((~by_night, by_day), (by_night, nightly)):
        slots[mask] = rng.choice(_SLOTS, size=int(mask.sum()), p=density / density.sum())
    found: Integers = slots * 900_000 + rng.integers(0, 900_000, len(by_night))
    return found


def _models(
    rng: np.random.Generator, works: tuple[Workload, ...], which: Integers, models: list[str]
) -> tuple[Integers, Integers]:
    first = np.zeros(len(which), dtype=np.int64)
    for number, work in enumerate(works):
        mask = which == number
        places = [models.index(name) for name in work.models]
        first[mask] = rng.choice(places, size=int(mask.sum()), p=_normal(list(work.models.values())))
    return first, first.copy()


def _next(models: list[str]) -> Integers:
    return np.array([models.index(traffic.NEXT.get(name, name)) for name in models])


def _incidents(provider: np.ndarray[Any, Any], hour: Floats, days_ago: int) -> tuple[Floats, Floats, Integers]:
    """For each request the share of calls that fail at its time, how much slower the others are, and which incident it is (-1: none)."""
    fails, slower = np.zeros(len(hour)), np.ones(len(hour))
    which = np.full(len(hour), -1)
    for number, event in enumerate(traffic.INCIDENTS):
        if event.days_ago == days_ago:
            mask = (provider == event.provider) & (hour >= event.hour) & (hour < event.hour + event.hours)
            fails[mask], slower[mask], which[mask] = event.fails, event.slower, number
    return fails, slower, which


def _costs(
    input_: Integers, read: Integers, output: Integers, served: Integers, prices: list[Price | None]
) -> Integers:
    """Nano-dollars, as `billing.prices.cost_nanousd` has them; -1 where no price is known."""
    cost = np.full(len(served), -1, dtype=np.int64)
    for number, price in enumerate(prices):
        if price is None:
            continue
        mask = served == number
        for least, rates in ((-1, price.base), *price.tiers):
            part = mask & (input_ > least)
            pico = (
                (input_[part] - read[part]) * rates.input + read[part] * rates.cache_read + output[part] * rates.output
            )
            cost[part] = (pico + PICO_PER_NANO // 2) // PICO_PER_NANO
    return cost
