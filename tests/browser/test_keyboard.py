"""Without a pointer: somebody signs in, goes to the budgets and makes one, by Tab, Enter, Space and arrows alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from playwright.sync_api import Locator, Page, expect

from billing.models import Budget
from tests.browser.browsing import Visitor
from tests.cast import Cast

PASSWORD = "correct horse battery"
MOST_STOPS = 80  # of Tab, from the top of a page to what is wanted


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until it has the focus, which has to be seen there."""
    expect(wanted).to_be_visible()
    for _stop in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            style = wanted.evaluate("element => (s => s.outlineStyle + s.boxShadow)(getComputedStyle(element))")
            assert style != "nonenone", wanted
            return
    raise AssertionError(f"not reached by {MOST_STOPS} times Tab: {wanted}")


def test_a_budget_is_made_by_the_keyboard_alone(visit: Callable[..., Visitor], live_cast: Cast):
    live_cast.ada.set_password(PASSWORD)
    live_cast.ada.save()
    acme = live_cast.acme.tenant
    page = visit().goto("/account/login/")
    if not page.get_by_label("Email").evaluate("element => element === document.activeElement"):
        tab_to(page, page.get_by_label("Email"))
    page.keyboard.type(live_cast.ada.email)
    tab_to(page, page.get_by_label("Password"))
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/t/{acme.slug}/")

    tab_to(page, page.locator(f'a[href="/t/{acme.slug}/budgets/"]').first)
    page.keyboard.press("Enter")
    page.wait_for_url("**/budgets/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("link", name="New budget"))
    page.keyboard.press("Enter")

    tab_to(page, page.get_by_label("Amount"))
    page.keyboard.type("12.5")
    per = page.get_by_label("Per", exact=True)
    tab_to(page, per)
    while per.input_value() != "day":
        before = per.input_value()
        page.keyboard.press("ArrowUp")
        assert per.input_value() != before
    tab_to(page, page.get_by_role("textbox", name="Alert at"))
    page.keyboard.press("Control+a")
    page.keyboard.type("50")
    expect(page.get_by_text("Block when the whole tenant spends more than $12.50 a day.")).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Add budget"))
    page.keyboard.press("Space")
    expect(page.get_by_text(re.compile("is in force from the next request on"))).to_be_visible()
    made = Budget.objects.get(tenant=acme, window="day", metric="usd", scope="tenant")
    assert (made.amount, made.thresholds) == (Decimal("12.5"), [50])
