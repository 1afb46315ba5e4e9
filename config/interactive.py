"""What people open in a browser, and the management API: stock Django with all its pages, loaded when it is needed.

A gateway process answers `/v1/` without it. It is a third of what such a process could load, so it is loaded when somebody first opens a
page (in a thread, while calls go on), or at start where `TOLLGATE_CONSOLE=at-start`.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from django.contrib import admin
from django.utils.module_loading import autodiscover_modules

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def load_pages() -> None:
    """Have all apps register their pages with the operators' site and the consoles'. Idempotent."""
    admin.autodiscover()
    autodiscover_modules("pages")  # those that are no model's


class Pages:
    """The ASGI application. For any number of threads and event loops."""

    def __init__(self) -> None:
        self._application: Any = None
        self._loading = threading.Lock()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Raises what loading does, as the next visit does again."""
        if self._application is None:
            await asyncio.to_thread(self.load)
        await self._application(scope, receive, send)

    def load(self) -> None:
        """All of it: what cannot be loaded is told here. Returns when it is loaded, whoever loads it."""
        with self._loading:
            if self._application is not None:
                return
            from django.urls import get_resolver

            from config.reading import Handler

            for addresses in (get_resolver(), get_resolver("config.console_urls")):
                addresses.url_patterns  # noqa: B018 - imports every view
            self._application = Handler()  # imports the middleware
            gc.freeze()  # it stays, as what was there at start-up
