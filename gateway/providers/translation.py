"""Joins the translation between the two formats to a request: which direction, and errors that name the caller's field."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.errors import InvalidRequest, UpstreamFailed
from gateway.prefix.marks import NONE, Marks
from gateway.providers import cache_marks, failures
from gateway.providers.relay import Relay
from gateway.providers.sse import Event
from gateway.providers.translate import chat_to_messages, messages_to_chat, responses
from gateway.providers.translate.chat_stream import ChatFromMessages
from gateway.providers.translate.messages_stream import MessagesFromChat
from gateway.providers.translate.types import MalformedUpstream, TranslationError, UpstreamStreamError
from gateway.types import Endpoint, Model, Request, Usage


def translated_request(request: Request, model: Model, output_cap: int, marks: Marks = NONE) -> bytes:
    """The body in the provider's format, with that output cap and those marks. Raises `InvalidRequest` naming the field that cannot be
    said there."""
    body: dict[str, Any] = msgspec.json.decode(request.content)
    try:
        if request.endpoint is Endpoint.CHAT:
            for name in ("max_tokens", "max_completion_tokens"):
                if body.get(name):  # what is no number is refused by the translation, with its name
                    body[name] = output_cap
            translated = chat_to_messages.request(body, model=model.upstream_id, default_max_tokens=output_cap)
        else:
            body["max_tokens"] = output_cap
            translated = messages_to_chat.request(
                body,
                model=model.upstream_id,
                max_tokens_field="max_completion_tokens" if model.provider.kind == "openai" else "max_tokens",
            )
    except TranslationError as error:
        raise InvalidRequest(error.message, param=error.param, code="untranslatable") from error
    if marks is not NONE:
        cache_marks.into_body(translated, model.provider.surface, marks)
    return msgspec.json.encode(translated)


def translated_answer(request: Request, model: Model, content: bytes) -> bytes:
    """A whole answer in the caller's format. Raises `UpstreamFailed` if it cannot be read."""
    translate = responses.chat_from_message if request.endpoint is Endpoint.CHAT else responses.message_from_chat
    try:
        return msgspec.json.encode(translate(content, model=request.model_asked))
    except MalformedUpstream as error:
        raise UpstreamFailed(f"{model.provider.name} sent an answer that cannot be read.") from error


def translated_relay(request: Request, model: Model) -> Relay:
    """What turns the provider's stream into the caller's format."""
    if request.endpoint is Endpoint.CHAT:
        options = getattr(request.body, "stream_options", None)
        include_usage = bool(options and options.include_usage)
        return _Translating(model, ChatFromMessages(model=request.model_asked, include_usage=include_usage))
    return _Translating(model, MessagesFromChat(model=request.model_asked))


class _Translating:
    """A translator as a relay: its errors become the gateway's."""

    __slots__ = ("_model", "_stream")

    def __init__(self, model: Model, stream: ChatFromMessages | MessagesFromChat) -> None:
        self._model = model
        self._stream = stream

    @property
    def usage(self) -> Usage | None:
        return self._stream.usage

    @property
    def finish_reason(self) -> str:
        return self._stream.finish_reason

    @property
    def produced_bytes(self) -> int:
        return self._stream.produced_bytes

    @property
    def deltas(self) -> int:
        return self._stream.deltas

    @property
    def is_complete(self) -> bool:
        return self._stream.is_complete

    def feed(self, event: Event) -> bytes:
        if not event.data:
            return b""
        try:
            return self._stream.feed(event.data)
        except MalformedUpstream as error:
            raise UpstreamFailed(f"{self._model.provider.name} sent a stream that cannot be read.") from error
        except UpstreamStreamError as error:
            raise failures.from_event(self._model.provider, error.kind, error.message, error.code) from error

    def end(self) -> None:
        pass

    def finish(self) -> bytes:
        return self._stream.finish()
