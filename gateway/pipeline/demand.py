"""What a request asks of its limits: which ones apply, how much input it holds at most, and how much output it wants. No I/O.

The input is priced at a conservative bound (`gateway.tokens.upper_bound`), at the price of writing it to the provider's cache exactly
where that may happen, and the output at its cap, at the dearest rates of any model of the plan, so that a request which is let in can be
paid for. A cascade may take two calls, and holds both.
"""

from __future__ import annotations

from typing import Any

import msgspec

from billing.prices import PICO_PER_NANO, Price
from gateway import tokens, vocabularies
from gateway.errors import InvalidRequest
from gateway.pipeline.applying import Applying, applying
from gateway.pipeline.exchange import Exchange
from gateway.prefix import marks
from gateway.prefix.caches import FIVE_MINUTES, HOUR, Style
from gateway.prefix.decision import cache_of
from gateway.prefix.marks import NONE
from gateway.prefix.rule import write_rate
from gateway.runtime import Runtime
from gateway.stores.counters import Demand
from gateway.types import Endpoint, Model, Plan, Request

THINKING_MARGIN = 64  # output tokens that thinking must leave


class Terms(msgspec.Struct, frozen=True, gc=False):
    """A demand, and what its lines stand for."""

    demand: Demand
    applying: Applying


def terms(exchange: Exchange, request: Request, plan: Plan, tier: str, runtime: Runtime) -> Terms:
    """Raises `InvalidRequest` for a request that could never be let in."""
    model = plan.attempts[0].model
    now = exchange.accepted_ms / 1000  # as the ledger counts it, however long the request may wait
    wanted, least, choices = _output(exchange, request, model, runtime)
    calls = NO_CALLS
    if request.endpoint is not Endpoint.COUNT_TOKENS:
        calls = _calls(exchange, request, plan)
        _check_input(exchange, request, model, calls.one_input, runtime)
        choices *= calls.amount
        wanted = _affordable(exchange, wanted, least, choices, calls.input_nanousd, calls.output_pico)
    bound = calls.input_tokens
    found = applying(exchange, request, plan, tier, now)
    for who, pace in found.rings:
        if pace.tokens_per_minute and bound + least * choices > pace.tokens_per_minute:
            raise InvalidRequest(
                f"The request may use {bound + least * choices} tokens, more than the {pace.tokens_per_minute} per minute of {who}.",
                code="exceeds_tokens_per_minute",
                source="tokens_per_minute",
            )
    user = request.labels.end_user
    exchange.input_bound = calls.one_input
    demand = Demand(
        lease_ms=runtime.accounts.lease_ms,
        end_user=user,
        tier=tier,
        input_tokens=bound,
        output_wanted=wanted,
        output_least=least,
        choices=choices,
        input_nanousd=calls.input_nanousd,
        output_pico=calls.output_pico,
        counters=found.counter_lines,
        rings=found.ring_lines,
        slots=found.slot_lines,
        fingerprint=exchange.fingerprint,
        user_seconds=found.user_seconds(now) if user else 0,
        models=len(plan.attempts),
    )
    return Terms(demand, found)


def light(exchange: Exchange, request: Request, plan: Plan, tier: str, runtime: Runtime) -> Terms:
    """What a request asks that is given a cached answer or nothing: the script lets it in as a request of no tokens."""
    now = exchange.accepted_ms / 1000
    found = applying(exchange, request, plan, tier, now)
    user = request.labels.end_user
    exchange.input_bound = 0
    demand = Demand(
        lease_ms=runtime.accounts.lease_ms,
        end_user=user,
        tier=tier,
        input_tokens=0,
        output_wanted=0,
        output_least=0,
        choices=1,
        input_nanousd=0,
        output_pico=0,
        counters=found.counter_lines,
        rings=found.ring_lines,
        slots=found.slot_lines,
        fingerprint=exchange.fingerprint,
        user_seconds=found.user_seconds(now) if user else 0,
        models=len(plan.attempts),
        is_light=True,
    )
    return Terms(demand, found)


class Calls(msgspec.Struct, frozen=True, gc=False):
    """What a plan's calls may take: the input's tokens of one and of all, its highest cost, and the highest rate of output in
    pico-dollars per token, as if `amount` calls were made."""

    amount: int = 1
    one_input: int = 0
    input_tokens: int = 0
    input_nanousd: int = 0
    output_pico: int = 0


NO_CALLS = Calls()


