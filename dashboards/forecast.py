"""What a tenant's month will probably cost, beside its budgets.

What was spent so far, and for each day to come what such a weekday usually costs. Usual: each of the last eight weeks' whole days is
divided by the mean of the seven days around it, and the median of a weekday's quotients is its weight; the level is the median of the
last fourteen days, each divided by its weekday's weight. Medians, so that one day of an incident or of a load test changes nothing. Today
counts as what it has already cost, or as its usual cost if that is more. The range is what the last weeks' days differed from that (the
10th and 90th percentile of their quotients), narrowed by the square root of the number of days to come, as good and bad days even out.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import median, quantiles
from zoneinfo import ZoneInfo

from billing import limits, selectors
from dashboards import ranges, reading, scopes
from dashboards.ranges import Range, Step
from dashboards.reading import View
from tenants.models import Tenant

WEEKS = 8
LEVEL_DAYS = 14
_DAY = dt.timedelta(days=1)
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class BudgetOutlook:
    """A budget of the whole tenant's month in USD. `reached_on`: the day on which it is expected to be used up; None: not this month."""

    name: str
    amount_usd: Decimal
    reached_on: dt.date | None


@dataclass(frozen=True)
class Forecast:
    """`low_usd` to `high_usd` is where it ends in about four of five months. `days_known`: whole days that it is made from; with fewer than
    fourteen it is no more than a guess."""

    spent_usd: Decimal
    expected_usd: Decimal
    low_usd: Decimal
    high_usd: Decimal
    days_known: int
    by_day: Mapping[dt.date, Decimal]  # of the days to come
    budgets: tuple[BudgetOutlook, ...]

    @property
    def is_guess(self) -> bool:
        return self.days_known < LEVEL_DAYS


def month(tenant: Tenant, now: dt.datetime) -> Forecast:
    """The tenant's present month."""
    zone = ZoneInfo(tenant.timezone)
    today = now.astimezone(zone).date()
    first = today.replace(day=1)
    costs = _costs(tenant, min(first, today - 7 * WEEKS * _DAY), today, now, zone)
    known = {day: float(cost) for day, cost in costs.items() if day < today}
    while known and not known[min(known)]:
        del known[min(known)]  # before the tenant's first day there was no traffic
    spent = sum((cost for day, cost in costs.items() if day >= first), Decimal(0))
    weights = _weights(known)
    level = _level(known, weights)
    by_day: dict[dt.date, Decimal] = {}
    day = today
    while day.month == today.month:
        usual = Decimal(level * weights[day.weekday()])
        by_day[day] = max(Decimal(0), usual - costs.get(today, Decimal(0))) if day == today else usual
        day += _DAY
    to_come = sum(by_day.values(), Decimal(0))
    low, high = _spread(known, weights, level, len(by_day))
    return Forecast(
        spent_usd=spent,
        expected_usd=(spent + to_come).quantize(_CENT),
        low_usd=(spent + to_come * Decimal(low)).quantize(_CENT),
        high_usd=(spent + to_come * Decimal(high)).quantize(_CENT),
        days_known=len(known),
        by_day=by_day,
        budgets=tuple(_outlook(name, amount, spent, by_day) for name, amount in _amounts(tenant, now)),
    )


def _costs(tenant: Tenant, first: dt.date, today: dt.date, now: dt.datetime, zone: ZoneInfo) -> dict[dt.date, Decimal]:
    """What each day cost, today as far as it has come."""
    start, end = (dt.datetime.combine(day, dt.time(), zone) for day in (first, today + _DAY))
    span: Range = ranges.custom(start, end, now, zone, Step("day"))
    answer = reading.ask(View(scopes.of_tenant(tenant), span), measures=("cost_usd",), by_steps=True)
    found = {edge.astimezone(zone).date(): Decimal(0) for edge in span.edges}
    days = list(found)
    for row in answer.rows:
        found[days[row.step - 1]] = row.sums.cost_usd
    return found


def _weights(known: Mapping[dt.date, float]) -> list[float]:
    """What each weekday costs beside the mean day; 1 where nothing is known."""
    quotients = defaultdict(list)
    for day, cost in known.items():
        around = [known[near] for near in (day + offset * _DAY for offset in range(-3, 4)) if near in known]
        mean = sum(around) / len(around)
        if len(around) == 7 and mean:
            quotients[day.weekday()].append(cost / mean)
    return [median(quotients[weekday]) if quotients[weekday] else 1.0 for weekday in range(7)]


def _level(known: Mapping[dt.date, float], weights: list[float]) -> float:
    recent = [known[day] / weights[day.weekday()] for day in sorted(known)[-LEVEL_DAYS:] if weights[day.weekday()]]
    return median(recent) if recent else 0.0


def _spread(known: Mapping[dt.date, float], weights: list[float], level: float, days: int) -> tuple[float, float]:
    """By how much what is to come may be less and more, as factors."""
    usual = [(known[day], level * weights[day.weekday()]) for day in sorted(known)[-LEVEL_DAYS:]]
    quotients = [cost / expected for cost, expected in usual if expected]
    if len(quotients) < 7:
        return 0.5, 2.0
    tenths = quantiles(quotients, n=10)
    narrowed = math.sqrt(max(1, days))
    return max(0.0, 1 - max(0.0, 1 - tenths[0]) / narrowed), 1 + max(0.0, tenths[-1] - 1) / narrowed


def _amounts(tenant: Tenant, now: dt.datetime) -> list[tuple[str, Decimal]]:
    """Budgets of the whole tenant's month in USD, the plan's among them, at the amounts in force; the tightest first."""
    found = [
        (limit.name, Decimal(limit.amount_at(now.timestamp())) / limits.NANO_PER_USD)
        for limit in selectors.limits_of(tenant.id).limits
        if (limit.dimension, limit.metric, limit.window) == (limits.TENANT, limits.USD, "month")
    ]
    return sorted(found, key=lambda item: item[1])


def _outlook(name: str, amount: Decimal, spent: Decimal, by_day: Mapping[dt.date, Decimal]) -> BudgetOutlook:
    total = spent
    for day, cost in by_day.items():
        total += cost
        if total >= amount:
            return BudgetOutlook(name, amount, day)
    return BudgetOutlook(name, amount, None)
