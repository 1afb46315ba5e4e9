"""The parts of request bodies that Tollgate reads. Everything else is checked by the provider and passes through untouched."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

Model = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]  # far more than any model makes, and safe to reckon with


class Part(msgspec.Struct):
    """A part of a message's content. `type` as in either format: text, image_url, image, tool_result, ... `content` is what a tool's
    result has, as it came."""

    type: str
    text: str | None = None
    content: msgspec.Raw = msgspec.Raw()


class Message(msgspec.Struct):
    role: str
    content: str | list[Part] | None = None


class ResponseFormat(msgspec.Struct):
    type: str


class OutputConfig(msgspec.Struct):
    format: ResponseFormat | None = None


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class Thinking(msgspec.Struct):
    type: str = ""
    budget_tokens: int | None = None


class ChatBody(msgspec.Struct):
    """POST /v1/chat/completions."""

    model: Model
    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    n: Count | None = None
    tools: list[dict[str, Any]] | None = None
    functions: list[dict[str, Any]] | None = None  # tools, as they were called before
    response_format: ResponseFormat | None = None
    user: str | None = None
    safety_identifier: str | None = None
    metadata: dict[str, Any] | None = None


class MessagesBody(msgspec.Struct):
    """POST /v1/messages."""

    model: Model
    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    max_tokens: Count
    system: str | list[Part] | None = None
    stream: bool | None = None
    thinking: Thinking | None = None
    tools: list[dict[str, Any]] | None = None
    output_config: OutputConfig | None = None
    output_format: ResponseFormat | None = None  # what `output_config.format` was called before
    metadata: dict[str, Any] | None = None


class CountTokensBody(msgspec.Struct):
    """POST /v1/messages/count_tokens."""

    model: Model
    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    system: str | list[Part] | None = None
    tools: list[dict[str, Any]] | None = None
    metadata: dict[str, Any] | None = None


class EmbeddingsBody(msgspec.Struct):
    """POST /v1/embeddings."""

    model: Model
    input: str | list[str | int | list[int]]
    encoding_format: str | None = None
    dimensions: Count | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
