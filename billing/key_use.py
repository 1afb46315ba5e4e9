"""What API keys have used this month beside what they may, as bars. To be looked at; enforcement counts in Redis."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Sum

from billing import budget_bars, money, sentences
from billing.budget_bars import Bar
from billing.models import Budget, DailyUsage
from tenants.models import ApiKey

NEAR_PERCENT = 80


@dataclass(frozen=True)
class KeyUse:
    """Of one key, in the calendar month of its tenant's time zone."""

    requests: int
    tokens: int
    cost_usd: Decimal


@dataclass(frozen=True)
class Shown:
    """`spent` is money as people write it; `bars` are the budgets that the key has of its own, each with what it is of."""

    spent: str
    requests: int
    bars: tuple[tuple[Bar, str], ...]


def this_month(keys: Iterable[ApiKey], now: dt.datetime) -> dict[UUID, KeyUse]:
    """By key; those that used nothing are there, too. One query, however many keys and tenants (which are to be loaded with them)."""
    by_id = {str(key.pk): key for key in keys}
    first = {
        key.tenant_id: now.astimezone(ZoneInfo(key.tenant.timezone)).date().replace(day=1) for key in by_id.values()
    }
    rows = DailyUsage.objects.filter(
        tenant_id__in=first,
        dimension=DailyUsage.Dimension.KEY,
        subject__in=by_id,
        day__gte=min(first.values(), default=now.date()),
    )
    sums = {name: Sum(name) for name in ("requests", "input_tokens", "output_tokens", "cost_usd")}
    found = dict.fromkeys(by_id, KeyUse(0, 0, Decimal(0)))
    by_day: Iterable[Any] = rows.values("subject", "day").annotate(
        **{f"{name}_sum": total for name, total in sums.items()}
    )
    for row in by_day:
        if row["day"] >= first[by_id[row["subject"]].tenant_id]:
            so_far = found[row["subject"]]
            found[row["subject"]] = KeyUse(
                so_far.requests + row["requests_sum"],
                so_far.tokens + row["input_tokens_sum"] + row["output_tokens_sum"],
                so_far.cost_usd + row["cost_usd_sum"],
            )
    return {by_id[subject].pk: use for subject, use in found.items()}


def shown(key: ApiKey, use: KeyUse) -> Shown:
    budgets = (
        (Budget.Metric.USD, use.cost_usd, key.usd_per_month),
        (Budget.Metric.TOKENS, Decimal(use.tokens), key.tokens_per_month),
    )
    bars = tuple(
        (_bar(metric, used, Decimal(amount)), sentences.quantity(metric, Decimal(amount)))
        for metric, used, amount in budgets
        if amount is not None
    )
    return Shown(money.short(use.cost_usd), use.requests, bars)


def _bar(metric: str, used: Decimal, amount: Decimal) -> Bar:
    percent = int(used * 100 / amount) if amount else 100
    return Bar(
        name="",
        used=sentences.quantity(metric, used),
        percent=budget_bars.percentage(percent, is_used=bool(used)),
        width=max(0, min(percent, 100)),
        is_empty=not used and bool(amount),
        level="full" if percent >= 100 else "near" if percent >= NEAR_PERCENT else "",
    )
