"""Errors and headers on the wire: the one place that knows how each surface says what went wrong."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import msgspec

from gateway.api.lean import WholeResponse
from gateway.errors import GatewayError
from gateway.pipeline.exchange import PaceLeft, PrefixCached
from gateway.types import ContextChange, Surface

OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
ANTHROPIC_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
# What the SDKs retry by themselves unless they are told not to.
RETRIED_BY_SDKS = frozenset({408, 409, 429})


def surface_of(path: str, has_anthropic_version: bool) -> Surface:
    """Whose format an address speaks. Some are at one address for both: Anthropic's SDK tells by its version header."""
    if path.startswith("/v1/messages") or (has_anthropic_version and path.startswith(("/v1/models", "/v1/route"))):
        return Surface.ANTHROPIC
    return Surface.OPENAI


def error_response(error: GatewayError, surface: Surface, request_id: str) -> WholeResponse:
    """`error` as the surface's own SDK expects it."""
    response = WholeResponse(error_body(error, surface, request_id), status=error.status)
    put_request_id(response, surface, request_id)
    if error.retry_after_seconds is not None:
        response.headers["retry-after"] = str(max(1, math.ceil(error.retry_after_seconds)))
    if not error.may_retry and (error.status in RETRIED_BY_SDKS or error.status >= 500):
        response.headers["x-should-retry"] = "false"
    if error.status == 401:
        response.headers["www-authenticate"] = "Bearer"
    return response


def context(change: ContextChange) -> str:
    """What became of a request's context, as `x-tollgate-context` says it."""
    words = [f"{change.tokens_before} -> {change.tokens_after}", f"kept={change.kept}", f"dropped={change.dropped}"]
    if change.relevant:
        words.append(f"relevant={change.relevant}")
    if change.summary:
        words.append(f"summary={change.summary}")
    return "; ".join(words)


def ending(cost_nanousd: int | None, found: PrefixCached) -> bytes:
    """What is known at a stream's end only, as SSE comments, which SDKs skip. `cost_nanousd` None: it is not known."""
    said = ""
    if cost_nanousd is not None:
        said += f": x-tollgate-cost-usd {dollars(cost_nanousd)}\n\n"
    if found.read_tokens or found.written_tokens:
        said += f": x-tollgate-prefix-cache {prefix_cache(found)}\n\n"
    return said.encode()


def prefix_cache(found: PrefixCached) -> str:
    """What the provider's cache did for a request, as `x-tollgate-prefix-cache` says it."""
    return f"read={found.read_tokens}, written={found.written_tokens}, saved-usd={dollars(found.saved_nanousd)}"


RESET_SECONDS = 63  # the ring of the last minute, wholly forgotten
RESET_TEXT = f"1m{RESET_SECONDS - 60}s"
_OPENAI_NAMES = {
    metric: tuple([f"x-ratelimit-{what}-{metric}" for what in ("limit", "remaining", "reset")])
    for metric in ("requests", "tokens")
}


def put_rate_limits(headers: Any, pace: PaceLeft, surface: Surface) -> None:
    """The tightest limits per minute, as the surface's own provider says them. Their window slides: a reset is when it will be empty."""
    for metric, limit, left in (
        ("requests", pace.requests_limit, pace.requests_left),
        ("tokens", pace.tokens_limit, pace.tokens_left),
    ):
        if not limit:
            continue
        if surface is Surface.ANTHROPIC:
            resets_at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=RESET_SECONDS)
            headers[f"anthropic-ratelimit-{metric}-limit"] = str(limit)
            headers[f"anthropic-ratelimit-{metric}-remaining"] = str(left)
            headers[f"anthropic-ratelimit-{metric}-reset"] = resets_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        else:
            limited, remaining, reset = _OPENAI_NAMES[metric]
            headers[limited] = str(limit)
            headers[remaining] = str(left)
            headers[reset] = RESET_TEXT


def error_body(error: GatewayError, surface: Surface, request_id: str) -> bytes:
    if surface is Surface.ANTHROPIC:
        told: dict[str, Any] = {"type": _type(error, ANTHROPIC_TYPES, "api_error"), "message": error.message}
        if error.detail is not None:
            told |= {"code": error.code, "detail": error.detail}
        return msgspec.json.encode({"type": "error", "error": told, "request_id": request_id})
    detail: dict[str, Any] = {
        "message": error.message,
        "type": _type(error, OPENAI_TYPES, "server_error"),
        "param": error.param,
        "code": error.code,
    }
    if error.detail is not None:
        detail["detail"] = error.detail
    return msgspec.json.encode({"error": detail})


def error_event(error: GatewayError, surface: Surface, request_id: str) -> bytes:
    """`error` as an event within a stream that has begun."""
    body = error_body(error, surface, request_id)
    if surface is Surface.ANTHROPIC:
        return b"event: error\ndata: " + body + b"\n\n"
    return b"data: " + body + b"\n\n"


def _type(error: GatewayError, types: dict[int, str], otherwise: str) -> str:
    if error.error_type:
        return error.error_type
    return types.get(error.status) or ("invalid_request_error" if error.status < 500 else otherwise)


def put_request_id(response: Any, surface: Surface, request_id: str) -> None:
    response.headers["x-request-id"] = request_id
    if surface is Surface.ANTHROPIC:
        response.headers["request-id"] = request_id


def dollars(nanousd: int) -> str:
    """Nano-dollars as a decimal number of USD, exactly: 1234 is 0.000001234."""
    whole, rest = divmod(abs(nanousd), 1_000_000_000)
    return f"{'-' if nanousd < 0 else ''}{whole}.{rest:09d}"
