"""What tokens cost: prices as exact integers, from an operator's override or the genai-prices catalog.

Rates are whole picodollars per token (1 USD per million tokens = 1 000 000 pUSD per token; the catalog's finest price,
0.000001 USD per million, is 1), so a cost is exact until it is rounded once, half up, to nano-dollars. No Django, no I/O.
"""

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Protocol

import msgspec
from genai_prices import types as catalog
from genai_prices.data_snapshot import find_provider_by_id, get_snapshot

PICO_PER_NANO = 1000
NANO_PER_USD = 1_000_000_000
CATALOGED_KINDS = frozenset({"anthropic", "openai"})


class TokenCounts(Protocol):
    """Tokens of one attempt. `input_tokens` includes the cached ones, `output_tokens` the reasoning ones."""

    @property
    def input_tokens(self) -> int: ...
    @property
    def cache_read_tokens(self) -> int: ...
    @property
    def cache_write_5m_tokens(self) -> int: ...
    @property
    def cache_write_1h_tokens(self) -> int: ...
    @property
    def output_tokens(self) -> int: ...


class Rates(msgspec.Struct, frozen=True):
    """Picodollars per token."""

    input: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    output: int


class Price(msgspec.Struct, frozen=True):
    """A model's price: the rates, and those that apply to *all* tokens once the input exceeds a threshold (tokens)."""

    base: Rates
    source: str
    tiers: tuple[tuple[int, Rates], ...] = ()

    def rates_for(self, input_tokens: int) -> Rates:
        """The rates of a request with that much input (tokens, cached ones included)."""
        rates = self.base
        for threshold, tier in self.tiers:
            if input_tokens > threshold:
                rates = tier
        return rates


class Override(msgspec.Struct, frozen=True):
    """Prices set by the operator, USD per million tokens. A cache price left out falls back to what the tokens would cost anyway."""

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write_5m: Decimal | None = None
    cache_write_1h: Decimal | None = None


