"""<tollgate-feedback> on another site's page: the vote arrives, with reasons and comment, and the page hears of it."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from dashboards import rolling
from gateway.models import Feedback
from gateway.quality import feedback_tokens
from tests.browser.browsing import Visitor
from tests.cast import Cast, request_row
from tests.dashboards import records
from tests.gateway.live import Gateway, wait_until

Visit = Callable[..., Visitor]
EVIL = "<img src=x onerror=window.pwned=1>"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title>
<script type="module" src="{tollgate}/static/tollgate/feedback.js"></script>
<style>body {{ color-scheme: light dark; background: Canvas; color: CanvasText; font: 16px sans-serif }}
tollgate-feedback {{ {style} }}</style>
</head><body><main><h1>Your answer</h1><p>42.</p>
<tollgate-feedback token="{token}" {attributes}></tollgate-feedback>
<script>addEventListener("tollgate-feedback", (event) => {{ (window.heard ??= []).push(event.detail) }});</script>
</main></body></html>"""


@pytest.fixture(scope="module")
def shop() -> Iterator[Any]:
    """Another site: a server on a port of its own, which serves what it is told."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(self.server.page.encode())  # type: ignore[attr-defined]

        def log_message(self, *args: Any) -> None:
            pass

    server: Any = HTTPServer(("127.0.0.1", 0), Handler)
    server.page = ""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def open_shop(visit: Visit, server: Gateway, shop: Any) -> Callable[..., Visitor]:
    def opened(token: str, attributes: str = "", style: str = "", **options: Any) -> Visitor:
        shop.page = PAGE.format(tollgate=server.url, token=token, attributes=attributes, style=style)
        window = visit(**options)
        window.page.goto(f"http://127.0.0.1:{shop.server_port}/")
        window.page.locator("tollgate-feedback button.up").wait_for()
        return window

    return opened


def answered(cast: Cast) -> tuple[UUID, str]:
    """A request in the log, and its reader's token."""
    row = request_row(cast.acme.tenant, cast.acme.key.api_key, end_user="customer-7")
    return row.request_id, feedback_tokens.issue(row.tenant_id, row.request_id, row.end_user)


def vote_on(request_id: UUID, **wanted: Any) -> Feedback:
    vote: Feedback = wait_until(lambda: Feedback.objects.filter(request_id=request_id, **wanted).first())
    return vote


def test_a_vote_from_another_sites_page_arrives(open_shop: Callable[..., Visitor], live_cast: Cast):
    request_id, token = answered(live_cast)
    window = open_shop(token, f'reasons="incorrect:Not true,own reason:{EVIL}"'.replace(">", "&gt;"))
    page = window.page
    up, down = page.get_by_role("button", name="Good answer"), page.get_by_role("button", name="Bad answer")
    down.focus()
    page.keyboard.press("Enter")
    expect(down).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("status")).to_have_text("Thank you.")
    assert vote_on(request_id).rating == "down"
    page.get_by_role("button", name="Not true").click()
    page.get_by_role("button", name=EVIL).click()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert window.violations() == []
    page.get_by_label("Comment").fill(EVIL)
    page.get_by_role("button", name="Send").click()
    vote = vote_on(request_id, comment=EVIL)
    assert (vote.rating, vote.reasons, vote.source) == ("down", ["incorrect", "own reason"], "token")
    assert (vote.tenant_id, vote.end_user, vote.matched_at is not None) == (
        live_cast.acme.tenant.pk,
        "customer-7",
        True,
    )
    up.click()
    expect(up).to_have_attribute("aria-pressed", "true")
    expect(down).to_have_attribute("aria-pressed", "false")
    vote = vote_on(request_id, rating="up")
    assert (vote.comment, vote.reasons) == ("", [])
    assert Feedback.objects.filter(request_id=request_id).count() == 1
    page.wait_for_function("window.heard.length >= 3")  # each answer reaches the page after its vote the database
    heard = page.evaluate("window.heard")
    assert [said["rating"] for said in heard] == ["down", "down", "up"]
    assert heard[1]["comment"] == EVIL
    assert page.evaluate("window.pwned") is None


def test_a_vote_moves_the_quality_chart(open_shop: Callable[..., Visitor], visit: Visit, live_cast: Cast):
    acme, now = live_cast.acme, timezone.now()
    record = records.record(acme.tenant.pk, now - dt.timedelta(hours=1), api_key_id=acme.key.api_key.pk, task="rated")
    records.put([record])
    rolling.roll_up(now)
    shop = open_shop(feedback_tokens.issue(acme.tenant.pk, record.request_id, "")).page
    dashboard = visit(user=live_cast.ada)
    for button, rating, share in (
        ("Good answer", "up", "100.0 % (20.65 % – 100 %)"),
        ("Bad answer", "down", "0.0 % (0 % – 79.35 %)"),
    ):
        shop.get_by_role("button", name=button).click()
        vote_on(record.request_id, rating=rating)
        page = dashboard.goto(f"/t/{acme.tenant.slug}/dashboards/quality/?task=rated")
        panel = page.locator("#panel-quality")
        panel.get_by_text("As a table").click()
        expect(panel.locator("tbody td").filter(has_text="%")).to_have_text([share])
        expect(page.locator(".tg-tile").first).to_contain_text("1 vote")


def test_it_speaks_the_pages_language_takes_its_colours_and_says_when_a_token_is_none(
    open_shop: Callable[..., Visitor], live_cast: Cast
):
    _, token = answered(live_cast)
    page = open_shop(
        token[:30] + ("A" if token[30] != "A" else "B") + token[31:],  # the last one may be written in several ways
        'comment="off" label-up="Gut" label-down="Schlecht" label-closed="Geht nicht mehr."',
        "--tollgate-accent: rgb(200, 0, 0); --tollgate-radius: 20px",
    ).page
    assert page.get_by_role("button").count() == 2
    button = page.get_by_role("button", name="Schlecht")
    button.hover()
    style = button.evaluate("button => [getComputedStyle(button).borderColor, getComputedStyle(button).borderRadius]")
    assert style == ["rgb(200, 0, 0)", "20px"]
    button.click()
    expect(page.get_by_role("status")).to_have_text("Geht nicht mehr.")
    expect(button).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("window.heard") is None


def test_it_is_small_and_kept_by_browsers(server: Gateway):
    reply = server.request("GET", "/static/tollgate/feedback.js")
    assert len(reply.body) < 5 * 1024
    assert reply.headers["cache-control"] == "public, max-age=3600, stale-while-revalidate=86400"
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["content-type"].startswith("text/javascript")
    assert b"import " not in reply.body.replace(b"import.meta", b"")
    page = server.request("GET", "/static/tollgate/feedback.css")
    assert page.headers["cache-control"] == "max-age=60, public"


def test_the_page_behind_a_link_is_accessible_and_votes(visit: Visit, live_cast: Cast):
    request_id, token = answered(live_cast)
    window = visit()
    page = window.goto(f"/feedback/{token}")
    page.get_by_text("Say more").click()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert window.violations() == []
    page.get_by_label("Not correct").check()
    page.get_by_role("button", name="Not good").click()
    expect(page.get_by_role("status")).to_contain_text("Thank you. You said: not good.")
    assert vote_on(request_id).reasons == ["incorrect"]
