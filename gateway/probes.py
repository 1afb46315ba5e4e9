"""Does a connection to a provider work? One real call by the provider's own SDK: its list of models, or a shortest answer of one model.

What goes wrong is told as a `Fault`, which `gateway.probe_words` puts into words. Nothing is retried, everything together takes ten seconds
at most, and a provider that a tenant named is called as the data plane calls it: on the public internet only.
"""

from __future__ import annotations

import datetime as dt
import enum
import json
import re
import ssl
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any

import httpx2

from gateway.providers import failures
from gateway.types import Provider
from tenants import outbound, outbound_httpx

if TYPE_CHECKING:
    from anthropic.types import ModelInfo

MOST_MODELS = 2000
MAX_SAID = 300
NO_CREDENTIAL = "none"  # what an SDK is given so that it does not look in the environment; it is not sent


class Fault(enum.Enum):
    """Why a connection does not work."""

    WRONG_KEY = "wrong_key"
    NO_PERMISSION = "no_permission"
    NO_CREDIT = "no_credit"
    NOT_ALLOWED = "not_allowed"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    TIMEOUT = "timeout"
    WRONG_URL = "wrong_url"
    NO_LISTING = "no_listing"
    MODEL_UNKNOWN = "model_unknown"
    UNREADABLE = "unreadable"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    REFUSED = "refused"


@dataclass(frozen=True)
class Listed:
    """A model as its provider lists it. What the provider does not say is None; `capabilities` are those of `gateway.models.Model`."""

    id: str
    name: str = ""
    context_window: int | None = None
    max_output_tokens: int | None = None
    capabilities: frozenset[str] | None = None
    created_at: int | None = None  # Unix seconds


@dataclass(frozen=True)
class Report:
    """What came of a probe. `fault` None: it works. `said`: the provider's own words, without keys. `status`: of its
    answer, if there was one."""

    fault: Fault | None
    models: tuple[Listed, ...] = ()
    said: str = ""
    status: int | None = None
    seconds: float = 0.0


def probe(provider: Provider, *, model: str = "") -> Report:
    """Ask the provider for its models, or, if one is named, that model for a shortest answer, which costs a few tokens."""
    began = time.monotonic()
    try:
        with outbound_httpx.client(
            is_guarded=provider.is_guarded, sends_credential=bool(provider.credential)
        ) as http_client:
            models = _ask(provider, model, http_client)
        report = Report(None, models)
    except Exception as error:  # whatever an SDK makes of what somebody's server sends
        report = _report(provider, model, error)
    return Report(report.fault, report.models, report.said, report.status, time.monotonic() - began)


def _ask(provider: Provider, model: str, http_client: httpx2.Client) -> tuple[Listed, ...]:
    credential = provider.credential.reveal() or NO_CREDENTIAL
    options: dict[str, Any] = {"base_url": provider.base_url, "http_client": http_client, "max_retries": 0}
    prompt: Any = [{"role": "user", "content": "Hi"}]
    sdk = _sdk(provider)
    if provider.kind == "anthropic":
        claude = sdk.Anthropic(api_key=credential, open_telemetry=False, **options)
        if model:
            return _answered(claude.messages.create(model=model, max_tokens=1, messages=prompt), "content", model)
        return _taken(_of_anthropic(item) for item in claude.models.list(limit=1000))
    client = sdk.OpenAI(api_key=credential, organization="", project="", **options)
    if model:
        cap = {"max_completion_tokens": 16} if provider.kind == "openai" else {"max_tokens": 1}
        answer = client.chat.completions.create(model=model, messages=prompt, **cap)
        return _answered(answer, "choices", model)
    return _taken(_of_openai(item) for item in client.models.list())


def _sdk(provider: Provider) -> Any:
    """Loaded by the first probe: the two take 2.3 s of CPU and 50 MB, and a process that only serves calls never needs them."""
    return import_module("anthropic" if provider.kind == "anthropic" else "openai")


class _NotTheFormat(Exception):
    """A 2xx answer that is none of this provider's."""


def _answered(answer: Any, holds: str, model: str) -> tuple[Listed, ...]:
    if not isinstance(getattr(answer, holds, None), list):
        raise _NotTheFormat
    return (Listed(model),)


def _taken(models: Iterable[Listed | None]) -> tuple[Listed, ...]:
    """By name, each once. Raises `_NotTheFormat` for what is no list of models."""
    found: dict[str, Listed] = {}
    for item in islice(models, MOST_MODELS):
        if item is None:
            raise _NotTheFormat
        found[item.id] = item
    return tuple(sorted(found.values(), key=lambda item: item.id))


