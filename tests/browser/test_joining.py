"""From an owner's invitation to a member with a second factor, as people do it: in a browser, by mail, with an authenticator app."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.cache import cache
from playwright.sync_api import Page, expect

from tenants.models import Membership
from tests.browser import mail
from tests.browser.browsing import Visitor
from tests.cast import Cast
from tests.gateway.live import wait_until

PASSWORD = "correct horse battery"


def code_of(secret: str) -> str:
    """What an authenticator app shows now, and some seconds yet. That it was used already is forgotten, or one would have to wait."""
    cache.clear()
    wait_until(lambda: time.time() % 30 < 20)
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def confirm_password(page: Page) -> None:
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()


def test_from_an_invitation_to_a_member_with_a_second_factor(visit: Callable[..., Visitor], live_cast: Cast):
    tenant = live_cast.acme.tenant
    email = f"nina@{tenant.slug}.example"
    owner = visit(user=live_cast.alice)
    page = owner.goto(f"/t/{tenant.slug}/")
    page.get_by_role("link", name="Team").click()
    page.get_by_label("E-mail").fill(email)
    page.locator("#id_role").select_option("developer")
    page.get_by_role("button", name="Send the invitation").click()
    expect(page.get_by_text(f"Invited: {email}")).to_be_visible()

    newcomer = visit(theme="dark")
    page = newcomer.page
    page.goto(mail.link_in(mail.latest_to(email), "/invitation/"))
    assert newcomer.violations() == []
    page.get_by_label("Your name").fill("Nina Nova")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Make my account and join").click()
    page.wait_for_url(f"**/t/{tenant.slug}/")
    expect(page.get_by_role("button", name="Nina Nova")).to_be_visible()
    assert Membership.objects.get(user__email=email).role == "developer"

    page.get_by_role("button", name="Nina Nova").click()
    page.get_by_role("link", name="Account and security").click()
    page.get_by_role("link", name="Activate").click()
    confirm_password(page)
    secret = page.get_by_label("Authenticator secret").input_value()
    page.locator("#id_code").fill(code_of(secret))
    page.get_by_role("button", name="Activate").click()
    page.wait_for_url("**/account/2fa/recovery-codes/")
    page.get_by_role("button", name="Sign out").click()

    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/account/2fa/authenticate/")
    page.locator("#id_code").fill(code_of(secret))
    page.get_by_role("button", name="Sign In", exact=True).click()
    page.wait_for_url(f"**/t/{tenant.slug}/")

    page = owner.goto(f"/t/{tenant.slug}/team/")
    expect(page.get_by_label("Role of Nina Nova", exact=True)).to_have_value("developer")
    expect(page.get_by_text(email)).to_be_visible()


def test_a_passkey_signs_in_without_a_password(visit: Callable[..., Visitor], live_cast: Cast):
    """With an authenticator that the browser itself plays."""
    live_cast.bob.set_password(PASSWORD)
    live_cast.bob.save()
    window = visit(user=live_cast.bob)
    window.url = window.url.replace("127.0.0.1", "localhost")  # passkeys belong to names, not to IP addresses
    window.sign_in_as(live_cast.bob)
    session: Any = window.context.new_cdp_session(window.page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page = window.goto("/account/2fa/webauthn/add/")
    page.wait_for_url("**/account/reauthenticate/**")
    confirm_password(page)
    page.wait_for_url("**/account/2fa/webauthn/add/")  # and its script has run, without which the buttons do nothing
    page.get_by_label("Name").fill("My laptop")
    page.get_by_label("Passwordless").check()
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("Security key added.")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/account/login/**")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(f"**/t/{live_cast.acme.tenant.slug}/")


ACCOUNT_PAGES = [
    "/account/2fa/",
    "/account/2fa/totp/activate/",
    "/account/2fa/webauthn/add/",
    "/account/2fa/recovery-codes/generate/",
    "/account/password/change/",
    "/account/email/",
    "/account/sessions/",
    "/account/3rdparty/",
    "/account/logout/",
]
ENTRANCE_PAGES = [
    "/account/login/",
    "/account/sso/",
    "/account/password/reset/",
    "/account/password/reset/done/",
    "/account/password/reset/key/1-set-password/",
    "/account/signup/",
    "/account/inactive/",
    "/account/confirm-email/",
    "/account/3rdparty/login/cancelled/",
    "/account/3rdparty/login/error/",
    "/invitation/none/",
]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_of_accounts_is_seriously_inaccessible_or_without_its_look(
    visit: Callable[..., Visitor], live_cast: Cast, theme: str
):
    live_cast.ada.set_password(PASSWORD)
    live_cast.ada.save()
    stranger, member = visit(theme=theme), visit(user=live_cast.ada, theme=theme)
    member.goto("/account/reauthenticate/?next=/account/2fa/")
    confirm_password(member.page)
    member.page.wait_for_url("**/account/2fa/")
    found = []
    for window, addresses in ((stranger, ENTRANCE_PAGES), (member, ACCOUNT_PAGES)):
        for address in addresses:
            page = window.goto(address)
            assert page.locator("#content").count() == 1, address  # the house's frame
            found += [f"{address}: {violation}" for violation in window.violations()]
    assert not found, "\n".join(found)
