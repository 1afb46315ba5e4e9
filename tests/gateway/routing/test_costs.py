"""Expected costs, to the nano-dollar."""

from __future__ import annotations

import pytest

from billing.prices import Price, Rates
from gateway.routing.costs import Case, dollars
from gateway.types import Conversation
from tests.gateway.routing.ground import model, price

NOBODY = Conversation("c")


def test_input_and_likely_output_at_their_prices():
    # 1,000 × $2 / 1M + 300 × $10 / 1M = $0.005
    assert Case(1000, 300, NOBODY).cost_nanousd(model("m", cost=price(2, 10))) == 5_000_000


def test_what_the_last_model_has_kept_costs_it_the_cached_price_and_others_the_full_one():
    case = Case(10_000, 300, Conversation("c", model="kept", cached_tokens=9_000))
    # 1,000 × $3 + 9,000 cached × $0 + 300 × $15 = $0.0075; without the cache 10,000 × $3 + 300 × $15 = $0.0345
    assert case.cost_nanousd(model("kept", cost=price(3, 15, 0))) == 7_500_000
    assert case.cost_nanousd(model("other", cost=price(3, 15, 0))) == 34_500_000


def test_no_more_can_be_cached_than_there_is():
    case = Case(100, 0, Conversation("c", model="m", cached_tokens=9_000))
    assert case.cost_nanousd(model("m", cost=price(5, 1, 1))) == 100_000


def test_the_price_s_tier_for_long_input_counts():
    long = Rates(4_000_000, 4_000_000, 4_000_000, 4_000_000, 20_000_000)
    tiered = Price(base=price(2, 10).base, source="x", tiers=((200_000, long),))
    assert Case(200_000, 0, NOBODY).cost_nanousd(model("m", cost=tiered)) == 400_000_000
    assert Case(200_001, 0, NOBODY).cost_nanousd(model("m", cost=tiered)) == 800_004_000


@pytest.mark.parametrize(
    ("nanousd", "text"),
    [
        (0, "$0"),
        (7, "$0.000000007"),
        (153_300, "$0.0001533"),
        (12_345_678, "$0.01235"),
        (1_500_000_000, "$1.500"),
        (25 * 10**9, "$25.00"),
    ],
)
def test_small_amounts_are_readable(nanousd, text):
    assert dollars(nanousd) == text
