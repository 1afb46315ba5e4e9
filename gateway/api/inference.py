"""The endpoints that call a model: chat completions, messages, embeddings."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import quote

from drf_spectacular.utils import extend_schema_view

from gateway import runtime
from gateway.api import rendering, schemas
from gateway.api.base import GatewayView
from gateway.api.lean import LeanResponse, WholeResponse
from gateway.errors import GatewayError
from gateway.pipeline import run as pipeline
from gateway.pipeline.exchange import STALE, Exchange
from gateway.pipeline.response_processor import AnswerStream
from gateway.pipeline.run import Answer, Repeat
from gateway.quality import feedback_tokens
from gateway.types import Endpoint, Snapshot, Surface


class EventStreamResponse(LeanResponse):
    """A stream of server-sent events. Whoever sends it awaits `answer.close()` at its end, whichever way it ends."""

    def __init__(self, answer: AnswerStream, surface: Surface) -> None:
        super().__init__("text/event-stream; charset=utf-8")
        self.answer = answer
        self.surface = surface
        self.headers["cache-control"] = "no-cache"
        self.headers["x-accel-buffering"] = "no"

    async def events(self) -> Any:
        """The answer's chunks; where it breaks off, an error event in the surface's own format ends it."""
        try:
            async for chunk in self.answer.chunks():
                yield chunk
        except GatewayError as error:
            yield rendering.error_event(error, self.surface, self.answer.exchange.public_id)


class InferenceView(GatewayView):
    endpoint: Endpoint

    async def post(self, snapshot: Snapshot, digest: str) -> LeanResponse:
        exchange = Exchange(
            request_id=self.request_id,
            endpoint=self.endpoint,
            snapshot=snapshot,
            secret_sha256=digest,
            started_ns=self.started_ns,
        )
        exchange.lap("authenticate")
        response: LeanResponse
        try:
            answer = await pipeline.begin(exchange, self.request.body, self.headers, runtime.current())
        except GatewayError as error:
            response = rendering.error_response(error, self.surface, exchange.public_id)
            response.headers["x-tollgate-cost-usd"] = rendering.dollars(exchange.cost_nanousd)
            _describe(response, exchange, self.surface)
            return response
        settled = None if isinstance(answer, AnswerStream) else answer.settled
        try:
            response = self._render(answer, exchange)
        except BaseException:
            if settled is not None:
                await settled
            raise
        response.settled = settled
        return response

    def _render(self, answer: Answer | AnswerStream | Repeat, exchange: Exchange) -> LeanResponse:
        response = self._response(answer, exchange)
        if self.headers.get("x-tollgate-feedback") == "token":
            labels = exchange.request.labels if exchange.request is not None else None
            response.headers["x-tollgate-feedback-token"] = feedback_tokens.issue(
                exchange.snapshot.tenant_id, self.request_id, labels.end_user if labels else ""
            )
        _describe(response, exchange, self.surface)
        return response

    def _response(self, answer: Answer | AnswerStream | Repeat, exchange: Exchange) -> LeanResponse:
        if isinstance(answer, AnswerStream):
            return EventStreamResponse(answer, self.surface)
        if isinstance(answer, Repeat):
            return _repeated(answer, exchange)
        response = WholeResponse(answer.body)
        if answer.cost_nanousd is not None:
            response.headers["x-tollgate-cost-usd"] = rendering.dollars(answer.cost_nanousd)
        return response


def _repeated(answer: Repeat, exchange: Exchange) -> WholeResponse:
    """An answer given before; of a stream, all of it at once."""
    content_type = "text/event-stream; charset=utf-8" if answer.is_stream else "application/json"
    response = WholeResponse(answer.body, content_type)
    headers = response.headers
    if answer.is_stream:
        headers["cache-control"] = "no-cache"
    headers["x-tollgate-cost-usd"] = rendering.dollars(exchange.cost_nanousd)
    headers["x-tollgate-provider"] = answer.provider
    headers["x-tollgate-model"] = answer.model
    cached = exchange.cached
    if cached is None:
        headers["idempotent-replayed"] = "true"
        return response
    headers["age"] = str(cached.age_ms // 1000)
    if cached.saved_nanousd is not None:
        headers["x-tollgate-cache-saved-usd"] = rendering.dollars(cached.saved_nanousd)
    if cached.similarity is not None:
        headers["x-tollgate-similarity"] = f"{cached.similarity:.3f}"
    if cached.status == STALE:
        headers["x-tollgate-degraded-by"] = "no model could answer"
    return response


@lru_cache(maxsize=1024)
def _quoted(text: str) -> str:
    """Fit for a header's value, and readable; mostly one of a few texts."""
    return quote(text, safe=" ,;:=()'$")


