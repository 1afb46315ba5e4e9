"""What people open is loaded once, whoever comes first, and by everybody who needs it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.contrib import admin
from django.core import checks

from config.interactive import Pages
from gateway.models import Provider
from tenants import sites


async def visit(pages: Pages) -> int:
    said: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/healthz",
        "raw_path": b"/healthz",
        "query_string": b"",
        "headers": [],
    }
    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    await pages(scope, receive, send)
    return int(said[0]["status"])


def test_visitors_who_come_while_it_is_loaded_wait_for_it():
    async def come() -> list[int]:
        pages = Pages()
        return await asyncio.gather(*(visit(pages) for _ in range(5)))

    assert asyncio.run(come()) == [200] * 5


class Failing(Pages):
    """Cannot be loaded the first time."""

    tries = 0

    def load(self) -> None:
        self.tries += 1
        if self.tries == 1:
            raise ImportError("a page that is broken")
        super().load()


def test_what_cannot_be_loaded_is_told_and_tried_again_with_the_next_visit():
    pages = Failing()
    with pytest.raises(ImportError, match="a page that is broken"):
        asyncio.run(visit(pages))
    assert asyncio.run(visit(pages)) == 200


def test_djangos_checks_look_at_every_page():
    assert checks.run_checks(tags=[checks.Tags.admin]) == []
    assert admin.site.is_registered(Provider)
    assert sites.console.is_registered(Provider)
