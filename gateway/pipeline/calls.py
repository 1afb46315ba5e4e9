"""One call of one model: the whole answer, or a stream that has begun in earnest. Says nothing of what to do when it fails."""

from __future__ import annotations

import asyncio
import contextlib
import time
from types import ModuleType
from typing import NamedTuple

import msgspec

from gateway import tokens, vocabularies
from gateway.errors import UpstreamError, UpstreamFailed, UpstreamTimedOut
from gateway.pipeline.exchange import Exchange
from gateway.prefix.marks import NONE, Marks
from gateway.providers import anthropic, openai
from gateway.providers.relay import Relay
from gateway.providers.sse import EventTooLarge, Splitter
from gateway.providers.transport import ByteStream, Transport
from gateway.resilience.breakers import FIRST_BYTE, WHOLE, Permit
from gateway.types import Attempt, Endpoint, Plan, ProviderAnswer, Request, Surface, Usage, WireRequest

_PROVIDERS: dict[str, ModuleType] = {"anthropic": anthropic, "openai": openai, "openai-compatible": openai}

# A whole answer's first byte comes when all of it has been made: on top of the time to the first byte it is given time for its tokens, at
# the pace of a slow model, up to a multiple of that time.
SLOW_TOKENS_PER_SECOND = 50
MOST_FIRST_BYTES = 6
# A stream is passed on from its first token, so that what fails before can still go elsewhere; where a model thinks for long, after this.
HOLD_BACK_SECONDS = 1.0
REFUSED = frozenset({"content_filter", "refusal"})  # finish reasons of either provider


class OpenedStream:
    """A provider's stream whose first token has come, and what of it is on the way to the caller already."""

    __slots__ = ("out", "permit", "relay", "splitter", "upstream")

    def __init__(self, upstream: ByteStream, relay: Relay, permit: Permit) -> None:
        self.upstream = upstream
        self.relay = relay
        self.permit = permit
        self.splitter = Splitter()
        self.out: list[bytes] = []

    async def take_in(self) -> bool:
        """Read once; False at the end. Raises `UpstreamError` for what fails or cannot be read. Cancelled, it loses nothing."""
        try:
            chunk = await self.upstream.read()
        except UpstreamError:
            self.relay.end()
            if self.relay.is_complete:  # all of it had come, so how the connection ends does not matter
                return False
            raise
        if not chunk:
            self.relay.end()
            return False
        try:
            self.out.extend(map(self.relay.feed, self.splitter.feed(chunk)))
        except EventTooLarge as error:
            raise UpstreamFailed("The provider sent an event larger than 16 MiB.") from error
        return True


class Ahead(NamedTuple):
    """A call that was made ready while its request was being reserved, and what it was made of."""

    request: Request
    attempt: Attempt
    cap: int | None
    marks: Marks
    wire: WireRequest


def prepare_ahead(exchange: Exchange, request: Request, plan: Plan) -> None:
    """Make the plan's first call ready, as it will be if the request is let in just as it asks to be. Raises nothing: what cannot be made
    ready here cannot be later either."""
    attempt, demand = plan.attempts[0], exchange.demanded
    if demand is None or request.endpoint is Endpoint.COUNT_TOKENS:
        return
    cap, marks = _cap(attempt, demand.output_wanted or None), _marks(exchange, attempt)
    with contextlib.suppress(Exception):
        wire = _PROVIDERS[attempt.model.provider.kind].prepare(request, attempt.model, cap, marks)
        exchange.ahead = Ahead(request, attempt, cap, marks, wire)


async def whole(
    exchange: Exchange, request: Request, plan: Plan, attempt: Attempt, permit: Permit, transport: Transport
) -> ProviderAnswer:
    """The model's whole answer. Raises `UpstreamError`, or `InvalidRequest` for what cannot be said in the provider's format."""
    if request.endpoint is Endpoint.COUNT_TOKENS and attempt.model.provider.surface is Surface.OPENAI:
        return _counted_here(exchange, request, attempt)
    module, wire = _begin(exchange, request, attempt)
    began = time.perf_counter()
    try:
        content = await transport.whole(
            attempt.model.provider, wire, within_seconds=_whole_seconds(plan, _cap(attempt, exchange.output_cap))
        )
    except UpstreamError as error:
        if error.answer_bytes is not None:
            _charge_answer(exchange, error, error.answer_bytes)
        elif isinstance(error, UpstreamTimedOut):
            _charge_input(exchange, error)
        raise
    permit.took(WHOLE, (time.perf_counter() - began) * 1000)
    exchange.saw_first_token()
    exchange.lap("provider")
    try:
        answer: ProviderAnswer = module.read_answer(request, attempt.model, content)
    except UpstreamError as error:
        _charge_answer(exchange, error, len(content))
        raise
    exchange.lap("process")
    return answer


