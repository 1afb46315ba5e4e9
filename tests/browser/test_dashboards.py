"""The dashboards in a real browser: nothing seriously inaccessible; from a chart to the slow request, by mouse and by keyboard."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.db import connections
from django.utils import timezone
from playwright.sync_api import Route, expect

from dashboards import rolling
from gateway.models import RequestLog
from tests.browser.browsing import NARROW, Visitor
from tests.cast import Cast
from tests.dashboards import ratings, records
from tests.dashboards.ratings import Answer
from tests.gateway.live import wait_until

TABS = ("latency", "cost", "errors", "cache", "quality", "requests")


@pytest.fixture(scope="module")
def traffic(live_cast: Cast, django_db_blocker) -> Iterator[Cast]:
    """Requests of the last hours at Acme's, the slowest of an hour ago."""
    with django_db_blocker.unblock():
        now, tenant = timezone.now(), live_cast.acme.tenant
        key = live_cast.acme.key.api_key.pk
        made = [
            records.record(
                tenant.pk, now - dt.timedelta(minutes=20 * place + 5), api_key_id=key, task="sum", cache=("hit", "miss")[place % 2],
                latency_ms=9000.0 if place == 3 else 300.0 + place, cost_usd=Decimal("0.25"), model_served=f"m{place % 3}",
                outcome="upstream_error" if place == 5 else "ok", status=503 if place == 5 else 200,
                error_type="upstream_overloaded" if place == 5 else "", finish_reason="" if place == 5 else "stop",
                steps_us={"validate": 100, "first_byte": 200_000},
            )
            for place in range(12)
        ]  # fmt: skip
        records.put(made)
        rolling.roll_up(now)
        rated = [Answer(item.accepted_at, "sum", item.model_served, votes=("up", "down"), score=5) for item in made]
        ratings.put(tenant.pk, rated)
        yield live_cast
        RequestLog.objects.across("the test's own").filter(tenant=tenant).delete()
        connections.close_all()


@pytest.mark.parametrize(("theme", "viewport"), [("light", {}), ("dark", {"viewport": NARROW})])
def test_no_tab_is_seriously_inaccessible_or_too_wide(
    visit: Callable[..., Visitor], traffic: Cast, theme: str, viewport: dict
):
    window = visit(user=traffic.ada, theme=theme, **viewport)
    found = []
    for tab in TABS:
        page = window.goto(f"/t/{traffic.acme.tenant.slug}/dashboards/{tab}/?compare=1&task=sum")
        for summary in page.locator(".tg-data > summary").all()[:1]:
            summary.click()
        found += [f"{tab}: {violation}" for violation in window.violations()]
        assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"], tab
    assert not found, "\n".join(found)


def test_from_the_p95_to_the_slow_request(visit: Callable[..., Visitor], traffic: Cast):
    window = visit(user=traffic.ada)
    page = window.goto(f"/t/{traffic.acme.tenant.slug}/dashboards/latency/?range=6h")
    panel = page.locator("#panel-latency")
    panel.get_by_role("button", name="p50").click()
    expect(panel.get_by_role("button", name="p50")).to_have_attribute("aria-pressed", "false")
    panel.get_by_text("As a table").click()
    page.evaluate("document.getElementById('dashboard').dataset.seen = '1'")
    slow = panel.locator("tbody tr").filter(has_text=re.compile(r"(8\.9|9\.0)\d s"))
    expect(slow).to_have_count(1)
    page.evaluate("htmx.trigger('#dashboard', 'tollgate:refresh')")  # as the clock does it where the page is live
    expect(page.locator("#dashboard[data-seen]")).to_have_count(0)
    expect(panel.get_by_role("button", name="p50")).to_have_attribute("aria-pressed", "false")
    panel.locator(".tg-chart-frame").focus()
    page.keyboard.press("End")
    expect(panel.get_by_role("status")).to_contain_text("p95")
    slow.get_by_role("link").click()
    page.wait_for_url("**/dashboards/requests/**")
    row = page.locator("tbody tr").filter(has_text="9.00 s")
    row.get_by_role("link").click()
    page.wait_for_url("**/gateway/requestlog/**")
    expect(page.get_by_role("heading", name="Where the time went")).to_be_visible()
    expect(page.locator(".tg-trace-tiles")).to_contain_text("9.00 s")
    expect(page.locator(".tg-timeline").get_by_text("Provider")).not_to_have_count(0)
    assert not window.violations()
    page.set_viewport_size({"width": 400, "height": 800})
    page.wait_for_function("document.documentElement.scrollWidth <= 400")


