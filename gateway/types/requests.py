"""A request as it was validated, and what became of its context."""

from __future__ import annotations

import msgspec

from gateway.types.wire import Endpoint


class Labels(msgspec.Struct, frozen=True, gc=False):
    """Who and what a request is for, as its caller says."""

    end_user: str = ""
    feature: str = ""
    tags: tuple[str, ...] = ()


class Request(msgspec.Struct, frozen=True, gc=False):
    """A validated request. `raw` is the body's top level with every value as the bytes that came, so that what Tollgate does not
    know passes through untouched; `body` is the part of it that Tollgate reads."""

    endpoint: Endpoint
    model_asked: str
    is_stream: bool
    needs: frozenset[str]
    labels: Labels
    raw: dict[str, msgspec.Raw]
    body: msgspec.Struct
    content: bytes
    headers: dict[str, str]


class ContextChange(msgspec.Struct, frozen=True, gc=False):
    """What became of a request's context. Tokens are estimates; `kept` and `dropped` count the caller's messages, `relevant` the older
    exchanges that were brought back. `summary`: hit, older, miss, too_long, unavailable, or empty where none was asked for."""

    tokens_before: int
    tokens_after: int
    kept: int
    dropped: int
    relevant: int = 0
    summary: str = ""
