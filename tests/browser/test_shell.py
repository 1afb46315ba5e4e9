"""The console's frame in a real browser: nothing seriously inaccessible, usable by keyboard alone and on a narrow screen."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tenants.models import Membership
from tests.browser.browsing import NARROW, Visitor
from tests.cast import Cast
from tests.gateway.live import wait_until

PAGES = [
    "",
    "budgets/",
    "budgets/add/",
    "tenants/apikey/",
    "gateway/requestlog/",
    "gateway/routingrule/explain/",
    "management-keys/",
]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_is_seriously_inaccessible(visit: Callable[..., Visitor], live_cast: Cast, theme: str):
    window = visit(user=live_cast.ada, theme=theme)
    found = []
    for address in ["/t/", "/t/none/", *(f"/t/{live_cast.acme.tenant.slug}/{page}" for page in PAGES)]:
        window.goto(address)
        found += [f"{address}: {violation}" for violation in window.violations()]
    assert not found, "\n".join(found)


def test_the_keyboard_alone_gets_past_the_navigation_changes_the_tenant_and_the_theme(
    visit: Callable[..., Visitor], live_cast: Cast
):
    Membership.objects.create(tenant=live_cast.globex.tenant, user=live_cast.vera, role="viewer")
    window = visit(user=live_cast.vera)
    page = window.goto(f"/t/{live_cast.acme.tenant.slug}/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()

    switcher = page.get_by_role("button", name="Acme")
    switcher.focus()
    page.keyboard.press("Enter")
    expect(switcher).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(switcher).to_have_attribute("aria-expanded", "false")
    expect(switcher).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Globex").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/t/{live_cast.globex.tenant.slug}/")

    account = page.get_by_role("button", name="vera")
    account.focus()
    page.keyboard.press("Enter")
    dark = page.get_by_role("button", name="Dark")
    dark.focus()
    page.keyboard.press("Enter")
    expect(dark).to_have_attribute("aria-pressed", "true")
    expect(page.locator("html")).to_have_class("dark")


def test_on_a_narrow_screen_the_navigation_opens_and_nothing_is_wider_than_the_screen(
    visit: Callable[..., Visitor], live_cast: Cast
):
    window = visit(user=live_cast.ada, viewport=NARROW)
    for path in PAGES:
        page = window.goto(f"/t/{live_cast.acme.tenant.slug}/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], path
    page.get_by_role("button", name="Open the navigation").click()
    page.get_by_role("link", name="Budgets").click()
    page.wait_for_url("**/budgets/")


def test_a_script_that_was_slipped_into_a_page_does_not_run(visit: Callable[..., Visitor], live_cast: Cast) -> None:
    window = visit(user=live_cast.ada)
    page = window.goto("/")
    page.evaluate(
        "() => { const script = document.createElement('script'); script.textContent = 'window.ran = true'; document.body.append(script) }"
    )
    assert page.evaluate("() => window.ran") is None
    assert wait_until(lambda: window.errors or page.wait_for_timeout(20))
    window.errors.clear()
