"""Is it alive, can it serve, and what does it count: for load balancers, supervisors and Prometheus."""

from __future__ import annotations

import hmac
import ipaddress
import logging
import os
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django_redis import get_redis_connection
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from gateway import gauges
from gateway.pipeline import observability

logger = logging.getLogger(__name__)
_is_draining = False


def drain() -> None:
    """This process has been told to stop: it is alive, but not ready any more."""
    global _is_draining
    _is_draining = True


def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    """Each dependency, and 503 unless all of them answer. Why one does not is in the log, not in the answer. 503 while it drains, too."""
    if _is_draining:
        return JsonResponse({"status": "draining", "checks": {}}, status=503)
    checks = {"postgresql": _is_up(_ask_postgresql), "redis": _is_up(_ask_redis)}
    is_ready = all(checks.values())
    words = {name: "ok" if is_up else "unreachable" for name, is_up in checks.items()}
    return JsonResponse(
        {"status": "ok" if is_ready else "unavailable", "checks": words}, status=200 if is_ready else 503
    )


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus metrics: what this process counts (all worker processes, where `PROMETHEUS_MULTIPROC_DIR` is set), and how things stand.

    For whoever has the token. Where none is configured, for who asks from this machine or a private network, and not through a proxy:
    names of tenants, providers and budgets are nobody else's business.
    """
    if settings.GATEWAY_METRICS_TOKEN:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), settings.GATEWAY_METRICS_TOKEN.encode()):
            return HttpResponse("a bearer token is needed\n", status=401, content_type="text/plain")
    elif not _is_near(request):
        return HttpResponse("set TOLLGATE_METRICS_TOKEN to be asked from here\n", status=403, content_type="text/plain")
    observability.add_up()
    registry: CollectorRegistry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return HttpResponse(generate_latest(registry) + generate_latest(_STANDING), content_type=CONTENT_TYPE_LATEST)


_STANDING = CollectorRegistry()
_STANDING.register(gauges.Standing())


def _is_near(request: HttpRequest) -> bool:
    if "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        return False
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR") or "127.0.0.1")  # none: a Unix socket
    except ValueError:
        return False
    return address.is_loopback or address.is_private


def _is_up(ask: Callable[[], Any]) -> bool:
    try:
        ask()
    except Exception:
        logger.warning("not ready", exc_info=True)
        return False
    return True


def _ask_postgresql() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_redis() -> None:
    get_redis_connection("default").ping()
