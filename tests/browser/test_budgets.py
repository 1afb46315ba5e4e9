"""A budget in money, as an admin sets it: written as a sentence, spent through the API, seen filling, refusing, and telling of it."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from simulator.process import SimulatorProcess
from tenants.models import Membership
from tests.browser.browsing import NARROW, Visitor
from tests.cast import Cast
from tests.gateway.live import Gateway, World

PAGES = {
    "light": ["budgets/add/", "budgets/{budget}/", "channels/add/", "channels/{channel}/", "plan/", "statements/"],
    "dark": ["budgets/", "budgets/{budget}/", "alerts/", "channels/"],
}


def test_a_budget_is_set_spent_seen_and_refuses(
    visit: Callable[..., Visitor], live_cast: Cast, server: Gateway, upstream: SimulatorProcess
):
    world = World.build(server, upstream.base_url)
    Membership.objects.create(tenant=world.tenant, user=live_cast.ada, role="admin")
    window = visit(user=live_cast.ada)
    page = window.goto(f"/t/{world.tenant.slug}/budgets/")
    page.get_by_role("link", name="Or write one of your own").click()
    page.wait_for_url("**/budgets/add/**")
    page.get_by_label("Amount").fill("0.005")
    page.get_by_label("Per", exact=True).select_option("day")
    page.get_by_label("Alert at").fill("50")
    expect(page.get_by_text("Block when the whole tenant spends more than $0.005 a day.")).to_be_visible()
    page.get_by_role("button", name="Add budget").click()
    name = "Whole tenant, $0.005 a day"
    expect(page.get_by_text(f"“{name}” is in force from the next request on.")).to_be_visible()
    bar = page.locator(".tg-burn")
    expect(bar).to_contain_text("$0.00 of $0.005")

    replies = [world.chat(max_tokens=60)]
    while replies[-1].status == 200 and len(replies) < 60:
        replies.append(world.chat(max_tokens=60))
    refused = replies[-1]
    assert refused.status == 429
    assert (refused.json()["error"]["code"], refused.json()["error"]["detail"]["budget"]) == ("budget_spent", name)
    assert len(replies) > 2

    # Nobody has loaded the page again.
    expect(bar).to_have_class(re.compile("tg-(near|full)"))
    expect(bar).to_contain_text(re.compile(r"\b([5-9]\d|100) %"))
    world.records(len(replies))
    page.reload()
    page.get_by_role("link", name="Alerts: 1 new").click()
    page.get_by_role("link", name=re.compile(f"Budget “{re.escape(name)}” (has|is) used")).click()
    expect(page.get_by_text(re.compile("Crossed 50 %:"))).to_be_visible()


@pytest.mark.parametrize("theme", PAGES)
def test_no_page_is_seriously_inaccessible_or_wider_than_a_narrow_screen(
    visit: Callable[..., Visitor], live_cast: Cast, theme: str
):
    window = visit(user=live_cast.ada, theme=theme, viewport=NARROW)
    for path in PAGES[theme]:
        filled = path.format(budget=live_cast.acme.budget.pk, channel=live_cast.acme.channel.pk)
        page = window.goto(f"/t/{live_cast.acme.tenant.slug}/{filled}")
        assert window.violations() == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], path
