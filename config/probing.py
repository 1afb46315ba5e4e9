"""Health and metrics, answered before everything else: whoever asks comes by an address and not by a host name (a kubelet, Prometheus)."""

from __future__ import annotations

from collections.abc import Callable

from asgiref.sync import sync_to_async
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from config.reading import Handler
from gateway.api import health

PROBES: dict[str, Callable[[HttpRequest], HttpResponseBase]] = {
    "/healthz": health.healthz,
    "/readyz": health.readyz,
    "/metrics": health.metrics,
}


class ProbesMiddleware:
    """The outermost: neither the host name nor whether the request came by TLS matters to it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        probe = PROBES.get(request.path_info)
        return self.get_response(request) if probe is None else probe(request)


class ProbesHandler(Handler):
    """Answers probes, and nothing else, without loading anything that a page needs."""

    def load_middleware(self, is_async: bool = False) -> None:
        self._middleware_chain = sync_to_async(
            convert_exception_to_response(lambda request: PROBES[request.path_info](request)), thread_sensitive=True
        )
