"""Money has the digits that tell something."""

from decimal import Decimal

import pytest

from billing import money


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        ("0", "$0.00"),
        ("1234.5", "$1,234.50"),
        ("12.345678", "$12.35"),
        ("0.99999", "$1.00"),
        ("0.125", "$0.13"),
        ("0.0999", "$0.10"),
        ("0.0123456", "$0.012"),
        ("0.000123456", "$0.00012"),
        ("0.0000012", "$0.0000012"),
        ("0.000000009", "< $0.000001"),
        ("-0.0123", "-$0.012"),
    ],
)
def test_a_sum_has_cents_and_a_small_one_two_digits_that_are_not_zero(usd: str, text: str):
    assert money.short(Decimal(usd)) == text
