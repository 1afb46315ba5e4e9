"""What is left of plans' prices when models are paid: for operators.

A tenant counts for the plan that it is on now, as if it had been on it for the whole range: of the price, for as much of a mean month as
the range has. So it says what present prices leave, not what was invoiced.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from billing.models import Subscription
from dashboards import reading
from dashboards.planning import Source
from dashboards.reading import View
from dashboards.shapes import TENANT

MONTH = dt.timedelta(days=365.25 / 12)


@dataclass(frozen=True)
class Margin:
    """`plan` empty: tenants without one. `price_usd`: of the plans' prices, the range's part."""

    plan: str
    tenants: int
    price_usd: Decimal
    cost_usd: Decimal

    @property
    def usd(self) -> Decimal:
        return self.price_usd - self.cost_usd

    @property
    def share(self) -> Decimal | None:
        return self.usd / self.price_usd if self.price_usd else None


@dataclass(frozen=True)
class Margins:
    """By plan, the one that costs most first."""

    plans: tuple[Margin, ...]
    source: Source


def margins(view: View) -> Margins:
    """Of the view's range, as far as it has come; its filters would make costs smaller, and prices not."""
    answer = reading.ask(View(view.scope, view.range), measures=("cost_usd",), by=(TENANT,))
    costs = {row.group[0] or "": row.sums.cost_usd for row in answer.rows}
    subscriptions = _subscriptions(view)
    found: dict[str, list[tuple[Decimal, Decimal]]] = defaultdict(list)
    for tenant_id in {*costs, *subscriptions}:
        row = subscriptions.get(tenant_id)
        price = _price(row, view) if row is not None else Decimal(0)
        found[row.plan.name if row is not None else ""].append((price, costs.get(tenant_id, Decimal(0))))
    made = (
        Margin(name, len(pairs), sum((price for price, _cost in pairs), Decimal(0)), sum((cost for _price, cost in pairs), Decimal(0)))
        for name, pairs in found.items()
    )  # fmt: skip
    return Margins(tuple(sorted(made, key=lambda item: (-item.cost_usd, item.plan))), answer.source)


def _subscriptions(view: View) -> Mapping[str, Subscription]:
    rows = Subscription.objects.filter(ended_at=None, tenant_id__in=view.scope.tenant_ids).select_related("plan")
    return {str(row.tenant_id): row for row in rows}


def _price(row: Subscription, view: View) -> Decimal:
    span = view.range
    part = min(span.end, span.now) - span.start
    share = Decimal(max(0, round(part.total_seconds()))) / Decimal(round(MONTH.total_seconds()))
    return (row.plan.price_usd_per_month * share).quantize(Decimal("0.000001"))
