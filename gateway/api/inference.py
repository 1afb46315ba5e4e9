"""The endpoints that call a model: chat completions, messages, embeddings."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema_view

from gateway import runtime
from gateway.api import rendering, schemas
from gateway.api.base import GatewayView
from gateway.errors import GatewayError
from gateway.pipeline import run as pipeline
from gateway.pipeline.exchange import Exchange
from gateway.pipeline.response_processor import AnswerStream
from gateway.pipeline.run import Answer
from gateway.types import Endpoint, Snapshot, Surface


class EventStreamResponse(StreamingHttpResponse):
    """A stream of server-sent events. Whoever sends it awaits `answer.close()` at its end, whichever way it ends."""

    def __init__(self, answer: AnswerStream, surface: Surface) -> None:
        self.answer = answer
        self.surface = surface
        super().__init__(self.events(), content_type="text/event-stream; charset=utf-8")
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

    async def post(self, snapshot: Snapshot, digest: str) -> HttpResponseBase:
        exchange = Exchange(
            request_id=self.request_id,
            endpoint=self.endpoint,
            snapshot=snapshot,
            secret_sha256=digest,
            started_ns=self.started_ns,
        )
        exchange.lap("authenticate")
        response: HttpResponseBase
        try:
            answer = await pipeline.run(exchange, self.request._request.body, self.headers, runtime.current())
        except GatewayError as error:
            response = rendering.error_response(error, self.surface, exchange.public_id)
            response.headers["x-tollgate-cost-usd"] = rendering.dollars(0)
        else:
            response = self._render(answer)
        _describe(response, exchange)
        return response

    def _render(self, answer: Answer | AnswerStream) -> HttpResponseBase:
        if isinstance(answer, AnswerStream):
            return EventStreamResponse(answer, self.surface)
        response = HttpResponse(answer.body, content_type="application/json")
        if answer.cost_nanousd is not None:
            response.headers["x-tollgate-cost-usd"] = rendering.dollars(answer.cost_nanousd)
        return response


def _describe(response: HttpResponseBase, exchange: Exchange) -> None:
    """Who answered, whether from a cache, and what the key has left."""
    headers = response.headers
    if exchange.attempt is not None:
        headers["x-tollgate-provider"] = exchange.attempt.model.provider.name
        headers["x-tollgate-model"] = exchange.attempt.model.name
        headers["x-tollgate-cache"] = "bypass"
    if exchange.rate_remaining >= 0:
        headers["x-ratelimit-limit-requests"] = str(exchange.key.requests_per_minute)
        headers["x-ratelimit-remaining-requests"] = str(exchange.rate_remaining)


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
