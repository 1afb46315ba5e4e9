"""Fixtures of the tests in a real browser. Without Chromium they fail, or, if TOLLGATE_NO_BROWSER=1 says so, are skipped.

What they write is committed and stays, since the server is another process; each module has a cast of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connections
from playwright.sync_api import Browser, expect

from simulator.process import SimulatorProcess
from tests.browser import browsing
from tests.browser.browsing import Visitor
from tests.cast import Cast, build_cast
from tests.gateway.live import Gateway


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser a module, and not one for the run: Playwright's event loop runs in this thread as long as it does, which asynchronous
    tests of other modules could not bear, and Django only with this variable.
    """
    if os.environ.get("TOLLGATE_NO_BROWSER") == "1":
        pytest.skip("TOLLGATE_NO_BROWSER=1: no test in a browser")
    expect.set_options(timeout=browsing.PATIENCE_MS)
    with pytest.MonkeyPatch.context() as patch, browsing.chromium() as running:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield running


@pytest.fixture(autouse=True)
def _hashed_as_the_server_does(slow_passwords: None) -> None:
    pass


@pytest.fixture(scope="session")
def server(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """One server for the run, on the test database."""
    with Gateway.running(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def upstream() -> Iterator[SimulatorProcess]:
    """A provider to call."""
    with SimulatorProcess() as running:
        yield running


@pytest.fixture(scope="module")
def live_cast(browser: Browser, server: Gateway, django_db_blocker: Any) -> Iterator[Cast]:
    """The cast, where the server sees it."""
    with django_db_blocker.unblock():
        yield build_cast()
        connections.close_all()  # within Playwright's loop this thread has connections of its own


@pytest.fixture
def visit(server: Gateway, browser: Browser, live_cast: Cast) -> Iterator[Callable[..., Visitor]]:
    """Opens windows: `visit(user=cast.ada, theme="dark", viewport=NARROW)`. No page may have had an error in its scripts."""
    with ExitStack() as windows:
        opened: list[Visitor] = []

        def open_window(**options: Any) -> Visitor:
            opened.append(windows.enter_context(browsing.visitor(browser, server.url, **options)))
            return opened[-1]

        yield open_window
        assert [error for window in opened for error in window.errors] == []