def _calls(exchange: Exchange, request: Request, plan: Plan) -> Calls:
    """Only one model answers, so the dearest is held; of a cascade, the first one and the dearest of the others."""
    has_own = marks.has_own(request.content) if exchange.has_own_marks is None else exchange.has_own_marks
    if len(plan.attempts) == 1:
        model = plan.attempts[0].model
        assert model.price is not None  # the router leaves models without a price out
        bound = tokens.upper_bound(request.body, request.content, kind=model.provider.kind)
        return Calls(1, bound, bound, *_prices(model.price, bound, _written(exchange, model, bound, has_own=has_own)))
    bounds: dict[str, int] = {}
    each = []
    for attempt in plan.attempts:
        model = attempt.model
        kind = model.provider.kind
        if kind not in bounds:
            bounds[kind] = tokens.upper_bound(request.body, request.content, kind=kind)
        assert model.price is not None
        written = _written(exchange, model, bounds[kind], has_own=has_own)
        each.append((bounds[kind], *_prices(model.price, bounds[kind], written)))
    one_input = max(bounds.values())
    if plan.cascade is None or len(each) < 2:
        return Calls(1, one_input, one_input, max(item[1] for item in each), max(item[2] for item in each))
    first, others = each[0], each[1:]
    return Calls(
        amount=2,
        one_input=one_input,
        input_tokens=first[0] + max(item[0] for item in others),
        input_nanousd=first[1] + max(item[1] for item in others),
        output_pico=-(-(first[2] + max(item[2] for item in others)) // 2),
    )


def _output(exchange: Exchange, request: Request, model: Model, runtime: Runtime) -> tuple[int, int, int]:
    """(output cap wanted, least useful cap, number of choices)."""
    if request.endpoint in (Endpoint.EMBEDDINGS, Endpoint.COUNT_TOKENS):
        return 0, 0, 1
    body: Any = request.body
    wanted = asked(body) or runtime.default_output_tokens
    for most in (exchange.snapshot.limits.max_output_tokens, model.max_output_tokens):
        if most is not None and most < wanted:
            wanted = most
    least = min(runtime.least_output_tokens, wanted)
    thinking = getattr(body, "thinking", None)
    if thinking is not None and thinking.type == "enabled" and thinking.budget_tokens:
        least = thinking.budget_tokens + THINKING_MARGIN
        if least > wanted:
            if asked(body) and asked(body) <= wanted:
                least = wanted  # as the caller has it; the provider will say whether that is too tight
            else:
                raise InvalidRequest(
                    f"Thinking of {thinking.budget_tokens} tokens does not fit into the {wanted} output tokens that are allowed.",
                    param="thinking.budget_tokens",
                    code="output_too_long",
                )
    return wanted, least, getattr(body, "n", None) or 1


def asked(body: Any) -> int:
    """The output cap the caller names, 0 if none."""
    return getattr(body, "max_completion_tokens", None) or getattr(body, "max_tokens", None) or 0


def _check_input(exchange: Exchange, request: Request, model: Model, bound: int, runtime: Runtime) -> None:
    """By the best count there is: exact, as the model's provider has counted others, or half of the bound."""
    most = exchange.snapshot.limits.max_input_tokens
    if most is None or bound <= most:
        return
    exact = vocabularies.count(model, request, at_most=most)
    if exact is not None:
        how = f"more than {most} tokens" if exact > most else ""
    else:
        likely = runtime.calibration.likely(model, bound)
        if likely is None:
            likely = tokens.likely(request.body, bound)
        how = f"about {likely} tokens by an estimate" if likely > most else ""
    if how:
        raise InvalidRequest(
            f"The input has {how}; the plan allows {most} in one request. Shorten it.",
            code="input_too_long",
            source="plan:max_input_tokens",
        )


def _written(exchange: Exchange, model: Model, bound: int, *, has_own: bool) -> tuple[str, ...]:
    """The lifetimes for which the provider may keep the input: by the caller's marks or by Tollgate's, or as it caches by itself."""
    if has_own:
        return (FIVE_MINUTES, HOUR)
    chosen = NONE if exchange.prefix is None else exchange.prefix.marks(model)
    cache = cache_of(model)
    if cache is None or cache.style is not Style.BREAKPOINTS:
        return chosen.lifetimes
    return cache.lifetimes if bound >= cache.least_tokens and (chosen.head or not chosen.is_explicit) else ()


def _prices(price: Price, bound: int, written: tuple[str, ...]) -> tuple[int, int]:
    """The input's highest cost in nano-dollars, and the highest output rate in pico-dollars per token, of any tier that may apply.

    `written`: the lifetimes for which the input may be written to the provider's cache.
    """
    tiers = [price.base]
    if price.tiers:
        tiers += [rates for threshold, rates in price.tiers if bound > threshold]
    rate = output = 0
    for rates in tiers:
        rate = max(rate, rates.input, rates.cache_read)
        for lifetime in written:
            rate = max(rate, write_rate(rates, lifetime))
        output = max(output, rates.output)
    return -(-bound * rate // PICO_PER_NANO), output


def _affordable(exchange: Exchange, wanted: int, least: int, choices: int, input_nanousd: int, output_pico: int) -> int:
    """The cap within what one request may cost."""
    most = exchange.snapshot.limits.max_request_nanousd
    if most is None:
        return wanted
    room = most - input_nanousd
    cap = wanted if output_pico == 0 and room >= 0 else room * PICO_PER_NANO // (output_pico * choices or 1)
    if room < 0 or cap < least:
        raise InvalidRequest(
            f"The request may cost ${(input_nanousd + least * choices * output_pico // PICO_PER_NANO) / 1e9:.6f} or more; the plan allows "
            f"${most / 1e9:.6f} for one request. Shorten it or use a cheaper model.",
            code="request_too_expensive",
            source="plan:max_request_usd",
        )
    return min(cap, wanted)
