"""What a request asks of its limits: which ones apply, how much input it holds at most, and how much output it wants. No I/O.

The input is priced at a conservative bound (`gateway.tokens.upper_bound`) and the output at its cap, at the dearest rates that may
apply, so that a request which is let in can be paid for.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from billing import limits
from billing.limits import Counter, Limit, Pace
from billing.prices import PICO_PER_NANO, Price
from gateway import tokens
from gateway.errors import InvalidRequest
from gateway.pipeline.exchange import Exchange
from gateway.runtime import Runtime
from gateway.stores.counters import METRICS, TENANT_HASH, UNLIMITED, USER_HASH, CounterLine, Demand, RingLine, SlotLine
from gateway.types import Endpoint, Model, Plan, Request

DAY_SECONDS = 86_400
RING_SECONDS = 120  # how long an end user's counters are kept at least
THINKING_MARGIN = 64  # output tokens that thinking must leave


class Terms(NamedTuple):
    """A demand, and what its lines stand for: the counters, and (who, limits) of each ring and slot, in the same order."""

    demand: Demand
    counters: list[Counter]
    rings: list[tuple[str, str, Pace]]
    slots: list[tuple[str, int]]


def terms(exchange: Exchange, request: Request, plan: Plan, tier: str, runtime: Runtime) -> Terms:
    """Raises `InvalidRequest` for a request that could never be let in."""
    model = plan.attempts[0].model
    now = exchange.accepted_ms / 1000  # as the ledger counts it, however long the request may wait
    wanted, least, choices = _output(exchange, request, model, runtime)
    bound = 0
    input_nanousd = output_pico = 0
    if request.endpoint is not Endpoint.COUNT_TOKENS:
        bound = tokens.upper_bound(request.body, request.content, kind=model.provider.kind)
        _check_input(exchange, bound)
        assert model.price is not None  # the router leaves models without a price out
        input_nanousd, output_pico = _prices(model.price, bound, b'"cache_control"' in request.content)
        wanted = _affordable(exchange, wanted, least, choices, input_nanousd, output_pico)
    counters, lines = _counters(exchange, request, plan, model, tier, now)
    paces = _paces(exchange, request, tier)
    for who, _, pace in paces:
        if pace.tokens_per_minute and bound + least * choices > pace.tokens_per_minute:
            raise InvalidRequest(
                f"The request may use {bound + least * choices} tokens, more than the {pace.tokens_per_minute} per minute of {who}.",
                code="exceeds_tokens_per_minute",
                source="tokens_per_minute",
            )
    rings = [item for item in paces if item[2].requests_per_minute or item[2].tokens_per_minute]
    slots = [(item[0], item[1], item[2].max_concurrency) for item in paces if item[2].max_concurrency]
    user = request.labels.end_user
    exchange.input_bound = bound
    demand = Demand(
        lease_ms=runtime.accounts.lease_ms,
        end_user=user,
        tier=tier,
        input_tokens=bound,
        output_wanted=wanted,
        output_least=least,
        choices=choices,
        input_nanousd=input_nanousd,
        output_pico=output_pico,
        counters=lines,
        rings=[
            RingLine(_hash(subject), f"ring|{subject}", pace.requests_per_minute or 0, pace.tokens_per_minute or 0)
            for _, subject, pace in rings
        ],
        slots=[SlotLine(_hash(subject), f"slot|{subject}", amount) for _, subject, amount in slots],
        fingerprint=exchange.fingerprint,
        user_seconds=_user_seconds(counters, now) if user else 0,
    )
    return Terms(demand, counters, rings, [(who, amount) for who, _, amount in slots])


def _hash(subject: str) -> int:
    return USER_HASH if subject.startswith(limits.END_USER) else TENANT_HASH


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


def _check_input(exchange: Exchange, bound: int) -> None:
    most = exchange.snapshot.limits.max_input_tokens
    if most is not None and bound > most:
        raise InvalidRequest(
            f"The input may have {bound} tokens by a conservative count; the plan allows {most} in one request. Shorten it.",
            code="input_too_long",
            source="plan:max_input_tokens",
        )


def _prices(price: Price, bound: int, marks_cache: bool) -> tuple[int, int]:
    """The input's highest cost in nano-dollars, and the highest output rate in pico-dollars per token, of any tier that may apply."""
    tiers = [price.base, *(rates for threshold, rates in price.tiers if bound > threshold)]
    rate = output = 0
    for rates in tiers:
        rate = max(rate, rates.input, rates.cache_read)
        if marks_cache:
            rate = max(rate, rates.cache_write_5m, rates.cache_write_1h)
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


