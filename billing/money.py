"""Money as people read it: as many digits as tell something, and no more. Where every digit counts there is `sentences.quantity`."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

SMALLEST = Decimal("0.000001")


def short(usd: Decimal) -> str:
    """$1,234.50, $0.0123, $0.000045: cents, and below a dime two digits that are not zero; never $0.00 for something."""
    if not usd:
        return "$0.00"
    size = abs(usd)
    if size < SMALLEST:
        return f"< ${SMALLEST}" if usd > 0 else f"-${SMALLEST}"
    rounded = size.quantize(Decimal(1).scaleb(-_decimals(size)), rounding=ROUND_HALF_UP)
    decimals = _decimals(rounded)  # 0.0999 has become 0.10
    return f"{'-' if usd < 0 else ''}${rounded:,.{decimals}f}"


def _decimals(size: Decimal) -> int:
    return max(2, 1 - size.adjusted())
