"""Calls the providers of a plan. For now the first attempt decides; retries, breakers and the fallback chain walk the rest.

An answer comes whole or, for a stream, as soon as its first bytes are there, so that a provider's refusal still has its own status.
"""

from __future__ import annotations

from types import ModuleType

import msgspec

from gateway import tokens
from gateway.errors import UpstreamError
from gateway.pipeline.exchange import Exchange
from gateway.providers import anthropic, openai
from gateway.providers.transport import ByteStream, Transport
from gateway.types import Attempt, Endpoint, Plan, ProviderAnswer, Request, Surface, Usage, WireRequest

_PROVIDERS: dict[str, ModuleType] = {"anthropic": anthropic, "openai": openai, "openai-compatible": openai}


def provider_module(kind: str) -> ModuleType:
    """The module that speaks to providers of that kind."""
    return _PROVIDERS[kind]


async def ask(exchange: Exchange, request: Request, plan: Plan, transport: Transport) -> ProviderAnswer:
    """The whole answer of the plan's model. Raises `UpstreamError`, or `InvalidRequest` for what cannot be translated."""
    if request.endpoint is Endpoint.COUNT_TOKENS and plan.attempts[0].model.provider.surface is Surface.OPENAI:
        return _counted_here(exchange, request, plan)
    attempt, module, wire = _begin(exchange, request, plan)
    content = await transport.whole(attempt.model.provider, wire)
    exchange.saw_first_token()
    exchange.lap("provider")
    try:
        answer: ProviderAnswer = module.read_answer(request, attempt.model, content)
    except UpstreamError as error:
        # The provider has answered, so it will charge for it, legible or not.
        error.usage = Usage(input_tokens=exchange.input_bound, output_tokens=tokens.estimate(len(content)))
        raise
    exchange.lap("process")
    return answer


async def open_stream(exchange: Exchange, request: Request, plan: Plan, transport: Transport) -> ByteStream:
    """The plan's model's stream, begun. Raises as `ask`."""
    attempt, _, wire = _begin(exchange, request, plan)
    stream = await transport.stream(attempt.model.provider, wire)
    exchange.lap("first_byte")
    return stream


def _counted_here(exchange: Exchange, request: Request, plan: Plan) -> ProviderAnswer:
    """A token count for a model whose provider offers none: Tollgate's own estimate, and marked as one."""
    exchange.attempt = plan.attempts[0]
    count = {"input_tokens": tokens.of_request(request.body), "is_estimate": True}
    return ProviderAnswer(body=msgspec.json.encode(count), usage=Usage(), finish_reason="")


def _begin(exchange: Exchange, request: Request, plan: Plan) -> tuple[Attempt, ModuleType, WireRequest]:
    attempt = plan.attempts[0]
    exchange.attempt = attempt
    module = _PROVIDERS[attempt.model.provider.kind]
    wire: WireRequest = module.prepare(request, attempt.model, exchange.output_cap)
    exchange.attempts_made += 1
    exchange.lap("prepare")
    return attempt, module, wire