def _of_openai(item: Any) -> Listed | None:
    """Compatible servers say more than OpenAI does, each in its own words."""
    name = getattr(item, "id", None)
    if not isinstance(name, str) or not name:
        return None
    windows = (
        getattr(item, key, None) for key in ("context_length", "max_model_len", "context_window", "max_context_length")
    )
    window = next((value for value in windows if isinstance(value, int) and value > 0), None)
    created = getattr(item, "created", None)
    return Listed(name, context_window=window, created_at=created if isinstance(created, int) else None)


def _of_anthropic(item: ModelInfo) -> Listed | None:
    if not isinstance(getattr(item, "id", None), str):
        return None
    return Listed(
        item.id,
        name=str(item.display_name or ""),
        context_window=item.max_input_tokens or None,
        max_output_tokens=item.max_tokens or None,
        capabilities=frozenset(_capabilities_of(item)) if item.capabilities is not None else None,
        created_at=int(item.created_at.timestamp()) if isinstance(item.created_at, dt.datetime) else None,
    )


def _capabilities_of(item: ModelInfo) -> Iterator[str]:
    yield from ("chat", "streaming", "tools")
    told: Any = item.capabilities
    for name, capability in (
        ("image_input", "vision"),
        ("structured_outputs", "json_schema"),
        ("thinking", "reasoning"),
    ):
        if getattr(getattr(told, name, None), "supported", False):
            yield capability


def _report(provider: Provider, model: str, error: Exception) -> Report:
    if isinstance(error, _sdk(provider).APIStatusError):
        return _of_status(provider, model, error.response)
    causes = list(_causes(error))
    for kinds, fault in (
        (outbound.NotPublic, Fault.NOT_ALLOWED),
        ((outbound_httpx.Compressed, outbound_httpx.TooLarge), Fault.UNREADABLE),
        (ssl.SSLError, Fault.TLS),
        ((TimeoutError, httpx2.TimeoutException), Fault.TIMEOUT),
        (httpx2.ConnectError, Fault.UNREACHABLE),
    ):
        cause = next((item for item in causes if isinstance(item, kinds)), None)
        if cause is not None:
            return Report(fault, said=_of_certificate(cause))
    return Report(Fault.UNREADABLE)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _of_certificate(error: BaseException) -> str:
    """Why a certificate is not taken, as OpenSSL says it."""
    return str(getattr(error, "verify_message", ""))[:MAX_SAID]


def _of_status(provider: Provider, model: str, response: httpx2.Response) -> Report:
    status, (code, message) = response.status_code, _error_of(response.content)
    if model and status == 400 and "output limit was reached" in message:
        return Report(
            None, (Listed(model),), status=status
        )  # it thinks before it answers, and one token was not enough
    said = failures.redact(message, provider)[:MAX_SAID]
    return Report(_fault(provider, status, code, message, model), said=said, status=status)


_ABOUT_THE_MODEL = re.compile(
    r"model\b.{0,60}\b(not|unknown|invalid|exist)|\b(no such|unknown|invalid|unsupported)\b.{0,20}\bmodel",
    re.IGNORECASE,
)


def _fault(provider: Provider, status: int, code: str, message: str, model: str) -> Fault:
    if 300 <= status < 400:
        return Fault.WRONG_URL
    if status in (404, 405, 501):
        if model:
            return Fault.MODEL_UNKNOWN if message else Fault.WRONG_URL
        return Fault.NO_LISTING if provider.kind == "openai-compatible" else Fault.WRONG_URL
    if status == 400 and model and (code == "model_not_found" or _ABOUT_THE_MODEL.search(message)):
        return Fault.MODEL_UNKNOWN
    if code == "insufficient_quota":
        return Fault.NO_CREDIT
    known = {
        401: Fault.WRONG_KEY,
        402: Fault.NO_CREDIT,
        403: Fault.NO_PERMISSION,
        408: Fault.TIMEOUT,
        429: Fault.RATE_LIMITED,
    }
    return known.get(status) or (Fault.OVERLOADED if status >= 500 else Fault.REFUSED)


def _error_of(body: bytes) -> tuple[str, str]:
    """Code (or type) and message of an error body in either format; empty where it is neither."""
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return "", ""
    error = found.get("error", found) if isinstance(found, dict) else None
    if isinstance(error, str):
        return "", error
    if not isinstance(error, dict):
        return "", ""
    message = error.get("message") or error.get("detail") or ""
    return str(error.get("code") or error.get("type") or ""), message if isinstance(message, str) else ""
