"""What every endpoint under /v1/ shares: asynchronous dispatch on DRF's APIView, authentication by key, errors by surface."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from django.core.exceptions import TooManyFieldsSent
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.views import APIView

from gateway import runtime
from gateway.api import rendering
from gateway.errors import GatewayError, InternalError, InvalidRequest, MethodNotAllowed, NotFound
from gateway.pipeline import credentials, observability, validator
from gateway.pipeline.exchange import new_request_id
from gateway.types import Snapshot
from tenants import playground

logger = logging.getLogger(__name__)


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key>`, as OpenAI's SDK sends it, or `x-api-key: <key>`, as Anthropic's does."""

    def authenticate(self, request: Any) -> None:
        """DRF's synchronous hook; the views await `identify` instead."""

    async def identify(self, headers: dict[str, str], scope: str, *, address: str) -> tuple[Snapshot, str]:
        """The tenant's snapshot and the key's hash. Raises `Unauthenticated`, `PermissionDenied`, `RateLimited`, `StoreUnavailable`.

        What is called from the playground is tagged so, and by whom.
        """
        secret = secret_of(headers)
        if not secret.startswith(playground.PREFIX):
            return await credentials.recognise(secret, scope, runtime.current().snapshots, address=address)
        player = await credentials.recognise_player(secret, scope, runtime.current().snapshots)
        tags = [*playground.tags(player.person), headers.get("x-tollgate-tags", "")]
        headers["x-tollgate-tags"] = ",".join(filter(None, tags))
        return player.snapshot, player.digest

    def authenticate_header(self, request: Any) -> str:
        return "Bearer"


def secret_of(headers: dict[str, str]) -> str:
    """The key or token that came with a request; empty if none did."""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        secret = headers.get("x-api-key", "")
    return secret.strip()


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes it."""

    target_class = ApiKeyAuthentication
    name = ["bearerKey", "xApiKey"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        return [{"type": "http", "scheme": "bearer"}, {"type": "apiKey", "in": "header", "name": "x-api-key"}]


class CallSchema(AutoSchema):
    """What the OpenAPI document says of every endpoint: the scope that a key needs."""

    def get_extensions(self) -> dict[str, str]:
        scope: str = getattr(self.view, "scope", "")
        return {"x-tollgate-scope": scope} if scope else {}


class GatewayView(APIView):
    """An endpoint. Handlers are `async def`; whatever they raise is rendered in the surface's format."""

    schema = CallSchema()
    authentication_classes = [ApiKeyAuthentication]
    scope = ""

    async def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        started_ns = time.perf_counter_ns()
        headers = lower_headers(request)
        surface = rendering.surface_of(request.path, "anthropic-version" in headers)
        request_id = new_request_id()
        public_id = f"req_{request_id.hex}"
        self.headers = headers
        self.surface = surface
        self.request_id = request_id
        self.started_ns = started_ns
        fault: GatewayError | None
        try:
            handler: Callable[..., Awaitable[HttpResponseBase]] | None = None
            if request.method in ("GET", "POST"):
                handler = getattr(self, request.method.lower(), None)
            if handler is None:
                return self._not_allowed(request, public_id)
            response = await self.admit(handler, *args, **kwargs)
        except GatewayError as error:
            if error.status == 401:
                observability.UNAUTHENTICATED.inc()
            return rendering.error_response(error, surface, public_id)
        except TooManyFieldsSent:
            fault = InvalidRequest("There are more parameters than are taken at once.")
            return rendering.error_response(fault, surface, public_id)
        except exceptions.APIException as error:
            failure = GatewayError(str(error.detail), code=str(error.default_code))
            failure.status = error.status_code
            return rendering.error_response(failure, surface, public_id)
        except Exception as error:
            fault = validator.fault_of(request.body, error) if request.body else None
            if fault is None:
                logger.exception("%s failed", public_id)
                fault = InternalError("Tollgate failed. The log has it under the request id.")
            return rendering.error_response(fault, surface, public_id)
        rendering.put_request_id(response, surface, public_id)
        return response

    async def admit(
        self, handler: Callable[..., Awaitable[HttpResponseBase]], *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Find out who it is, and let the handler answer. What else than a key lets in, an endpoint says here."""
        address = remote_address(self.request)
        snapshot, digest = await ApiKeyAuthentication().identify(self.headers, self.scope, address=address)
        return await handler(snapshot, digest, *args, **kwargs)

    async def current(self, snapshot: Snapshot, digest: str) -> Snapshot:
        """The configuration in force, for what tells of it."""
        state = runtime.current()
        if await state.snapshots.is_current(snapshot):
            return snapshot
        return await credentials.renewed(snapshot, digest, self.scope, state.snapshots)

    def _not_allowed(self, request: HttpRequest, public_id: str) -> HttpResponseBase:
        methods = [method.upper() for method in ("get", "post") if hasattr(self, method)]
        error = MethodNotAllowed(f"{request.method} is not possible here, only {' and '.join(methods)}.")
        response = rendering.error_response(error, self.surface, public_id)
        response.headers["allow"] = ", ".join(methods)
        return response


def lower_headers(request: HttpRequest) -> dict[str, str]:
    """Header names in lower case to values; the lean handler has made them already."""
    ready: dict[str, str] | None = getattr(request, "lower_headers", None)
    if ready is not None:
        return ready
    return {name.lower(): value for name, value in request.headers.items()}


def remote_address(request: HttpRequest) -> str:
    """Where a request came from; empty: through a Unix socket. Without making `META`, which no other request asks for."""
    client = getattr(request, "scope", {}).get("client")
    return str(client[0]) if client else ""


async def not_found(request: HttpRequest, path: str = "") -> HttpResponseBase:
    """Any other address under /v1/."""
    headers = lower_headers(request)
    error = NotFound(f"There is nothing at {request.path}.", code="unknown_address")
    surface = rendering.surface_of(request.path, "anthropic-version" in headers)
    return rendering.error_response(error, surface, f"req_{new_request_id().hex}")
