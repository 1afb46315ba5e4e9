"""The rule, at and around its break-even."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction

import pytest

from billing import prices
from billing.prices import Rates
from gateway.prefix import rule
from gateway.prefix.rule import Odds, Place

AT = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
USUAL = Rates(input=1000, cache_read=100, cache_write_5m=1250, cache_write_1h=2000, output=5000)
BOTH = ("5m", "1h")
NEVER, SURE = Odds(0.0, 0.0, 0.0), Odds(1.0, 1.0, 1.0)


def rates(kind: str, name: str) -> Rates:
    price = prices.resolve(kind=kind, upstream_id=name, at=AT)
    assert price is not None
    return price.base


@pytest.mark.parametrize(
    ("lifetime", "even"), [("5m", Fraction(250, 1150)), ("1h", Fraction(1000, 1900)), ("30m", Fraction(250, 1150))]
)
def test_a_mark_pays_above_the_break_even_and_not_at_it(lifetime, even):
    tiny = Fraction(1, 10**9)
    assert rule.pays(even + tiny, USUAL, lifetime)
    assert not rule.pays(even, USUAL, lifetime)
    assert not rule.pays(even - tiny, USUAL, lifetime)
    # At the break-even the expected cost is the plain input's.
    assert rule.expected_cost(even, USUAL, lifetime) == USUAL.input


def test_the_break_even_in_reads_is_the_premium_over_what_a_read_saves():
    for lifetime, write in (("5m", 1250), ("1h", 2000)):
        even = Fraction(write - 1000, write - 100)
        assert even / (1 - even) == Fraction(write - 1000, 1000 - 100)
        assert not rule.pays(even, USUAL, lifetime)


@pytest.mark.parametrize(
    ("kind", "name", "lifetime", "even"),
    [
        ("anthropic", "claude-sonnet-4-5", "5m", Fraction(75, 345)),  # 3, 0.30, 3.75
        ("anthropic", "claude-sonnet-4-5", "1h", Fraction(300, 570)),  # 3, 0.30, 6
        ("anthropic", "claude-sonnet-5-5", "5m", Fraction(50, 240)),  # 2, 0.10, 2.50: reads are cheaper still
        ("anthropic", "claude-3-haiku-20240307", "5m", Fraction(5, 27)),  # 0.25, 0.03, 0.30
        ("openai", "gpt-6-luna", "30m", Fraction(25, 115)),  # 0.10, 0.01, 0.125
    ],
)
def test_the_figures_are_the_model_s_own(kind, name, lifetime, even):
    found = rates(kind, name)
    assert not rule.pays(even, found, lifetime)
    assert rule.pays(even + Fraction(1, 10**9), found, lifetime)


def test_the_tier_that_applies_has_its_own_break_even():
    price = prices.resolve(kind="anthropic", upstream_id="claude-sonnet-4-5", at=AT)
    assert price is not None
    above = price.rates_for(200_001)
    assert (above.input, above.cache_read, above.cache_write_5m) == (6_000_000, 600_000, 7_500_000)


def test_the_lifetime_with_the_least_expected_cost_is_chosen():
    assert rule.expected_cost(0.9, USUAL, "5m") == pytest.approx(215)
    assert rule.best(Odds(0.9, 0.91, 0.92), USUAL, BOTH) == "5m"  # 252 for the hour
    assert rule.best(Odds(0.9, 0.91, 0.95), USUAL, BOTH) == "1h"  # 195


def test_the_hour_is_chosen_when_the_gaps_are_longer_than_five_minutes():
    slow = Odds(0.1, 0.7, 0.8)
    assert rule.best(slow, USUAL, BOTH) == "1h"
    assert rule.best(slow, USUAL, ("5m",)) == ""
    assert rule.best(Odds(0.1, 0.4, 0.5), USUAL, BOTH) == ""  # an hour's chance is below its break-even of 0.526


def test_of_two_that_cost_the_same_the_shorter_one_is_chosen():
    # 0.5 · 100 + 0.5 · 1250 = 675 = q · 100 + (1 − q) · 2000 for q = 1325 / 1900
    even = Odds(Fraction(1, 2), Fraction(1, 2), Fraction(1325, 1900))
    assert rule.best(even, USUAL, BOTH) == "5m"
    assert rule.best(even._replace(hour=Fraction(1326, 1900)), USUAL, BOTH) == "1h"


def choose(*places: Place, least: int = 1024, lifetimes: tuple[str, ...] = BOTH, given: Rates = USUAL) -> list[str]:
    return rule.choose(places, given, least_tokens=least, lifetimes=lifetimes)


def test_what_is_shorter_than_the_minimum_is_not_marked():
    assert choose(Place(1023, SURE), Place(1024, SURE)) == ["", "5m"]


def test_what_is_kept_now_is_marked_whatever_comes_next_and_keeps_its_lifetime():
    assert choose(Place(2000, NEVER, "5m"), Place(3000, NEVER)) == ["5m", ""]
    assert choose(Place(2000, SURE, "1h")) == ["1h"]
    assert choose(Place(2000, SURE, "1h"), lifetimes=("5m",)) == ["5m"]  # an hour is not wanted any more


def test_each_place_is_decided_by_itself():
    assert choose(Place(2000, Odds(0.9, 0.9, 0.9)), Place(9000, Odds(0.1, 0.1, 0.1))) == ["5m", ""]


def test_no_hour_comes_after_five_minutes():
    head, slow = Odds(0.99, 0.99, 0.99), Odds(0.05, 0.8, 0.95)
    # A short head before a long, slow conversation: the head is raised.
    assert choose(Place(1100, head), Place(50_000, slow)) == ["1h", "1h"]
    # A long head that five minutes hold already, before few more tokens: the conversation is left out, as five minutes do not pay for it.
    assert choose(Place(50_000, head, "5m"), Place(51_000, slow)) == ["5m", ""]
    assert choose(Place(50_000, head, "5m"), Place(51_000, Odds(0.4, 0.8, 0.95))) == ["5m", "5m"]
    # The other way round nothing is wrong.
    assert choose(Place(1100, slow), Place(50_000, head)) == ["1h", "5m"]


def test_a_model_whose_cached_tokens_are_no_cheaper_is_never_marked():
    flat = Rates(input=1000, cache_read=1000, cache_write_5m=1000, cache_write_1h=1000, output=1)
    assert choose(Place(5000, SURE), Place(9000, SURE, "5m"), given=flat) == ["", ""]


def test_where_writing_costs_nothing_the_least_chance_is_enough():
    free = Rates(input=1000, cache_read=100, cache_write_5m=1000, cache_write_1h=1000, output=1)
    assert rule.best(Odds(0.001, 0.001, 0.001), free, BOTH) == "5m"
    assert rule.best(NEVER, free, BOTH) == ""
