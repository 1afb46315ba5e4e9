"""OpenAI and servers compatible with it: what is sent, and how answers and streams are read.

A caller who speaks OpenAI's format gets its bytes passed through; one who speaks Anthropic's gets them translated.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway import bodies, tokens
from gateway.errors import Unsupported, UpstreamFailed
from gateway.prefix.marks import NONE, Marks
from gateway.providers import cache_marks, failures, metadata
from gateway.providers.relay import Relay
from gateway.providers.sse import Event
from gateway.providers.translate.reasons import REFUSAL
from gateway.providers.translate.usage import ChatUsage
from gateway.providers.translation import translated_answer, translated_relay, translated_request
from gateway.types import Endpoint, Model, Provider, ProviderAnswer, Request, Surface, Usage, WireRequest

_PATHS = {
    Endpoint.CHAT: "/chat/completions",
    Endpoint.MESSAGES: "/chat/completions",
    Endpoint.EMBEDDINGS: "/embeddings",
}
_NULL = msgspec.Raw(b"null")
_WITH_USAGE = msgspec.Raw(b'{"include_usage":true}')


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    tool_calls: msgspec.Raw = msgspec.Raw()


class _Message(msgspec.Struct):
    refusal: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    message: _Message | None = None
    finish_reason: str | None = None
    index: int = 0


class _Answer(msgspec.Struct):
    """A whole answer, or a chunk of a streamed one, as far as it is read here."""

    choices: list[_Choice] | None = None
    usage: ChatUsage | None = None
    error: dict[str, Any] | str | None = None


_answers = msgspec.json.Decoder(_Answer)


def prepare(request: Request, model: Model, output_cap: int | None, marks: Marks = NONE) -> WireRequest:
    """The call to make, with those marks and that output cap (None: the endpoint has no output). Raises `InvalidRequest` for what
    cannot be said in OpenAI's format."""
    provider = model.provider
    path = _PATHS.get(request.endpoint)
    if path is None:
        raise Unsupported(f"{provider.name} cannot {request.endpoint.value}.", param="model")
    if request.endpoint.surface is Surface.OPENAI:
        body = _own_body(request, model, output_cap, marks)
    else:
        assert output_cap is not None
        body = translated_request(request, model, output_cap, marks)
    return WireRequest(url=provider.base_url + path, headers=_headers(provider, request), body=body)


def _headers(provider: Provider, request: Request) -> dict[str, str]:
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    if provider.credential:
        headers["Authorization"] = f"Bearer {provider.credential.reveal()}"
    if "openai-beta" in request.headers:
        headers["OpenAI-Beta"] = request.headers["openai-beta"]
    return headers


def _own_body(request: Request, model: Model, output_cap: int | None, marks: Marks) -> bytes:
    """The caller's own bytes but for the model's name, the output cap, Tollgate's labels, usage asked for in every stream, and marks."""
    raw = dict(request.raw)
    raw["model"] = msgspec.Raw(msgspec.json.encode(model.upstream_id))
    if output_cap is not None:
        _put_cap(raw, model, output_cap)
    if "metadata" in raw:
        metadata.without_labels(raw, keep=())
    if request.is_stream:
        raw["stream_options"] = _stream_options(raw.get("stream_options"))
    if marks is not NONE:
        cache_marks.into_raw(raw, request, marks)
    return msgspec.json.encode(raw)


def _put_cap(raw: dict[str, msgspec.Raw], model: Model, output_cap: int) -> None:
    """In the field that the caller used; else in OpenAI's newer one, or in the older one that compatible servers know."""
    cap = msgspec.Raw(b"%d" % output_cap)
    named = [name for name in ("max_completion_tokens", "max_tokens") if raw.get(name, _NULL) != _NULL]
    for name in named or ["max_completion_tokens" if model.provider.kind == "openai" else "max_tokens"]:
        raw[name] = cap


