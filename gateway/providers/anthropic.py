"""Anthropic: what is sent, and how answers and streams are read.

A caller who speaks Anthropic's format gets its bytes passed through; one who speaks OpenAI's gets them translated.
"""

from __future__ import annotations

import msgspec

from gateway import tokens
from gateway.errors import Unsupported, UpstreamFailed
from gateway.prefix.marks import NONE, Marks
from gateway.providers import cache_marks, failures, metadata
from gateway.providers.relay import Relay
from gateway.providers.sse import Event
from gateway.providers.translate.usage import MessagesUsage
from gateway.providers.translation import translated_answer, translated_relay, translated_request
from gateway.types import Endpoint, Model, Provider, ProviderAnswer, Request, Surface, Usage, WireRequest

_PATHS = {
    Endpoint.MESSAGES: "/v1/messages",
    Endpoint.CHAT: "/v1/messages",
    Endpoint.COUNT_TOKENS: "/v1/messages/count_tokens",
}
# The version current SDKs send no longer takes temperature, top_p and top_k, not even at their defaults, while 2023-06-01 does. So a
# request that sends one of them, or a caller who names no version, gets the older one; the newer one answers everything else.
# https://platform.claude.com/docs/en/api/migration-2026-10-21
OLDER_VERSION, NEWER_VERSION = "2023-06-01", "2026-10-21"
SAMPLING = frozenset({"temperature", "top_p", "top_k"})


class _Error(msgspec.Struct):
    type: str = ""
    message: str = ""


class _Answer(msgspec.Struct):
    stop_reason: str | None = None
    usage: MessagesUsage | None = None
    input_tokens: int | None = None


class _Message(msgspec.Struct):
    usage: MessagesUsage | None = None


class _Delta(msgspec.Struct):
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None


class _Event(msgspec.Struct):
    type: str
    message: _Message | None = None
    delta: _Delta | None = None
    usage: MessagesUsage | None = None
    error: _Error | None = None


_answers = msgspec.json.Decoder(_Answer)
_events = msgspec.json.Decoder(_Event)


def prepare(request: Request, model: Model, output_cap: int | None, marks: Marks = NONE) -> WireRequest:
    """The call to make, with those marks and that output cap (None: the endpoint has no output). Raises `InvalidRequest` for what
    cannot be said in Anthropic's format."""
    provider = model.provider
    path = _PATHS.get(request.endpoint)
    if path is None:
        raise Unsupported(f"{provider.name} has no {request.endpoint.value}.", param="model")
    if request.endpoint.surface is Surface.ANTHROPIC:
        raw = dict(request.raw)
        raw["model"] = msgspec.Raw(msgspec.json.encode(model.upstream_id))
        if output_cap is not None:
            raw["max_tokens"] = msgspec.Raw(b"%d" % output_cap)
        if "metadata" in raw:
            metadata.without_labels(raw, keep=("user_id",))
        if marks is not NONE:
            cache_marks.into_raw(raw, request, marks)
        body = msgspec.json.encode(raw)
    else:
        assert output_cap is not None
        body = translated_request(request, model, output_cap, marks)
    return WireRequest(url=provider.base_url + path, headers=_headers(provider, request), body=body)


def _headers(provider: Provider, request: Request) -> dict[str, str]:
    headers = {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "anthropic-version": _version(request),
    }
    if provider.credential:
        headers["Authorization"] = f"Bearer {provider.credential.reveal()}"
    if "anthropic-beta" in request.headers:
        headers["anthropic-beta"] = request.headers["anthropic-beta"]
    return headers


def _version(request: Request) -> str:
    if request.endpoint.surface is Surface.ANTHROPIC:
        return request.headers.get("anthropic-version", OLDER_VERSION)
    return OLDER_VERSION if SAMPLING & request.raw.keys() else NEWER_VERSION


def read_answer(request: Request, model: Model, content: bytes) -> ProviderAnswer:
    """A whole answer in the caller's format. Raises `UpstreamFailed` if it cannot be read."""
    try:
        answer = _answers.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamFailed(f"{model.provider.name} sent an answer that cannot be read.") from error
    body = content if request.endpoint.surface is Surface.ANTHROPIC else translated_answer(request, model, content)
    if request.endpoint is Endpoint.COUNT_TOKENS:
        return ProviderAnswer(body=content, usage=Usage(), finish_reason="")  # counting is free
    usage = answer.usage.counted() if answer.usage else None
    return ProviderAnswer(body=body, usage=usage, finish_reason=answer.stop_reason or "")


def relay(request: Request, model: Model) -> Relay:
    """What turns this provider's stream into the caller's."""
    if request.endpoint.surface is Surface.ANTHROPIC:
        return _PassThrough(model.provider)
    return translated_relay(request, model)


class _PassThrough:
    """Anthropic's stream to an Anthropic caller: its bytes."""

    __slots__ = ("_counts", "_provider", "deltas", "finish_reason", "is_complete", "produced_bytes", "usage")

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._counts = MessagesUsage()
        self.usage: Usage | None = None
        self.finish_reason = ""
        self.produced_bytes = 0
        self.deltas = 0
        self.is_complete = False

    def feed(self, event: Event) -> bytes:
        if not event.data or event.name == "ping":
            return event.raw
        try:
            parsed = _events.decode(event.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UpstreamFailed(f"{self._provider.name} sent a stream that cannot be read.") from error
        if parsed.type == "content_block_delta":
            delta = parsed.delta
            if delta is not None:
                self.produced_bytes += tokens.written(delta.text or delta.thinking or delta.partial_json or "")
                self.deltas += 1
        elif parsed.type == "message_start":
            if parsed.message is not None and parsed.message.usage is not None:
                self._take(parsed.message.usage)
        elif parsed.type == "message_delta":
            if parsed.usage is not None:
                self._take(parsed.usage)
            if parsed.delta is not None and parsed.delta.stop_reason:
                self.finish_reason = parsed.delta.stop_reason
        elif parsed.type == "message_stop":
            self.is_complete = True
        elif parsed.type == "error":
            error_ = parsed.error or _Error()
            raise failures.from_event(self._provider, error_.type, error_.message)
        return event.raw

    def _take(self, newer: MessagesUsage) -> None:
        self._counts.update(newer)
        self.usage = self._counts.counted()

    def end(self) -> None:
        pass

    def finish(self) -> bytes:
        return b""
