"""The end of every request: release what was held, charge what was used, and record it. One atomic step, run once.

Whichever way a request ends (answered, refused, the provider failing, the client leaving mid-stream, this process being told to stop),
exactly one of these calls ends it. Where Redis is away the settlement waits in the spool.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

import msgspec

from billing import prices
from gateway import tokens
from gateway.errors import GatewayError, NotCached, StoreUnavailable, UpstreamError
from gateway.pipeline import cache_keeping, content_keeping, kept_answers, observability, record
from gateway.pipeline.exchange import NOTHING_CACHED, Ending, Exchange, PrefixCached
from gateway.providers.relay import Relay
from gateway.stores import counters, usage_record
from gateway.stores.accounts import Accounts
from gateway.stores.counters import Settlement
from gateway.stores.usage_record import ESTIMATED, NONE, REPORTED
from gateway.types import Attempt, Endpoint, Plan, Usage

logger = logging.getLogger(__name__)
_NOTHING = Usage()

CLIENT_CLOSED_REQUEST = 499  # nginx's status for a client that left; no such status is ever sent
OK, REFUSED, UPSTREAM_ERROR, CLIENT_LEFT, CUT, INTERNAL_ERROR = (
    "ok",
    "refused",
    "upstream_error",
    "client_left",
    "cut",
    "internal_error",
)
REPEATED = "repeat"  # in the log's column for caches: answered from what an idempotency key kept


class Settling(NamedTuple):
    """A settlement that has been begun. `done` is to be awaited once, whatever happens meanwhile: where `is_sent`, when the caller has the
    answer, and else before. `cost_nanousd` None: the model has no price."""

    cost_nanousd: int | None
    done: Awaitable[None]
    is_sent: bool


def start_answer(
    exchange: Exchange, accounts: Accounts, *, usage: Usage | None, finish_reason: str, body: bytes
) -> Settling:
    """End an answered request.

    What the provider does not report is estimated: the input as it was held, the output by the answer's size: rather too much.
    """
    source = REPORTED
    if usage is None:
        is_text = exchange.endpoint is not Endpoint.EMBEDDINGS  # vectors are no tokens
        produced = exchange.capped(tokens.estimate(len(body))) if is_text else 0
        usage = Usage(input_tokens=exchange.input_bound, output_tokens=produced)
        source = ESTIMATED
    answer = kept_answers.pack(exchange, body) if exchange.idempotency else b""
    return _start(
        exchange,
        accounts,
        status=200,
        outcome=OK,
        usage=usage,
        source=source,
        finish_reason=finish_reason,
        answer=answer,
        whole=body,
    )


def start_cached(exchange: Exchange, accounts: Accounts) -> Settling:
    """End a request that was answered from a cache: it counts as a request, and used nothing."""
    assert exchange.cached is not None
    answer = kept_answers.pack(exchange, exchange.cached.body) if exchange.idempotency else b""
    return _start(exchange, accounts, status=200, outcome=OK, usage=_NOTHING, source=NONE, answer=answer)


async def settle_error(exchange: Exchange, accounts: Accounts, error: GatewayError) -> None:
    """End a request that got no answer. What its failed call is thought to have used is charged."""
    outcome = (
        UPSTREAM_ERROR
        if isinstance(error, UpstreamError)
        else REFUSED
        if error.status < 500 or isinstance(error, StoreUnavailable | NotCached)
        else INTERNAL_ERROR
    )
    usage: Usage | None = error.usage if isinstance(error, UpstreamError) else None
    await _start(
        exchange,
        accounts,
        status=error.status,
        outcome=outcome,
        usage=usage or _NOTHING,
        source=NONE if usage is None else REPORTED if error.is_reported else ESTIMATED,  # type: ignore[attr-defined]
        error=error,
    ).done


async def settle_replayed(exchange: Exchange, accounts: Accounts, error: GatewayError) -> None:
    """End a request that no model answered and that was given an earlier answer: what its failed calls used is charged."""
    if exchange.attempts_made and (not exchange.ended or exchange.ended[-1].number != exchange.attempts_made):
        usage = error.usage if isinstance(error, UpstreamError) else None
        exchange.end_attempt(error, usage=usage, is_reported=isinstance(error, UpstreamError) and error.is_reported)
    await _start(exchange, accounts, status=200, outcome=OK, usage=_NOTHING, source=NONE, error=error).done


async def settle_repeat(exchange: Exchange, accounts: Accounts) -> None:
    """End a request that was answered from its idempotency key: it used nothing."""
    exchange.idempotency = ""
    await _start(exchange, accounts, status=200, outcome=OK, usage=_NOTHING, source=NONE, cache=REPEATED).done


async def settle_stream(
    exchange: Exchange, accounts: Accounts, relay: Relay, *, outcome: str, error: GatewayError | None = None
) -> int | None:
    """End a stream, whichever way it ended. What the provider has not reported is estimated from what it produced, never as nothing."""
    usage, source = relay.usage, REPORTED
    if not relay.is_complete or usage is None:
        source = ESTIMATED
        produced = max(relay.deltas, tokens.estimate(relay.produced_bytes))  # each delta is at least one token
        if usage is None:
            usage = Usage(input_tokens=exchange.input_bound, output_tokens=produced)
        else:
            usage = msgspec.structs.replace(usage, output_tokens=max(usage.output_tokens, produced))
    answer = b""
    if exchange.idempotency and outcome == OK and exchange.kept is not None:
        answer = kept_answers.pack(exchange, b"".join(exchange.kept))
    is_whole = relay.is_complete and outcome in (OK, CLIENT_LEFT)
    settling = _start(
        exchange,
        accounts,
        status=CLIENT_CLOSED_REQUEST if outcome == CLIENT_LEFT else 200,
        outcome=outcome,
        usage=usage,
        source=source,
        finish_reason=relay.finish_reason,
        error=error,
        answer=answer,
        whole=cache_keeping.assembled(exchange, usage) if is_whole else None,
        failed="" if is_whole else outcome,
    )
    await settling.done
    return settling.cost_nanousd


def _start(
    exchange: Exchange,
    accounts: Accounts,
    *,
    status: int,
    outcome: str,
    usage: Usage,
    source: str,
    finish_reason: str = "",
    cache: str = "",
    error: GatewayError | None = None,
    answer: bytes = b"",
    whole: bytes | None = None,
    failed: str = "",
) -> Settling:
    if exchange.is_settled:
        return Settling(None, _nothing(), is_sent=False)
    exchange.is_settled = True
    if exchange.prefix is not None:
        exchange.prefix.answered(usage)
    if exchange.settled_for is not None:
        usage, source = _NOTHING, NONE  # its call has a record of its own
    cost = _cost(exchange.attempt, usage)
    failed = failed or (error.code if error is not None else "")
    ending = exchange.ending = Ending(whole, failed, usage, finish_reason, cost or 0)
    kept = cache_keeping.keep(exchange, ending)
    line = record.record(
        exchange,
        status=status,
        outcome=outcome,
        usage=usage,
        source=source,
        finish_reason=finish_reason,
        cache=cache,
        error=error,
        cost=cost,
    )
    observability.count(line)
    used = _Used()
    records = []
    for item in exchange.ended:
        item_cost = _cost(item.attempt, item.usage or _NOTHING)
        earlier = record.of_ended(exchange, item, cost=item_cost)
        observability.count(earlier)
        records.append(usage_record.encode(earlier))
        used.add(item.attempt, item.usage or _NOTHING, item_cost or 0, earlier.prefix_saved_nanousd)
        cost = None if cost is None or item_cost is None else cost + item_cost
    records.append(usage_record.encode(line))
    if line.attempt:
        used.add(exchange.attempt, usage, line.cost_nanousd, line.prefix_saved_nanousd)
    exchange.cost_nanousd = used.nanousd
    exchange.prefix_cache = used.prefix_cache
    hold = exchange.hold
    is_from_cache = record.is_from_cache(exchange)
    content = b"" if exchange.snapshot.content is None else content_keeping.packed(exchange, whole)
    done, is_sent = accounts.start_settling(
        Settlement(
            tenant_id=_text(exchange.snapshot.tenant_id),
            end_user=line.end_user,
            idempotency=exchange.idempotency if hold is not None else "",
            request_id=exchange.hex,
            mode="settle",
            requests=1 if exchange.attempts_made or is_from_cache else 0,
            tokens=used.tokens,
            nanousd=used.nanousd,
            epoch=hold.epoch if hold is not None else "",
            demand=exchange.demand if hold is not None else b"",
            answer=answer,
            records=tuple(records),
            by_model=used.by_model(exchange.plan, is_from_cache=is_from_cache),
            digest=kept.digest,
            cache=kept.cache,
            entry=kept.entry,
            content=content,
        ),
        exchange.demanded,
    )
    if exchange.flight is not None or exchange.top_ups:
        done = _with_the_rest(exchange, accounts, done)
    return Settling(cost, done, is_sent)


async def _nothing() -> None:
    """It has been settled before."""


async def _with_the_rest(exchange: Exchange, accounts: Accounts, done: Awaitable[None]) -> None:
    try:
        await done
    finally:
        if exchange.flight is not None:
            exchange.flight.end()
    for top_up in exchange.top_ups:  # the request's own settlement has charged everything
        await accounts.settle(counters.release(top_up))


@lru_cache(maxsize=10_000)
def _text(tenant_id: UUID) -> str:
    return str(tenant_id)


class _Used:
    """What a request's calls have used, in all and by model."""

    def __init__(self) -> None:
        self.tokens = 0
        self.nanousd = 0
        self.prefix_cache = NOTHING_CACHED
        self._models: dict[str, tuple[int, int]] = {}

    def add(self, attempt: Attempt | None, usage: Usage, nanousd: int, saved_nanousd: int) -> None:
        tokens = usage.input_tokens + usage.output_tokens
        written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
        if usage.cache_read_tokens or written or saved_nanousd:
            before = self.prefix_cache
            self.prefix_cache = PrefixCached(
                before.read_tokens + usage.cache_read_tokens,
                before.written_tokens + written,
                before.saved_nanousd + saved_nanousd,
            )
        self.tokens += tokens
        self.nanousd += nanousd
        if attempt is not None:
            so_far = self._models.get(attempt.model.name, (0, 0))
            self._models[attempt.model.name] = so_far[0] + tokens, so_far[1] + nanousd

    def by_model(self, plan: Plan | None, *, is_from_cache: bool) -> bytes:
        """In the plan's order; a model that was called counts one request, however often. Empty: all is the only model's."""
        if plan is None or (len(plan.attempts) == 1 and not is_from_cache):
            return b""
        names = [attempt.model.name for attempt in plan.attempts]
        return counters.encode_by_model(
            [(1, *self._models[name]) if name in self._models else (0, 0, 0) for name in names]
        )


def _cost(attempt: Attempt | None, usage: Usage) -> int | None:
    """Nano-dollars; None if the model has no price, or there is none."""
    price = attempt.model.price if attempt else None
    return prices.cost_nanousd(price, usage) if price is not None else None