def _describe(response: LeanResponse, exchange: Exchange, surface: Surface) -> None:
    """Who answered, whether from a cache, whether the output was capped, and what is left of the limits per minute."""
    headers = response.headers
    answered_by = exchange.settled_for or exchange.attempt
    if answered_by is not None and exchange.cached is None:
        headers["x-tollgate-provider"] = answered_by.model.provider.name
        headers["x-tollgate-model"] = answered_by.model.name
    if exchange.cache and (answered_by or exchange.cached or exchange.control.only_if_cached):
        headers["x-tollgate-cache"] = exchange.cache
        if exchange.cache_reason:
            headers["x-tollgate-cache-reason"] = _quoted(exchange.cache_reason)
    if exchange.attempts_made:
        headers["x-tollgate-attempts"] = str(exchange.attempts_made)
    if (exchange.ended or exchange.skipped) and (passed := _passed_over(exchange)):
        headers["x-tollgate-fallback-from"] = _quoted(passed)
    if exchange.cascade:
        headers["x-tollgate-cascade"] = exchange.cascade
    if exchange.output_cap is not None:
        headers["x-tollgate-max-tokens"] = str(exchange.output_cap)
        if exchange.lowered_by:
            headers["x-tollgate-max-tokens-lowered-by"] = _quoted(exchange.lowered_by)
    if exchange.cheaper is not None:
        headers["x-tollgate-degraded-by"] = _quoted(exchange.cheaper.budget)
    if exchange.context is not None:
        headers["x-tollgate-context"] = rendering.context(exchange.context)
    if exchange.prefix_cache.read_tokens or exchange.prefix_cache.written_tokens:
        headers["x-tollgate-prefix-cache"] = rendering.prefix_cache(exchange.prefix_cache)
    if exchange.pace is not None:
        rendering.put_rate_limits(headers, exchange.pace, surface)


def _passed_over(exchange: Exchange) -> str:
    """The models that did not answer, and why: "gpt-4o: upstream_timeout"."""
    answered_by = exchange.settled_for or exchange.attempt
    served = answered_by.model.name if answered_by and exchange.cached is None else ""
    failed = [(item.attempt.model.name, item.error.code) for item in exchange.ended if item.error is not None]
    return ", ".join(
        f"{model}: {reason}" for model, reason in dict([*exchange.skipped, *failed]).items() if model != served
    )


@extend_schema_view(post=schemas.chat_completions)
class ChatCompletionsView(InferenceView):
    """A model's answer to a conversation, in OpenAI's format."""

    endpoint = Endpoint.CHAT
    scope = endpoint.scope


@extend_schema_view(post=schemas.messages)
class MessagesView(InferenceView):
    """A model's answer to a conversation, in Anthropic's format."""

    endpoint = Endpoint.MESSAGES
    scope = endpoint.scope


@extend_schema_view(post=schemas.embeddings)
class EmbeddingsView(InferenceView):
    """Vectors for texts, in OpenAI's format."""

    endpoint = Endpoint.EMBEDDINGS
    scope = endpoint.scope


@extend_schema_view(post=schemas.count_tokens)
class CountTokensView(InferenceView):
    """How many input tokens a conversation has, in Anthropic's format."""

    endpoint = Endpoint.COUNT_TOKENS
    scope = endpoint.scope
