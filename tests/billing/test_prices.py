"""What tokens cost, by hand-computed values."""

import datetime as dt
from decimal import Decimal

import pytest

from billing import prices
from gateway.types import Usage

NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def price(kind: str, model: str, **more):
    found = prices.resolve(kind=kind, upstream_id=model, at=NOW, **more)
    assert found is not None
    return found


def test_anthropic_charges_reads_and_both_kinds_of_writes_apart():
    # claude-haiku-4-5: 1 / 5, read 0.10, write 1.25 (5 min) and 2 (1 h) USD per million tokens
    usage = Usage(
        input_tokens=10_000,
        cache_read_tokens=6_000,
        cache_write_5m_tokens=1_000,
        cache_write_1h_tokens=500,
        output_tokens=300,
    )
    # 2 500 x 1 + 6 000 x 0.10 + 1 000 x 1.25 + 500 x 2 + 300 x 5 = 6 850 microdollars
    assert prices.cost_nanousd(price("anthropic", "claude-haiku-4-5"), usage) == 6_850_000


def test_openai_counts_cached_tokens_once():
    # gpt-4o: 2.50 / 10, cached 1.25
    usage = Usage(input_tokens=2_000, cache_read_tokens=1_024, output_tokens=100, reasoning_tokens=64)
    # 976 x 2.50 + 1 024 x 1.25 + 100 x 10 = 4 720 microdollars; reasoning is part of the output
    assert prices.cost_nanousd(price("openai", "gpt-4o"), usage) == 4_720_000


def test_a_long_context_pays_the_higher_tier_for_every_token():
    # claude-sonnet-4-5: 3 / 15 up to 200 000 tokens of input, above it 6 / 22.50
    sonnet = price("anthropic", "claude-sonnet-4-5")
    assert prices.cost_nanousd(sonnet, Usage(input_tokens=200_000, output_tokens=10)) == 600_150_000
    assert prices.cost_nanousd(sonnet, Usage(input_tokens=200_001, output_tokens=10)) == 1_200_006_000 + 225_000


def test_prices_are_those_of_the_day():
    before = prices.resolve(kind="anthropic", upstream_id="claude-opus-4-6", at=dt.datetime(2026, 3, 1, tzinfo=dt.UTC))
    assert before is not None
    assert before.rates_for(300_000).input == 10_000_000
    assert price("anthropic", "claude-opus-4-6").rates_for(300_000).input == 5_000_000


def test_rounds_once_half_up_to_a_nanodollar():
    # text-embedding-3-small: 0.02 USD per million = 20 nano-dollars a token
    assert prices.cost_nanousd(price("openai", "text-embedding-3-small"), Usage(input_tokens=3)) == 60
    odd = price("openai", "x", override=prices.Override(input=Decimal("0.000500"), output=Decimal("0")))
    assert [prices.cost_nanousd(odd, Usage(input_tokens=n)) for n in (0, 1, 2, 3)] == [0, 1, 1, 2]


def test_an_override_goes_before_the_catalog_and_leaves_no_token_free():
    given = price("openai", "gpt-4o", override=prices.Override(input=Decimal("4"), output=Decimal("8")))
    assert given.source == "override"
    usage = Usage(
        input_tokens=100, cache_read_tokens=50, cache_write_5m_tokens=10, cache_write_1h_tokens=10, output_tokens=1
    )
    assert prices.cost_nanousd(given, usage) == 408_000


def test_a_reference_names_another_model_of_the_catalog():
    assert price("openai-compatible", "my-gpt", price_ref="openai:gpt-4o").base == price("openai", "gpt-4o").base


@pytest.mark.parametrize(
    ("kind", "model", "ref"),
    [
        ("openai", "no-such-model", ""),
        ("openai-compatible", "gpt-4o", ""),
        ("openai", "x", "nobody:gpt-4o"),
        ("openai", "whisper-1", ""),
    ],
)
def test_knows_when_there_is_no_price(kind, model, ref):
    assert prices.resolve(kind=kind, upstream_id=model, price_ref=ref, at=NOW) is None


@pytest.mark.parametrize(
    ("kind", "model", "usage", "nanousd"),
    [
        # 3, read 0.30, written 3.75 and 6 USD per million tokens: 4 000 x 2.70 - 200 x 0.75 - 100 x 3 = 10 350 microdollars
        ("anthropic", "claude-sonnet-4-5", Usage(4400, 4000, 200, 100, 20), 10_350_000),
        ("anthropic", "claude-sonnet-4-5", Usage(4400, 0, 2000, 0, 20), -1_500_000),
        # above 200 000 tokens of input all of them cost twice as much, and so does what is saved
        ("anthropic", "claude-sonnet-4-5", Usage(200_001, 4000, 200, 100, 20), 20_700_000),
        ("openai", "gpt-4o", Usage(2000, 1024, 0, 0, 5), 1_280_000),  # 2.50, read 1.25
        ("openai", "gpt-4o", Usage(2000, 0, 900, 0, 5), 0),  # its writes cost nothing
        ("openai", "gpt-6-luna", Usage(3000, 0, 2000, 0, 5), -50_000),  # 0.10, written 0.125
        ("openai", "gpt-4o", Usage(2000, 0, 0, 0, 5), 0),
    ],
)
def test_what_a_cache_saves_is_what_reads_save_less_what_writes_cost_on_top(kind, model, usage, nanousd):
    found = price(kind, model)
    assert prices.cache_saved_nanousd(found, usage) == nanousd
    plain = Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
    assert prices.cost_nanousd(found, plain) - prices.cost_nanousd(found, usage) == nanousd


def test_savings_are_rounded_once_half_up():
    override = prices.Override(
        input=Decimal("0.0005"), output=Decimal(0), cache_read=Decimal(0), cache_write_5m=Decimal("0.001")
    )
    odd = price("openai", "x", override=override)
    assert [prices.cache_saved_nanousd(odd, Usage(9, read)) for read in (0, 1, 2, 3)] == [0, 1, 1, 2]
    assert [prices.cache_saved_nanousd(odd, Usage(9, 0, written)) for written in (1, 2, 3)] == [0, -1, -1]


def test_shows_nanodollars_as_exact_dollars():
    assert prices.usd(1_234_567_891) == Decimal("1.234567891")
