"""A key gets a new secret while requests run: none fails, all count on the one key, and the former secret ends when it was said."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter

import pytest
from django.utils import timezone

from billing.models import DailyUsage
from tenants import api_keys
from tenants.models import ApiKey
from tests.gateway.live import World, wait_until

SENDERS = 4
NONE = dt.timedelta(0)


@pytest.fixture
def key(world: World) -> ApiKey:
    return ApiKey.objects.get(tenant=world.tenant)


BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}


def sent(world: World, secret: str) -> tuple[int, str]:
    """The status, and the error's code if it is one."""
    reply = world.post("/v1/chat/completions", BODY, secret=secret)
    return reply.status, reply.json().get("error", {}).get("code", "")


def is_refused(world: World, secret: str) -> bool:
    return sent(world, secret)[0] == 401


def test_no_request_fails_while_a_key_is_rotated(world: World, key: ApiKey):
    """Senders go on with the former secret until they are given the new one, one after the other."""
    secrets = [world.secret] * SENDERS
    seen: list[tuple[int, int, str]] = []
    is_over = threading.Event()

    def send(number: int) -> None:
        while not is_over.is_set():
            secret = secrets[number]
            seen.append((number, sent(world, secret)[0], secret))

    def have_sent(secret: str, *, since: int) -> bool:
        latest = seen[since:]
        return all((number, 200, secret) in latest for number in range(SENDERS))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(SENDERS)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: have_sent(world.secret, since=0))
        made = api_keys.rotate(key, overlap=dt.timedelta(hours=1))
        since = len(seen)
        wait_until(lambda: have_sent(world.secret, since=since))  # the former one goes on
        for number in range(SENDERS):
            secrets[number] = made.secret
        since = len(seen)
        wait_until(lambda: have_sent(made.secret, since=since))
    finally:
        is_over.set()
        for thread in threads:
            thread.join(30)
    assert Counter(status for _number, status, _secret in seen) == {200: len(seen)}
    world.records(len(seen))
    (counted,) = DailyUsage.objects.filter(tenant=world.tenant, dimension="key")
    assert (counted.subject, counted.requests) == (str(key.pk), len(seen))
    used = dict(key.secrets.values_list("prefix", "last_used_at"))
    assert used[world.secret[:10]] < used[made.secret[:10]]


def test_the_former_secret_ends_by_the_clock_without_another_edit(world: World, key: ApiKey):
    overlap, now = dt.timedelta(seconds=1.5), timezone.now()
    made = api_keys.rotate(key, overlap=overlap, now=now)
    is_over = is_refused(world, world.secret)
    assert not is_over or timezone.now() > now + overlap
    wait_until(lambda: is_refused(world, world.secret))
    assert sent(world, world.secret) == (401, "rotated_api_key")
    assert not is_refused(world, made.secret)


def test_without_an_overlap_the_next_request_is_refused(world: World, key: ApiKey):
    assert not is_refused(world, world.secret)
    made = api_keys.rotate(key, overlap=NONE)
    assert sent(world, world.secret) == (401, "rotated_api_key")
    assert not is_refused(world, made.secret)


def test_a_former_secret_that_is_ended_early_is_refused_at_once(world: World, key: ApiKey):
    api_keys.rotate(key)
    assert not is_refused(world, world.secret)
    api_keys.end_secret(key.secrets.exclude(ends_at=None).get())
    assert sent(world, world.secret) == (401, "rotated_api_key")


def test_revoking_ends_every_secret(world: World, key: ApiKey):
    made = api_keys.rotate(key)
    api_keys.revoke(made.api_key)
    for secret in (world.secret, made.secret):
        assert sent(world, secret) == (401, "invalid_api_key")


def test_a_limit_of_the_key_holds_for_both_secrets_together(world: World, key: ApiKey):
    ApiKey.objects.filter(pk=key.pk).update(requests_per_minute=2)
    made = api_keys.rotate(key)
    secrets = (world.secret, made.secret, world.secret, made.secret)
    assert [sent(world, secret)[0] for secret in secrets] == [200, 200, 429, 429]
