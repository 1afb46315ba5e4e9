"""The ASGI application: /v1/ goes to the lean handler, probes to theirs, everything else to stock Django."""

from __future__ import annotations

import gc
import os
from collections.abc import Awaitable, Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup(set_prefix=False)

from config.interactive import Pages  # noqa: E402
from config.probing import PROBES, ProbesHandler  # noqa: E402
from gateway import runtime  # noqa: E402
from gateway.api.handler import LeanHandler  # noqa: E402
from gateway.pipeline import observability  # noqa: E402

_gateway = LeanHandler()
_probes: Any = ProbesHandler()
pages = Pages()

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        if scope["path"].startswith("/v1/"):
            await _gateway(scope, receive, send)
        elif scope["path"] in PROBES:
            await _probes(scope, receive, send)
        else:
            await pages(scope, receive, send)
    elif scope["type"] == "lifespan":
        await _lifespan(receive, send)


def _spare_the_collector() -> None:
    """What is here at start-up stays, so Python's garbage collector need not walk over it again and again; and requests leave few cycles
    behind, so it need not look as often as by default (after 700 new objects, a few requests' worth)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def _lifespan(receive: Receive, send: Send) -> None:
    """Connections are made on first use; shutdown closes them."""
    await receive()
    _spare_the_collector()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await runtime.close()
    observability.add_up()
    await send({"type": "lifespan.shutdown.complete"})