async def open_stream(
    exchange: Exchange, request: Request, plan: Plan, attempt: Attempt, permit: Permit, transport: Transport
) -> OpenedStream:
    """The model's stream, once its first token has come. Raises as `whole`."""
    module, wire = _begin(exchange, request, attempt)
    began = time.perf_counter()
    try:
        upstream = await transport.stream(attempt.model.provider, wire, within_seconds=plan.first_byte_seconds)
    except UpstreamTimedOut as error:
        _charge_input(exchange, error)
        raise
    opened = OpenedStream(upstream, module.relay(request, attempt.model), permit)
    exchange.saw_first_token()
    permit.took(FIRST_BYTE, (time.perf_counter() - began) * 1000)
    exchange.lap("first_byte")
    try:
        await _until_first_token(opened)
    except UpstreamError as error:
        upstream.close()
        relay = opened.relay
        if relay.usage is not None or relay.deltas:
            error.usage = relay.usage or Usage(
                input_tokens=exchange.input_bound,
                output_tokens=max(relay.deltas, tokens.estimate(relay.produced_bytes)),
            )
        raise
    except BaseException:
        upstream.close()
        raise
    return opened


async def read_whole(exchange: Exchange, opened: OpenedStream) -> None:
    """Read a stream to its end before any of it is passed on. Raises `UpstreamError`, with what it is thought to have used."""
    relay = opened.relay
    try:
        while await opened.take_in():
            pass
        if not relay.is_complete:
            raise UpstreamFailed("The provider broke off its answer.", code="upstream_broke_off")
    except UpstreamError as error:
        error.usage = relay.usage or Usage(
            input_tokens=exchange.input_bound, output_tokens=max(relay.deltas, tokens.estimate(relay.produced_bytes))
        )
        raise
    exchange.lap("provider")


async def _until_first_token(opened: OpenedStream) -> None:
    relay = opened.relay
    try:
        async with asyncio.timeout(None) as deadline:
            while await opened.take_in() and not relay.deltas and not relay.is_complete:
                if deadline.when() is None:
                    deadline.reschedule(asyncio.get_running_loop().time() + HOLD_BACK_SECONDS)
    except TimeoutError:
        return
    if not relay.deltas and not relay.is_complete:
        raise UpstreamFailed("The provider broke off its answer.", code="upstream_broke_off")


def _begin(exchange: Exchange, request: Request, attempt: Attempt) -> tuple[ModuleType, WireRequest]:
    module = _PROVIDERS[attempt.model.provider.kind]
    cap, marks, ahead = _cap(attempt, exchange.output_cap), _marks(exchange, attempt), exchange.ahead
    wire: WireRequest
    if (
        ahead is not None
        and ahead.request is request
        and ahead.attempt is attempt
        and ahead.cap == cap
        and ahead.marks == marks
    ):
        wire = ahead.wire
    else:
        wire = module.prepare(request, attempt.model, cap, marks)
    exchange.ahead = None
    exchange.begin_attempt(attempt)
    if exchange.prefix is not None:
        exchange.prefix.sent(attempt.model)
    exchange.lap("prepare")
    return module, wire


def _marks(exchange: Exchange, attempt: Attempt) -> Marks:
    return NONE if exchange.prefix is None else exchange.prefix.marks(attempt.model)


def _cap(attempt: Attempt, cap: int | None) -> int | None:
    """The output cap, as far as this model goes."""
    most = attempt.model.max_output_tokens
    return cap if cap is None or most is None else min(cap, most)


def _whole_seconds(plan: Plan, cap: int | None) -> float | None:
    first = plan.first_byte_seconds
    if first is None:
        return None
    return min(first + (cap or 0) / SLOW_TOKENS_PER_SECOND, first * MOST_FIRST_BYTES)


def _charge_input(exchange: Exchange, error: UpstreamTimedOut) -> None:
    """The provider has the request and may charge for it; more than its input nobody can tell."""
    if error.provider_status is None:
        error.usage = Usage(input_tokens=exchange.input_bound)


def _charge_answer(exchange: Exchange, error: UpstreamError, size: int) -> None:
    """The provider has made an answer, so it will charge for it, whether it came and could be read or not."""
    error.usage = Usage(input_tokens=exchange.input_bound, output_tokens=exchange.capped(tokens.estimate(size)))


def _counted_here(exchange: Exchange, request: Request, attempt: Attempt) -> ProviderAnswer:
    """A token count for a model whose provider offers none: Tollgate's own, marked as an estimate where it is one."""
    exchange.attempt = attempt
    exact = vocabularies.count(attempt.model, request)
    count = {"input_tokens": tokens.of_request(request.body) if exact is None else exact, "is_estimate": exact is None}
    return ProviderAnswer(body=msgspec.json.encode(count), usage=Usage(), finish_reason="")
