"""The one error of the simulator, and how each provider words it on the wire. Which error a fault means is in `faults`."""

from __future__ import annotations

from typing import Any

import msgspec

from simulator.ask import Surface

OPENAI_TYPES = {429: "requests", 500: "server_error", 502: "server_error", 503: "server_error", 504: "server_error"}
ANTHROPIC_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class ProviderError(Exception):
    """An error a provider answers with. `kind` is its type on the wire, found from the status when it is not given."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str | None = None,
        code: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param
        self.headers = headers or {}


def kind_of(error: ProviderError, surface: Surface) -> str:
    if error.kind is not None:
        return error.kind
    if surface == "openai":
        return OPENAI_TYPES.get(error.status, "server_error" if error.status >= 500 else "invalid_request_error")
    return ANTHROPIC_TYPES.get(error.status, "api_error" if error.status >= 500 else "invalid_request_error")


def payload(error: ProviderError, surface: Surface, request_id: str) -> dict[str, Any]:
    """The error as the provider's JSON object, for a body or for an event of a stream."""
    kind = kind_of(error, surface)
    if surface == "openai":
        return {"error": {"message": error.message, "type": kind, "param": error.param, "code": error.code}}
    return {"type": "error", "error": {"type": kind, "message": error.message}, "request_id": request_id}


def render(error: ProviderError, surface: Surface, request_id: str) -> bytes:
    return msgspec.json.encode(payload(error, surface, request_id))
