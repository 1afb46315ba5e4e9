"""A provider's refusal as one of our errors: which status the caller sees, and never a credential in its message."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from gateway.errors import (
    ContentRefused,
    ContextOverflow,
    UpstreamCredentialRefused,
    UpstreamError,
    UpstreamFailed,
    UpstreamOutOfCredit,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimedOut,
)
from gateway.types import Provider

MAX_MESSAGE = 2_000
MAX_WORD = 200
OVERLOADED = frozenset({503, 529})
CREDENTIAL_REFUSED = frozenset({401, 403})
OUT_OF_CREDIT = 402
LONGEST_RETRY_AFTER_SECONDS = 86_400.0  # what a provider asks for beyond that is no use to anybody

# What looks like an API key, whole or with its middle masked, as providers like to quote it back.
_KEY_LIKE = re.compile(r"\b(?:sk|pk|rk|xai|gsk|AIza|key)[-_][A-Za-z0-9_\-*.…]{6,}|\bBearer\s+\S+", re.IGNORECASE)


def from_response(provider: Provider, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
    """The error for a provider's answer with `status` >= 300."""
    kind, message, code, param = _read(body)
    kind, code, param = _word(kind, provider) or "", _word(code, provider), _word(param, provider)
    if not message:
        what = headers.get("content-type", "").partition(";")[0] or "an empty body"
        message = f"{provider.name} answered {status} with {what}."
    message = redact(message, provider)[:MAX_MESSAGE]
    if status in CREDENTIAL_REFUSED:
        return UpstreamCredentialRefused(
            f"{provider.name} refused the gateway's credential: {message}", error_type=kind, provider_status=status
        )
    if 300 <= status < 400:
        return UpstreamFailed(
            f"{provider.name} answered with a redirect; its base URL is wrong.", provider_status=status
        )
    if status == OUT_OF_CREDIT or code == "insufficient_quota" or _NO_CREDIT.search(message):
        return UpstreamOutOfCredit(
            f"The gateway's account at {provider.name} is out of credit: {message}",
            error_type=kind,
            provider_status=status,
        )
    error = _of_status(provider, status, kind, code, message, param, retry_after_seconds(headers))
    if headers.get("x-should-retry") == "false":
        error.may_retry = False
    return error


def _of_status(
    provider: Provider,
    status: int,
    kind: str,
    code: str | None,
    message: str,
    param: str | None,
    retry_after: float | None,
) -> UpstreamError:
    if status == 429:
        return UpstreamRateLimited(
            message, code=code, error_type=kind, provider_status=status, retry_after_seconds=retry_after, param=param
        )
    if status == 408 or status == 504:
        return UpstreamTimedOut(message, error_type=kind, provider_status=status)
    if status in OVERLOADED:
        return UpstreamOverloaded(message, error_type=kind, provider_status=status, retry_after_seconds=retry_after)
    if status >= 500:
        return UpstreamFailed(message, code=code, error_type=kind, provider_status=status)
    return _rejected(kind, code, message)(message, code=code, error_type=kind, provider_status=status, param=param)


_NO_CREDIT = re.compile(r"credit balance is too low", re.IGNORECASE)
_TOO_LONG = re.compile(r"prompt is too long|maximum context length|context window|context_length", re.IGNORECASE)
_AGAINST_POLICY = frozenset({"content_filter", "content_policy_violation", "content_policy"})


def _rejected(kind: str, code: str | None, message: str) -> type[UpstreamRejected]:
    """Providers say by words, or by a code, why they reject what another model might take."""
    if code == "context_length_exceeded" or (code is None and _TOO_LONG.search(message)):
        return ContextOverflow
    if code in _AGAINST_POLICY or kind in _AGAINST_POLICY:
        return ContentRefused
    return UpstreamRejected


def from_event(provider: Provider, kind: str, message: str, code: str | None = None) -> UpstreamError:
    """The error for one that a provider reports within a stream."""
    text = redact(message or f"{provider.name} reported an error.", provider)[:MAX_MESSAGE]
    kind, code = _word(kind, provider) or "", _word(code, provider)
    if kind in {"overloaded_error", "server_overloaded"}:
        return UpstreamOverloaded(text, error_type=kind)
    if kind in {"rate_limit_error", "rate_limit_exceeded"}:
        return UpstreamRateLimited(text, error_type=kind)
    if kind == "timeout_error":
        return UpstreamTimedOut(text, error_type=kind)
    return UpstreamFailed(text, error_type=kind, code=code)


def redact(text: str, provider: Provider) -> str:
    """`text` without the provider's credential or anything that looks like a key."""
    secret = provider.credential.reveal()
    if secret and secret in text:
        text = text.replace(secret, "***")
    return _KEY_LIKE.sub("***", text)


def _word(text: str | None, provider: Provider) -> str | None:
    """A type, code or parameter as providers name them; None where it is no such word."""
    if not text or len(text) > MAX_WORD or not text.isprintable():
        return None
    return redact(text, provider)


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """How long the provider asks to wait (RFC 9110: seconds or a date; `retry-after-ms` is OpenAI's)."""
    try:
        if "retry-after-ms" in headers:
            return _bounded(float(headers["retry-after-ms"]) / 1000)
        value = headers.get("retry-after")
        if value is None:
            return None
        if value.strip().replace(".", "", 1).isdigit():
            return _bounded(float(value))
        return _bounded((parsedate_to_datetime(value) - dt.datetime.now(dt.UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _bounded(seconds: float) -> float:
    return max(0.0, min(seconds, LONGEST_RETRY_AFTER_SECONDS))


def _read(body: bytes) -> tuple[str, str, str | None, str | None]:
    """Type, message, code and parameter of an error body in either format, or empty ones."""
    try:
        error: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", "", None, None
    if isinstance(error, dict):
        error = error.get("error", error)
    if isinstance(error, str):
        return "", error, None, None
    if not isinstance(error, dict):
        return "", "", None, None
    message = error.get("message")
    code = error.get("code")
    return (
        str(error.get("type") or ""),
        message if isinstance(message, str) else "",
        code if isinstance(code, str) else None,
        error["param"] if isinstance(error.get("param"), str) else None,
    )
