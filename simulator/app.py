"""The ASGI application: what the simulator keeps in memory, and which endpoint answers which path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from simulator import control, delivery, endpoints, faults
from simulator.ask import Surface
from simulator.behaviour import Behaviour
from simulator.behaviour_table import BehaviourTable
from simulator.connection import BodyTooLarge, Connection, Receive, Scope, Send
from simulator.errors import ProviderError
from simulator.exchange import Exchange
from simulator.prefix_cache import PrefixCache
from simulator.request_log import RequestLog

Endpoint = Callable[[Exchange, bytes], Awaitable[None]]
DEFAULT_LOG_SIZE = 10_000
DEFAULT_BODY_BYTES = 32 * 1024 * 1024

ROUTES: dict[str, tuple[str, Surface | None, Endpoint]] = {
    "/v1/chat/completions": ("POST", "openai", endpoints.chat_completions),
    "/v1/messages": ("POST", "anthropic", endpoints.messages),
    "/v1/messages/count_tokens": ("POST", "anthropic", endpoints.count_tokens),
    "/v1/embeddings": ("POST", "openai", endpoints.create_embeddings),
    "/v1/models": ("GET", None, endpoints.list_models),
}
"""Path → method, surface (None: by the header `anthropic-version`), endpoint."""
ONE_MODEL: tuple[str, Surface | None, Endpoint] = ("GET", None, endpoints.show_model)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    defaults: Behaviour = Behaviour()
    log_size: int = DEFAULT_LOG_SIZE
    body_limit_bytes: int = DEFAULT_BODY_BYTES


class Simulator:
    """An ASGI application. One event loop uses it; it takes no locks."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.behaviours = BehaviourTable(settings.defaults)
        self.prefixes = PrefixCache()
        self.log = RequestLog(settings.log_size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = Connection(scope, receive, send)
        path: str = scope["path"]
        route = ROUTES.get(path)
        if route is None and path.startswith("/v1/models/") and len(path) > len("/v1/models/"):
            route = ONE_MODEL
        if route is not None:
            await self._serve(connection, route)
        elif path.startswith("/__sim__/"):
            await control.serve(self, connection)
        elif path == "/healthz":
            await connection.start(200, [(b"content-type", b"text/plain"), (b"content-length", b"2")])
            await connection.end(b"ok")
        else:
            await self._serve(connection, None)

    async def _serve(self, connection: Connection, route: tuple[str, Surface | None, Endpoint] | None) -> None:
        method, surface, endpoint = route or (None, None, None)
        if surface is None:
            names = {name for name, _ in connection.scope["headers"]}
            surface = "anthropic" if b"anthropic-version" in names else "openai"
        exchange = Exchange(self, connection, surface)
        try:
            raw = await connection.body(self.settings.body_limit_bytes)
            if endpoint is None:
                raise _no_such_path(exchange)
            if connection.scope["method"] != method:
                raise _wrong_method(exchange)
            await endpoint(exchange, raw)
        except BodyTooLarge:
            await delivery.send_error(exchange, faults.too_large(surface), "refused")
        except ProviderError as error:
            await delivery.send_error(exchange, error, "refused")
        except RecursionError:
            await delivery.send_error(exchange, ProviderError(400, "The body is nested too deeply."), "refused")
        except Exception:
            exchange.close("crashed")  # a fault of the simulator's own: it is logged and answered with 500 by uvicorn
            raise


def _no_such_path(exchange: Exchange) -> ProviderError:
    if exchange.surface == "anthropic":
        return ProviderError(404, "Not Found")
    return ProviderError(404, f"Invalid URL ({exchange.connection.scope['method']} {exchange.path})")


def _wrong_method(exchange: Exchange) -> ProviderError:
    if exchange.surface == "anthropic":
        return ProviderError(405, "Method Not Allowed")
    message = f"Not allowed to {exchange.connection.scope['method']} on {exchange.path} (HINT: Perhaps you meant to use another method?)"
    return ProviderError(405, message, code="method_not_supported")
