"""A key is rotated on its page while applications call with it: they are given the new secret one after the other, and no request fails."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from playwright.sync_api import expect

from simulator.process import SimulatorProcess
from tenants.models import ApiKey, Membership
from tests.browser.browsing import Visitor
from tests.cast import Cast
from tests.gateway.live import Gateway, World, wait_until

APPLICATIONS = 3
BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}


class Applications:
    """Each calls again and again with the secret that it has. `seen`: (which, secret, status) of every call that has ended."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.secrets = [world.secret] * APPLICATIONS
        self.seen: list[tuple[int, str, int]] = []
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(APPLICATIONS)]

    def _call(self, number: int) -> None:
        while not self._is_over.is_set():
            secret = self.secrets[number]
            self.seen.append((number, secret, self.world.post("/v1/chat/completions", BODY, secret=secret).status))

    def __enter__(self) -> Applications:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(30)

    def have_all_called(self, secret: str) -> None:
        """Wait until each has been answered, from now on."""
        since = len(self.seen)
        wanted = {(number, secret, 200) for number in range(APPLICATIONS)}
        wait_until(lambda: wanted <= set(self.seen[since:]))


def test_no_request_fails_while_a_key_is_rotated_in_the_console(
    visit: Callable[..., Visitor], live_cast: Cast, server: Gateway, upstream: SimulatorProcess
):
    world = World.build(server, upstream.base_url)
    Membership.objects.create(tenant=world.tenant, user=live_cast.ada, role="admin")
    key = ApiKey.objects.get(tenant=world.tenant)
    window = visit(user=live_cast.ada)
    with Applications(world) as applications:
        applications.have_all_called(world.secret)
        page = window.goto(f"/t/{world.tenant.slug}/tenants/apikey/{key.pk}/change/")
        page.get_by_role("link", name="Rotate").click()
        page.get_by_role("button", name="Rotate").click()
        expect(page.get_by_text("goes on working and ends")).to_be_visible()
        made = page.locator("#secret").inner_text()
        assert made != world.secret

        applications.have_all_called(world.secret)  # nobody was told yet
        for number in range(APPLICATIONS):
            applications.secrets[number] = made
        applications.have_all_called(made)

        page.get_by_role("link", name="Open the key's page").click()
        page.get_by_role("link", name="End now").click()
        page.get_by_role("button", name="End it").click()
        expect(page.get_by_text("Ended:")).to_be_visible()
        applications.have_all_called(made)
    assert Counter(status for _number, _secret, status in applications.seen) == {200: len(applications.seen)}
    refused = world.post("/v1/chat/completions", BODY, secret=world.secret)
    assert (refused.status, refused.json()["error"]["code"]) == (401, "rotated_api_key")
