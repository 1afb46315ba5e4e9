"""What each saving layer saved. The log says it of caches, exactly; what context policies left out is valued at what the model's input
costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q
from django.utils import timezone

from billing.prices import NANO_PER_USD, PICO_PER_NANO
from dashboards import reading
from dashboards.measures import SAVED
from dashboards.planning import Source, Unanswerable
from dashboards.reading import View
from gateway.models import Model

EXACT, SEMANTIC, PREFIX, CASCADE, CONTEXT = LAYERS = ("exact", "semantic", "prefix", "cascade", "context")


@dataclass(frozen=True)
class Saving:
    """`usd` None: the log does not have it. `tokens` were left out, by the gateway's estimate; `is_estimate`: so the amount is one, too."""

    layer: str
    usd: Decimal | None
    tokens: int = 0
    is_estimate: bool = False


@dataclass(frozen=True)
class Savings:
    layers: tuple[Saving, ...]
    source: Source

    @property
    def total_usd(self) -> Decimal:
        return sum((item.usd for item in self.layers if item.usd is not None), Decimal(0))


def savings(view: View) -> Savings:
    answer = reading.ask(view, measures=tuple(SAVED))
    sums = answer.rows[0].sums if answer.rows else None
    found = [
        Saving(layer, None if SAVED[column] == "0" else getattr(sums, column) if sums else Decimal(0))
        for layer, column in ((layer, f"saved_{layer}_usd") for layer in LAYERS[:-1])
    ]
    return Savings((*found, _context(view)), answer.source)


def _context(view: View) -> Saving:
    measures = ("context_tokens_before", "context_tokens_after")
    try:
        answer = reading.ask(view, measures=measures, by=("model",))
    except Unanswerable:  # as one sum it can be answered; by model it cannot
        answer = reading.ask(view, measures=measures)
    prices = _input_prices(view)
    usd, tokens, is_known = Decimal(0), 0, True
    for row in answer.rows:
        left_out = row.sums.context_tokens_before - row.sums.context_tokens_after
        tokens += left_out
        price = prices.get(row.group[0] or "") if row.group else None
        if left_out and price is None:
            is_known = False
        usd += left_out * (price or 0)
    return Saving(CONTEXT, usd if is_known or usd else None, tokens, is_estimate=True)


def _input_prices(view: View) -> dict[str, Decimal]:
    """Model → USD per token of input, as it is now: the operator's models, and in their place the tenant's own of that name."""
    rows = Model.objects.select_related("provider").defer("provider__credential")
    owners = Q(tenant=None) if view.scope.is_across else Q(tenant=None) | Q(tenant_id__in=view.scope.tenant_ids)
    now = timezone.now()
    found = {}
    for model in sorted(rows.filter(owners), key=lambda model: model.tenant_id is not None):
        price = model.price_at(now)
        if price is not None:
            found[model.name] = Decimal(price.base.input) / PICO_PER_NANO / NANO_PER_USD
    return found
