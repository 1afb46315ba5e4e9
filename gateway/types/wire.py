"""What is spoken over the wire, with callers and with providers: whose format, what is asked for, what an answer used."""

from __future__ import annotations

import enum

import msgspec


class Surface(enum.Enum):
    """Whose wire format the caller speaks."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"


class Endpoint(enum.Enum):
    """What is asked for, as it stands in the request log."""

    CHAT = "chat.completions"
    MESSAGES = "messages"
    EMBEDDINGS = "embeddings"
    COUNT_TOKENS = "messages.count_tokens"

    __hash__ = object.__hash__  # there is one of each; Enum's own is in Python

    # Plain attributes, as is what each request asks for; Enum's `value` is looked up in Python each time.
    logged: str  # its value
    surface: Surface
    scope: str  # what a key needs to ask for it

    def __init__(self, logged: str) -> None:
        self.logged = logged
        self.surface = Surface.ANTHROPIC if logged.startswith("messages") else Surface.OPENAI
        self.scope = "embeddings" if logged == "embeddings" else "chat"


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens of one attempt, counted one way for every provider.

    `input_tokens` is all input; `cache_read_tokens` and the `cache_write_*_tokens` are parts of it. `reasoning_tokens` is a
    part of `output_tokens`.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0


class WireRequest(msgspec.Struct, frozen=True, gc=False):
    """What goes to a provider over HTTP."""

    url: str
    headers: dict[str, str]
    body: bytes


class ProviderAnswer(msgspec.Struct, frozen=True, gc=False):
    """A provider's whole answer, in the caller's format. `usage` None: the provider reported none."""

    body: bytes
    usage: Usage | None
    finish_reason: str
