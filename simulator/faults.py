"""What each fault means: which error body it answers with, or which way of breaking the wire it stands for. `delivery` breaks it."""

from __future__ import annotations

from simulator.ask import Surface
from simulator.behaviour import Behaviour
from simulator.errors import ProviderError

WIRE_FAULTS = frozenset(
    {
        "hang",
        "reset",
        "cut",
        "half_close",
        "trickle",
        "bad_json",
        "slow_first_byte",
        "empty",
        "garbage_content_type",
        "wrong_content_type",
    }
)
"""Faults that are no error body. `error_event` is one inside a stream and an error body outside it."""
MID_STREAM_FAULTS = frozenset({"cut", "half_close", "bad_json", "error_event", "hang", "reset"})
DEFAULT_AFTER_CHUNKS = 3
HTML_PAGE = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    b"<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)

_OPENAI_MESSAGES = {
    400: "The request is invalid.",
    403: "Country, region, or territory not supported",
    408: "Request timed out.",
    409: "The requested resource is locked by another request.",
    413: "Request body is too large.",
    422: "The request was well-formed but could not be processed.",
    500: "The server had an error while processing your request. Sorry about that!",
    502: "Bad gateway.",
    503: "The engine is currently overloaded, please try again later",
    504: "The request timed out upstream.",
    529: "The engine is currently overloaded, please try again later",
}
_OPENAI_CODES = {
    401: "invalid_api_key",
    403: "unsupported_country_region_territory",
    404: "model_not_found",
    429: "rate_limit_exceeded",
}
_ANTHROPIC_MESSAGES = {
    400: "The request is invalid.",
    401: "invalid x-api-key",
    403: "Your API key does not have permission to use the specified resource.",
    408: "Request timed out",
    409: "The requested resource is locked by another request",
    413: "Request exceeds the maximum size",
    422: "The request was well-formed but could not be processed",
    429: "This request would exceed your organization's rate limit of 4,000 requests per minute.",
    502: "Bad gateway",
    503: "Service temporarily unavailable",
    504: "Request timed out upstream",
    529: "Overloaded",
}


def missing_key(surface: Surface) -> ProviderError:
    if surface == "anthropic":
        return ProviderError(401, "x-api-key header is required")
    return ProviderError(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
        "(i.e. Authorization: Bearer YOUR_KEY).",
        kind="invalid_request_error",
    )


def wrong_key(surface: Surface, api_key: str) -> ProviderError:
    if surface == "anthropic":
        return ProviderError(401, "invalid x-api-key")
    shown = f"{api_key[:8]}{'*' * 8}{api_key[-4:]}" if len(api_key) > 12 else "*" * len(api_key)
    return ProviderError(401, f"Incorrect API key provided: {shown}.", code="invalid_api_key")


def too_large(surface: Surface) -> ProviderError:
    messages = _OPENAI_MESSAGES if surface == "openai" else _ANTHROPIC_MESSAGES
    return ProviderError(413, messages[413])


def too_long(surface: Surface, *, prompt_tokens: int, window: int) -> ProviderError:
    if surface == "anthropic":
        return ProviderError(400, f"prompt is too long: {prompt_tokens} tokens > {window} maximum")
    return ProviderError(
        400,
        f"This model's maximum context length is {window} tokens. However, your messages resulted in {prompt_tokens} tokens. "
        "Please reduce the length of the messages.",
        param="messages",
        code="context_length_exceeded",
    )


def error_of(behaviour: Behaviour, surface: Surface, *, model: str, api_key: str) -> ProviderError | None:
    """The error body that the behaviour's fault answers with; None when the fault breaks the wire instead."""
    fault = behaviour.fault
    if fault in WIRE_FAULTS:
        return None
    if fault == "insufficient_quota":
        error = _out_of_credit(surface)
    elif fault == "credential_echo":
        subject = "Incorrect API key provided" if surface == "openai" else "invalid x-api-key"
        error = ProviderError(401, f"{subject}: {api_key}.", code="invalid_api_key")
    elif fault is None or fault == "error_event":
        error = _of_status(behaviour.status or (500 if surface == "openai" else 529), surface, model)
    else:
        error = _of_status(int(fault), surface, model)
    error.status = behaviour.status or error.status
    error.message = error.message if behaviour.error_message is None else behaviour.error_message
    error.kind = error.kind if behaviour.error_type is None else behaviour.error_type
    error.code = error.code if behaviour.error_code is None else behaviour.error_code
    retry_after = behaviour.retry_after
    if retry_after is None and error.status == 429 and fault != "insufficient_quota":
        retry_after = 1
    if retry_after is not None:
        error.headers["retry-after"] = f"{retry_after:g}"
    if behaviour.should_retry is not None:
        error.headers["x-should-retry"] = "true" if behaviour.should_retry else "false"
    return error


def _of_status(status: int, surface: Surface, model: str) -> ProviderError:
    if surface == "anthropic":
        message = f"model: {model}" if status == 404 else _ANTHROPIC_MESSAGES.get(status, "Internal server error")
        return ProviderError(status, message)
    message = {
        401: "Incorrect API key provided: sk-sim**********lator.",
        404: f"The model `{model}` does not exist or you do not have access to it.",
        429: f"Rate limit reached for {model} in organization simulator on requests per min (RPM): Limit 10000, Used 10000, Requested 1.",
    }.get(status) or _OPENAI_MESSAGES.get(status, _OPENAI_MESSAGES[500])
    kind = "request_forbidden" if status == 403 else None
    return ProviderError(status, message, kind=kind, code=_OPENAI_CODES.get(status))


def _out_of_credit(surface: Surface) -> ProviderError:
    if surface == "anthropic":
        return ProviderError(400, "Your credit balance is too low to access the Anthropic API.")
    message = "You exceeded your current quota, please check your plan and billing details."
    return ProviderError(429, message, kind="insufficient_quota", code="insufficient_quota")
