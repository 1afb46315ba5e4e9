"""A real browser before a running server: what the tests of journeys and the screenshots share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
AXE = Path(__file__).with_name("axe") / "axe.min.js"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 400, "height": 800}
# The rules of WCAG 2.2 A and AA, and axe's own best practices.
CHECKED = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
SERIOUS = ("serious", "critical")
PATIENCE_MS = 15_000  # with whatever is waited for


class NoBrowser(RuntimeError):
    """There is no Chromium on this machine."""


def executable() -> str:
    """Where Chromium is: as TOLLGATE_CHROMIUM says, or on the PATH. Raises `NoBrowser`."""
    found = os.environ.get("TOLLGATE_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise NoBrowser("no Chromium: install it (Debian: apt install chromium), or name it in TOLLGATE_CHROMIUM")
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


REFUSED = "Content Security Policy"  # in Chromium's words for it


@dataclass
class Visitor:
    """Somebody at a browser window of their own. `errors` are what the pages' scripts have complained of, and what their policy refused."""

    context: BrowserContext
    page: Page
    url: str
    errors: list[str] = field(default_factory=list)

    def goto(self, path: str) -> Page:
        """Open an address of the server's, and wait until its scripts have run."""
        self.page.goto(self.url + path, wait_until="load")
        return self.page

    def sign_in_as(self, user: User) -> None:
        """Without the sign-in pages: a session as they would have made it."""
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        name, value = settings.SESSION_COOKIE_NAME, str(session.session_key)
        self.context.add_cookies([{"name": name, "value": value, "url": self.url}])

    def violations(self) -> list[str]:
        """What axe-core finds seriously wrong with the page's accessibility, each with where."""
        self.page.evaluate(AXE.read_text())  # not by a <script>, which a policy of the page's may refuse
        found: dict[str, Any] = self.page.evaluate("options => axe.run(document, options)", CHECKED)
        return [
            f"{item['impact']}: {item['id']}: {item['help']}: {node['html'][:200]}"
            for item in found["violations"]
            if item["impact"] in SERIOUS
            for node in item["nodes"]
        ]


@contextmanager
def visitor(
    browser: Browser, url: str, *, user: User | None = None, theme: str = "light", viewport: dict[str, int] = WIDE
) -> Iterator[Visitor]:
    """A window in a light or dark theme."""
    context = browser.new_context(viewport=viewport, color_scheme=theme, reduced_motion="reduce", locale="en-GB")  # type: ignore[arg-type]
    try:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        made = Visitor(context, page, url)
        page.on("pageerror", lambda error: made.errors.append(str(error)))
        page.on("console", lambda said: made.errors.append(said.text) if REFUSED in said.text else None)
        if user is not None:
            made.sign_in_as(user)
        yield made
    finally:
        context.close()
