"""Prices as people write them."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext as _

from billing.prices import Price

PICO_PER_USD_MTOK = 1_000_000  # picodollars a token per dollar a million tokens


def usd_per_mtok(picodollars: int) -> str:
    """A rate as people write it: at least two decimals, and as many more as it has."""
    amount = (Decimal(picodollars) / PICO_PER_USD_MTOK).normalize()
    decimals = max(2, -int(amount.as_tuple().exponent))
    return f"${amount:.{decimals}f}"


def in_short(price: Price | None) -> str:
    """The two rates that matter most, per million tokens; empty if no price is known."""
    if price is None:
        return ""
    rates = {"input": usd_per_mtok(price.base.input), "output": usd_per_mtok(price.base.output)}
    return _("%(input)s in, %(output)s out") % rates
