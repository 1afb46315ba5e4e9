"""From an invitation to the first answer, as whoever is invited does it: an account, signing in, a provider of one's own, its model, a
key, a request that appears on the page.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from gateway.models import Provider
from simulator.process import SimulatorProcess
from tenants.models import ApiKey, Membership, Tenant
from tests.browser import mail
from tests.browser.browsing import NARROW, Visitor
from tests.cast import Cast
from tests.gateway.live import CREDENTIAL, Gateway

PASSWORD = "correct horse battery"


@pytest.fixture
def initech(live_cast: Cast) -> Tenant:
    """A tenant that has nothing yet, and Alice owns."""
    slug = live_cast.acme.tenant.slug.replace("acme", "initech")
    tenant = Tenant.objects.create(name="Initech", slug=slug, timezone="Europe/Vienna")
    Membership.objects.create(tenant=tenant, user=live_cast.alice, role="owner")
    return tenant


def invited(visit: Callable[..., Visitor], owner: User, tenant: Tenant) -> Visitor:
    """The window of an admin who was invited on the team page, has made an account by the mail's link, signed out, and signed in again."""
    email = f"nina@{tenant.slug}.example"
    team = visit(user=owner).goto(f"/t/{tenant.slug}/team/")
    team.get_by_label("E-mail").fill(email)
    team.locator("#id_role").select_option("admin")
    team.get_by_role("button", name="Send the invitation").click()
    expect(team.get_by_text(f"Invited: {email}")).to_be_visible()

    window = visit()
    page = window.page
    page.goto(mail.link_in(mail.latest_to(email), "/invitation/"))
    page.get_by_label("Your name").fill("Nina Nova")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Make my account and join").click()
    page.wait_for_url(f"**/t/{tenant.slug}/setup/")
    page.get_by_role("button", name="Nina Nova").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    return window


def test_from_an_invitation_to_the_first_answer(
    visit: Callable[..., Visitor], live_cast: Cast, initech: Tenant, upstream: SimulatorProcess, server: Gateway
):
    window = invited(visit, live_cast.alice, initech)
    window.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = window.page
    page.wait_for_url(f"**/t/{initech.slug}/setup/")
    page.get_by_role("link", name="Connect").click()

    page.get_by_text("OpenAI-compatible server").click()
    page.get_by_label("Base URL").fill("http://127.0.0.1:1/v1")
    page.get_by_label("API key").fill(CREDENTIAL)
    page.get_by_role("button", name="Test and connect").click()
    expect(page.get_by_text("127.0.0.1 cannot be reached.")).to_be_visible()
    assert not Provider.objects.filter(tenant=initech).exists()
    assert window.violations() == []
    page.get_by_label("Base URL").fill(f"{upstream.base_url}/v1")
    page.get_by_role("button", name="Test and connect").click()

    page.wait_for_url("**/models/?from=setup")
    page.get_by_role("checkbox", name="gpt-4o-mini").check()
    page.get_by_label("Input, USD per million tokens").fill("0.15")
    page.get_by_label("Output, USD per million tokens").fill("0.6")
    assert window.violations() == []
    page.get_by_role("button", name="Add the ticked models").click()

    page.wait_for_url("**/setup/")
    page.get_by_label("What will call with it?").fill("support bot")
    page.get_by_role("button", name="Make the key").click()
    secret = page.locator("#secret").inner_text()
    page.locator(".tg-secret").get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    page.get_by_role("tab", name="Python, openai").click()
    code = page.get_by_role("tabpanel")
    expect(code).to_contain_text(secret)
    expect(code).to_contain_text('model="gpt-4o-mini"')
    assert window.violations() == []

    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello!"}]}
    answer = server.request("POST", "/v1/chat/completions", json.dumps(body).encode(), authorization=f"Bearer {secret}")
    assert answer.status == 200
    expect(page.get_by_text("Your request was answered.")).to_be_visible()
    expect(page.get_by_text("gpt-4o-mini · server")).to_be_visible()
    expect(page.get_by_role("button", name="I'll do it later")).to_be_hidden()
    page.reload()  # makes no second key, and shows none again
    assert page.get_by_text(secret).count() == 0
    assert ApiKey.objects.filter(tenant=initech).count() == 1


def test_the_pages_fit_a_narrow_window_in_the_dark(visit: Callable[..., Visitor], live_cast: Cast):
    window = visit(user=live_cast.alice, theme="dark", viewport=NARROW)
    home = f"/t/{live_cast.acme.tenant.slug}/"
    found = []
    for address in (
        home,
        f"{home}setup/",
        f"{home}tenants/apikey/",
        f"{home}tenants/apikey/add/",
        f"{home}tenants/apikey/{live_cast.acme.key.api_key.pk}/change/",
        f"{home}tenants/apikey/{live_cast.acme.key.api_key.pk}/rotate/",
        f"{home}gateway/provider/connect/",
        f"{home}gateway/provider/",
    ):
        page = window.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], address
        found += [f"{address}: {violation}" for violation in window.violations()]
    assert not found, "\n".join(found)
