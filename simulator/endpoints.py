"""The provider endpoints: each authenticates, reads the request, settles the behaviour and hands an answer to delivery."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator
from typing import Any, Protocol

import msgspec

from simulator import (
    answers,
    chat_format,
    chat_requests,
    delivery,
    embeddings,
    faults,
    messages_format,
    messages_requests,
)
from simulator import model_catalogue as catalogue
from simulator.answers import Answer
from simulator.ask import Ask
from simulator.behaviour import Behaviour
from simulator.errors import ProviderError
from simulator.exchange import Exchange
from simulator.stream_delivery import Stream
from simulator.stream_event import StreamEvent
from simulator.usage import Usage

DEFAULT_CONTEXT_WINDOW = 1_000_000
MAXIMUM_PAGE = 1000


class Format(Protocol):
    """A provider's way to render an answer: the modules `chat_format` and `messages_format`."""

    def render(self, ask: Ask, answer: Answer, *, identity: str, omits_usage: bool) -> bytes: ...

    def events(
        self, ask: Ask, answer: Answer, *, identity: str, omits_usage: bool, tokens_per_chunk: int
    ) -> Iterator[StreamEvent]: ...


async def chat_completions(exchange: Exchange, raw: bytes) -> None:
    exchange.authenticate()
    body = exchange.decode(raw)
    ask = chat_requests.parse(body)
    behaviour = exchange.behave(ask.model)
    if behaviour.strict:
        chat_requests.parse(body, is_strict=True)
    await _generate(exchange, ask, behaviour, chat_format)


async def messages(exchange: Exchange, raw: bytes) -> None:
    exchange.authenticate()
    body = exchange.decode(raw)
    ask = messages_requests.parse(body)
    behaviour = exchange.behave(ask.model)
    if behaviour.strict:
        messages_requests.parse(body, is_strict=True)
    await _generate(exchange, ask, behaviour, messages_format)


async def _generate(exchange: Exchange, ask: Ask, behaviour: Behaviour, format_: Format) -> None:
    window = behaviour.context_window or DEFAULT_CONTEXT_WINDOW
    if ask.input_tokens > window:
        raise faults.too_long(exchange.surface, prompt_tokens=ask.input_tokens, window=window)
    if (
        exchange.is_fault_due
        and behaviour.fault not in faults.WIRE_FAULTS
        and not (ask.is_streamed and behaviour.fault == "error_event")
    ):
        await delivery.is_over_before_the_answer(exchange, behaviour, is_streamed=ask.is_streamed)
        return
    omits_usage = behaviour.omit_usage is True
    counted = exchange.simulator.prefixes.usage_of(
        ask, api_key=exchange.api_key, minimum=behaviour.cache_minimum_tokens
    )
    answer = answers.compose(ask, behaviour, answers.prompt_usage(counted, behaviour))
    if not ask.is_streamed:
        await delivery.send_whole(
            exchange,
            behaviour,
            lambda: format_.render(ask, answer, identity=exchange.identity, omits_usage=omits_usage),
            answer.usage,
        )
        return
    is_over = (behaviour.latency_ms or exchange.is_fault_due) and await delivery.is_over_before_the_answer(
        exchange, behaviour, is_streamed=True
    )
    if not is_over:
        per_chunk = behaviour.tokens_per_chunk or 1
        events = format_.events(
            ask, answer, identity=exchange.identity, omits_usage=omits_usage, tokens_per_chunk=per_chunk
        )
        await Stream(exchange, behaviour, answer.usage).send(events)


async def count_tokens(exchange: Exchange, raw: bytes) -> None:
    exchange.authenticate()
    ask = messages_requests.parse(exchange.decode(raw), needs_max_tokens=False)
    behaviour = exchange.behave(ask.model)
    counted = ask.input_tokens if behaviour.input_tokens is None else behaviour.input_tokens
    await delivery.send_whole(exchange, behaviour, lambda: msgspec.json.encode({"input_tokens": counted}), None)


async def create_embeddings(exchange: Exchange, raw: bytes) -> None:
    exchange.authenticate()
    body = exchange.decode(raw)
    ask = embeddings.parse(body)
    behaviour = exchange.behave(ask.model)
    if behaviour.strict:
        embeddings.parse(body, is_strict=True)
    size = ask.input_tokens if behaviour.input_tokens is None else behaviour.input_tokens
    omits_usage = behaviour.omit_usage is True
    await delivery.send_whole(
        exchange,
        behaviour,
        lambda: embeddings.render(ask, prompt_tokens=size, omits_usage=omits_usage),
        Usage(input_tokens=size),
    )


async def list_models(exchange: Exchange, raw: bytes) -> None:
    exchange.authenticate()
    behaviour = exchange.behave("")
    if exchange.surface == "openai":
        found = catalogue.openai_list()
    else:
        query = dict(urllib.parse.parse_qsl(exchange.connection.scope["query_string"].decode("latin-1")))
        limit = query.get("limit", str(catalogue.ANTHROPIC_PAGE))
        if not limit.isdigit() or not 1 <= int(limit) <= MAXIMUM_PAGE:
            raise ProviderError(400, f"limit: Input should be between 1 and {MAXIMUM_PAGE}")
        found = catalogue.anthropic_list(limit=int(limit), after=query.get("after_id"), before=query.get("before_id"))
    await delivery.send_whole(exchange, behaviour, lambda: msgspec.json.encode(found), None)


async def show_model(exchange: Exchange, raw: bytes) -> None:
    exchange.authenticate()
    model = exchange.path.removeprefix("/v1/models/")
    exchange.entry.model = model
    behaviour = exchange.behave(model)
    found: dict[str, Any] = (catalogue.openai_model if exchange.surface == "openai" else catalogue.anthropic_model)(
        model
    )
    await delivery.send_whole(exchange, behaviour, lambda: msgspec.json.encode(found), None)