def _counters(
    exchange: Exchange, request: Request, plan: Plan, model: Model, tier: str, now: float
) -> tuple[list[Counter], list[CounterLine]]:
    snapshot, labels = exchange.snapshot, request.labels
    counters: list[Counter] = []
    lines: list[CounterLine] = []
    subjects: dict[str, tuple[str, ...]] = {
        limits.TENANT: ("",),
        limits.KEY: (str(exchange.key.id),),
        limits.END_USER: (labels.end_user,) if labels.end_user else (),
        limits.TIER: (tier,) if labels.end_user else (),
        limits.TASK: (plan.task,) if plan.task else (),
        limits.MODEL: (model.name,),
        limits.TAG: labels.tags,
    }
    applying = [*snapshot.limits.limits, *exchange.key.limits]
    if labels.end_user and snapshot.limits.tiers:
        own = snapshot.limits.tiers.get(tier)
        if own is not None and own.limits:
            applying += own.limits
        else:
            applying += _only_counted(snapshot.limits.tiers)
    for limit in applying:
        for subject in subjects[limit.dimension]:
            if limit.subject and limit.subject != subject:
                continue
            window = snapshot.clock.window(limit.window, now)
            amount = limit.amount_at(now) if limit.amount >= 0 else UNLIMITED
            counter = Counter(limit, subject, window, amount)
            counters.append(counter)
            lines.append(
                CounterLine(
                    hash=USER_HASH if limit.dimension == limits.END_USER else TENANT_HASH,
                    field=counter.field,
                    metric=METRICS[limit.metric],
                    amount=amount,
                    window_start_ms=window.start * 1000,
                    counted_from_ms=int(limit.counted_from * 1000),
                    mark=_mark(limit, amount, is_cheaper=exchange.cheaper is not None),
                )
            )
    return counters, lines


def _only_counted(tiers: dict[str, Any]) -> list[Limit]:
    """What other tiers limit is counted for everyone: an end user may be moved to one of them today."""
    for tier in tiers.values():
        if tier.limits:
            limit: Limit = tier.limits[0]
            return [
                Limit("", "", limit.dimension, limit.metric, limit.window, UNLIMITED, counted_from=limit.counted_from)
            ]
    return []


def _mark(limit: Limit, amount: int, *, is_cheaper: bool) -> int:
    """From which usage on the plan has to change; 0 if it has already, or need not."""
    share = limit.cached_only_at if is_cheaper or limit.cheaper_at is None else limit.cheaper_at
    return max(1, -(-amount * share // 100)) if share is not None and amount > 0 else 0


def _paces(exchange: Exchange, request: Request, tier: str) -> list[tuple[str, str, Pace]]:
    """(who, as messages say it; which ring; limits), of everybody who has any."""
    found = []
    key, snapshot = exchange.key, exchange.snapshot
    if key.pace:
        found.append(("this key", f"{limits.KEY}|{key.id}", key.pace))
    if request.labels.end_user and snapshot.limits.tiers:
        own = snapshot.limits.tiers.get(tier)
        if own is not None and own.pace:
            found.append((f"each end user of tier {tier}", f"{limits.END_USER}|", own.pace))
    if snapshot.limits.pace:
        found.append(("the tenant", f"{limits.TENANT}|", snapshot.limits.pace))
    return found


def _user_seconds(counters: list[Counter], now: float) -> int:
    """How long the end user's counters are kept, seconds; 0: for good."""
    ends = [counter.window.end for counter in counters if counter.limit.dimension == limits.END_USER]
    if None in ends:
        return 0
    return int(max([end - now for end in ends if end is not None], default=0)) + DAY_SECONDS + RING_SECONDS