def _stream_options(asked: msgspec.Raw | None) -> msgspec.Raw:
    options = msgspec.json.decode(asked) if asked is not None else None
    if not options:
        return _WITH_USAGE
    return msgspec.Raw(msgspec.json.encode({**options, "include_usage": True}))


def read_answer(request: Request, model: Model, content: bytes) -> ProviderAnswer:
    """A whole answer in the caller's format. Raises `UpstreamFailed` if it cannot be read."""
    try:
        answer = _answers.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamFailed(f"{model.provider.name} sent an answer that cannot be read.") from error
    if answer.error is not None and not answer.choices:
        raise _reported(model.provider, answer.error)
    finish_reason = _finish_reason(answer.choices[0]) if answer.choices else ""
    body = content if request.endpoint.surface is Surface.OPENAI else translated_answer(request, model, content)
    return ProviderAnswer(
        body=body, usage=answer.usage.counted() if answer.usage else None, finish_reason=finish_reason
    )


def _finish_reason(choice: _Choice) -> str:
    refuses = choice.message is not None and choice.message.refusal
    return REFUSAL if refuses else choice.finish_reason or ""


def relay(request: Request, model: Model) -> Relay:
    """What turns this provider's stream into the caller's."""
    if request.endpoint.surface is Surface.OPENAI:
        options = request.body.stream_options if isinstance(request.body, bodies.ChatBody) else None
        return _PassThrough(model.provider, wants_usage=bool(options and options.include_usage))
    return translated_relay(request, model)


class _PassThrough:
    """OpenAI's stream to an OpenAI caller: its bytes, less the usage chunk that only Tollgate asked for."""

    __slots__ = (
        "_lacks_done", "_provider", "_unfinished", "_wants_usage", "deltas", "finish_reason", "is_complete", "produced_bytes", "usage",
    )  # fmt: skip

    def __init__(self, provider: Provider, *, wants_usage: bool) -> None:
        self._provider = provider
        self._wants_usage = wants_usage
        self._unfinished: set[int] = set()  # choices that have begun and not ended
        self._lacks_done = False
        self.usage: Usage | None = None
        self.finish_reason = ""
        self.produced_bytes = 0
        self.deltas = 0
        self.is_complete = False

    def feed(self, event: Event) -> bytes:
        data = event.data
        if not data:
            return event.raw
        if data == b"[DONE]":
            self.is_complete = True
            return event.raw
        try:
            chunk = _answers.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UpstreamFailed(f"{self._provider.name} sent a stream that cannot be read.") from error
        if chunk.error is not None:
            raise _reported(self._provider, chunk.error)
        if chunk.usage is not None:
            self.usage = chunk.usage.counted()
            if not chunk.choices and not self._wants_usage:
                return b""
        for choice in chunk.choices or ():
            if choice.delta is not None:
                self._count(choice.delta)
                if choice.delta.refusal:
                    self.finish_reason = REFUSAL
            if choice.finish_reason:
                self._unfinished.discard(choice.index)
                self.finish_reason = REFUSAL if self.finish_reason == REFUSAL else choice.finish_reason
            else:
                self._unfinished.add(choice.index)
        return event.raw

    def _count(self, delta: _Delta) -> None:
        size = tokens.written(delta.content or delta.reasoning_content or delta.refusal or "")
        size += len(bytes(delta.tool_calls))
        if size:
            self.produced_bytes += size
            self.deltas += 1

    def end(self) -> None:
        """Some servers send no [DONE]: what they said of each choice tells that it was all."""
        if not self.is_complete and self.finish_reason and not self._unfinished:
            self.is_complete = self._lacks_done = True

    def finish(self) -> bytes:
        return b"data: [DONE]\n\n" if self._lacks_done else b""


def _reported(provider: Provider, error: dict[str, Any] | str) -> Exception:
    if isinstance(error, str):
        return failures.from_event(provider, "", error)
    code = error.get("code")
    return failures.from_event(
        provider, str(error.get("type") or ""), str(error.get("message") or ""), code if isinstance(code, str) else None
    )