def cost_nanousd(price: Price, tokens: TokenCounts) -> int:
    """What `tokens` cost in nano-dollars (1e-9 USD), rounded half up once."""
    rates = price.rates_for(tokens.input_tokens) if price.tiers else price.base
    read, write_5m, write_1h = tokens.cache_read_tokens, tokens.cache_write_5m_tokens, tokens.cache_write_1h_tokens
    pico = (
        (tokens.input_tokens - read - write_5m - write_1h) * rates.input
        + read * rates.cache_read
        + write_5m * rates.cache_write_5m
        + write_1h * rates.cache_write_1h
        + tokens.output_tokens * rates.output
    )
    return (pico + PICO_PER_NANO // 2) // PICO_PER_NANO


def cache_saved_nanousd(price: Price, tokens: TokenCounts) -> int:
    """What the provider's cache saved in nano-dollars, rounded half up once: what the tokens that were read would have cost as plain input,
    less what they cost, less what the written ones cost on top of plain input. May be less than nothing."""
    rates = price.rates_for(tokens.input_tokens) if price.tiers else price.base
    pico = (
        tokens.cache_read_tokens * (rates.input - rates.cache_read)
        - tokens.cache_write_5m_tokens * (rates.cache_write_5m - rates.input)
        - tokens.cache_write_1h_tokens * (rates.cache_write_1h - rates.input)
    )
    return (pico + PICO_PER_NANO // 2) // PICO_PER_NANO


def usd(nanousd: int) -> Decimal:
    """Nano-dollars as an exact amount of USD."""
    return Decimal(nanousd) / NANO_PER_USD


def resolve(
    *, kind: str, upstream_id: str, price_ref: str = "", override: Override | None = None, at: datetime
) -> Price | None:
    """The price of a model at a time: the override; else `price_ref` ("provider:model"); else the catalog's entry for it.

    `kind` is the provider's kind, "anthropic" or "openai"; a compatible server of unknown make has no catalog. None: no price known.
    """
    if override is not None:
        return Price(
            base=_complete(
                override.input, override.cache_read, override.cache_write_5m, override.cache_write_1h, override.output
            ),
            source="override",
        )
    if not price_ref and kind not in CATALOGED_KINDS:
        return None
    provider_id, _, model_ref = price_ref.partition(":") if price_ref else (kind, "", upstream_id)
    model = _find(provider_id, model_ref)
    if model is None:
        return None
    return _from_catalog(model.get_prices(at), source=f"genai-prices {provider_id}:{model.id}")


def default(usd_per_million: str) -> Price | None:
    """The price of models that have none: "input,output" in USD per million tokens; None if it is not set.

    Raises `ValueError` if it is not two amounts.
    """
    if not usd_per_million:
        return None
    try:
        amounts = [Decimal(item.strip()) for item in usd_per_million.split(",")]
    except InvalidOperation:
        amounts = []
    if len(amounts) != 2 or not all(amount.is_finite() and amount >= 0 for amount in amounts):
        raise ValueError("two amounts in USD per million tokens, input,output, such as 2.50,10")
    return Price(base=_complete(amounts[0], None, None, None, amounts[1]), source="default")


@lru_cache(maxsize=256)
def provider_at(url: str) -> str:
    """The catalog's name of the provider whose API is at that URL, for references such as groq:llama-3.3-70b; empty if it knows none."""
    return next(
        (item.id for item in get_snapshot().providers if item.api_pattern and re.match(item.api_pattern, url)), ""
    )


def context_window(*, provider_id: str, upstream_id: str) -> int | None:
    """How many tokens the model takes, as far as the catalog knows."""
    model = _find(provider_id, upstream_id)
    return model.context_window if model is not None else None


@lru_cache(maxsize=4096)
def _find(provider_id: str, model_ref: str) -> catalog.ModelInfo | None:
    providers = get_snapshot().providers
    provider = find_provider_by_id(providers, provider_id)
    return provider.find_model(model_ref, all_providers=providers) if provider and model_ref else None


def _from_catalog(prices: catalog.ModelPrice, *, source: str) -> Price | None:
    fields = [
        prices.input_mtok,
        prices.cache_read_mtok,
        prices.cache_write_mtok,
        prices.cache_write_1h_mtok,
        prices.output_mtok,
    ]
    if fields[0] is None:
        return None  # priced by something other than tokens, such as hours of audio
    thresholds = sorted(
        {tier.start for field in fields if isinstance(field, catalog.TieredPrices) for tier in field.tiers}
    )

    def at(threshold: int) -> Rates:
        return _complete(*(_in_tier(field, threshold) for field in fields))

    return Price(base=at(-1), tiers=tuple((threshold, at(threshold)) for threshold in thresholds), source=source)


def _in_tier(price: Any, threshold: int) -> Decimal | None:
    if not isinstance(price, catalog.TieredPrices):
        return price  # type: ignore[no-any-return]
    amount = price.base
    for tier in price.tiers:
        if tier.start <= threshold:
            amount = tier.price
    return amount


def _complete(
    input_: Decimal | None,
    cache_read: Decimal | None,
    cache_write: Decimal | None,
    cache_write_1h: Decimal | None,
    output: Decimal | None,
) -> Rates:
    """Rates with the gaps filled so that nothing is free by accident: cached tokens cost what uncached ones do."""
    assert input_ is not None
    write_5m = input_ if cache_write is None else cache_write
    return Rates(
        input=_pico(input_),
        cache_read=_pico(input_ if cache_read is None else cache_read),
        cache_write_5m=_pico(write_5m),
        cache_write_1h=_pico(write_5m if cache_write_1h is None else cache_write_1h),
        output=_pico(output or Decimal(0)),
    )


def _pico(usd_per_million: Decimal) -> int:
    return int((usd_per_million * 1_000_000).to_integral_value())