def test_new_requests_come_into_the_list_by_themselves_and_the_keyboard_stays_where_it_was(
    visit: Callable[..., Visitor], traffic: Cast, django_db_blocker
):
    page = visit(user=traffic.ada).goto(f"/t/{traffic.acme.tenant.slug}/dashboards/requests/?range=6h&task=sum")
    rows = page.locator("#listing tbody tr")
    expect(rows).to_have_count(12)
    held = rows.nth(1).get_by_role("link")
    address = held.get_attribute("href")
    looks: list[Route] = []
    page.route("**/dashboards/requests/?**", lambda route: looks.append(route))
    with django_db_blocker.unblock():
        key = traffic.acme.key.api_key.pk
        records.put(
            [records.record(traffic.acme.tenant.pk, timezone.now(), api_key_id=key, task="sum", latency_ms=1.0)]
        )
        rolling.roll_up(timezone.now())
        connections.close_all()
    wait_until(lambda: looks or page.wait_for_timeout(20))
    held.focus()  # while the page has asked, and not been answered yet
    looks[0].continue_()
    page.unroute("**/dashboards/requests/?**")
    expect(rows).to_have_count(13)
    page.wait_for_function("address => document.activeElement.getAttribute('href') === address", arg=address)
    expect(page.locator("[data-follow-status]")).to_have_text("1 new request")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Go on")).to_be_visible()


def test_dragging_zooms_in_and_back_leads_out_again(visit: Callable[..., Visitor], traffic: Cast):
    page = visit(user=traffic.ada).goto(f"/t/{traffic.acme.tenant.slug}/dashboards/cost/?range=6h&task=sum")
    box = page.locator("#panel-cost .u-over").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.3, y)
    expect(page.locator("#panel-cost .tg-tip")).to_be_visible()
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, y, steps=4)
    page.mouse.up()
    page.wait_for_url("**from=**")
    asked = parse_qs(urlsplit(page.url).query)
    length = dt.datetime.fromisoformat(asked["to"][0]) - dt.datetime.fromisoformat(asked["from"][0])
    assert dt.timedelta(minutes=90) <= length <= dt.timedelta(minutes=130)
    assert asked["task"] == ["sum"]
    page.go_back()
    page.wait_for_url("**range=6h**")
    expect(page.locator("#range-6h")).to_have_attribute("aria-current", "true")
    expect(page.locator("#panel-cost canvas")).to_be_visible()

    page.locator("#filters > summary").click()
    page.get_by_label("Model", exact=True).select_option("m1")
    page.get_by_role("button", name="Narrow down").click()
    expect(page.get_by_text("Model: m1")).to_be_visible()
    assert parse_qs(urlsplit(page.url).query) == {"range": ["6h"], "task": ["sum"], "model": ["m1"]}
    expect(page.locator(".tg-tile-value").first).to_have_text("$1.00")


def test_the_csv_has_what_the_chart_shows(visit: Callable[..., Visitor], traffic: Cast):
    """Of hours that are over: those up to now go on, and between looking at the chart and at its CSV another step may begin."""
    end = timezone.now()
    span = urlencode({"from": (end - dt.timedelta(hours=6)).isoformat(), "to": end.isoformat(), "task": "sum"})
    page = visit(user=traffic.ada).goto(f"/t/{traffic.acme.tenant.slug}/dashboards/cost/?{span}")
    page.locator("#panel-cost").get_by_text("As a table").click()
    shown = page.locator("#panel-cost tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].slice(1).map(cell => cell.textContent.trim()))"
    )
    drawn = page.locator("#data-cost").evaluate("element => JSON.parse(element.textContent)")
    with page.expect_download() as download:
        page.locator("#panel-cost").get_by_role("link", name="CSV").click()
    head, *rows = csv.reader(download.value.path().read_text("utf-8-sig").splitlines())
    assert [dt.datetime.fromisoformat(row[0]).timestamp() for row in rows] == drawn["edges"]
    assert head[1:] == [f"{line['label']} (usd)" for line in drawn["series"]]
    for place, line in enumerate(drawn["series"], start=1):
        assert [float(row[place]) if row[place] else None for row in rows] == line["values"]
    figures = [[Decimal(value or 0) for value in row[1:]] for row in rows]
    assert sum(sum(row) for row in figures) == 3  # twelve requests, a quarter of a dollar each
    assert [[Decimal(text.strip("$–") or 0) for text in row] for row in shown] == figures
