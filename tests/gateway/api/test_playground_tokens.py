"""The playground's tokens: what may be called with one, as whom it counts, and when it is refused."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

from gateway import votes
from gateway.models import Feedback
from tenants import api_keys, playground
from tenants.models import ApiKey
from tests.gateway.live import Reply, World

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def key(world: World) -> ApiKey:
    return playground.open_for(world.tenant, by=None)


def token(world: World, person: str = "ada@acme.example", **more: Any) -> str:
    return playground.issue(world.tenant.pk, person, **more)


def call(world: World, path: str = "/v1/chat/completions", body: Any = CHAT, **more: Any) -> Reply:
    return world.post(path, body, **{"secret": token(world), **more})


def code(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json()["error"]["code"]


def test_a_call_counts_as_the_playgrounds_key_and_is_tagged_with_who_made_it(world: World, key: ApiKey):
    reply = call(world, x_tollgate_tags="beta,two%20words", body={**CHAT, "user": "customer-1"})
    assert reply.status == 200
    (row,) = world.records()
    assert (row.api_key_id, row.tags) == (key.pk, ["playground", "by:ada@acme.example", "beta", "two words"])
    assert (row.end_user, row.outcome) == ("customer-1", "ok")


def test_whatever_a_person_is_called_is_one_tag(world: World, key: ApiKey):
    for person in ("é,è & 100 %", "x" * 150):
        assert call(world, secret=token(world, person)).status == 200
    assert [row.tags for row in world.records(2)] == [
        ["playground", "by:é è & 100 %"],
        ["playground", f"by:{'x' * 61}"],
    ]


def test_what_the_playground_does_may_be_called(world: World, key: ApiKey):
    message = {"model": "gpt-4o", "max_tokens": 20, "messages": CHAT["messages"]}
    for path, body in (
        ("/v1/chat/completions", {**CHAT, "stream": True}),
        ("/v1/messages", message),
        ("/v1/messages/count_tokens", {"model": "claude-sonnet-4-5", "messages": CHAT["messages"]}),
        ("/v1/embeddings", {"model": "text-embedding-3-small", "input": "x"}),
        ("/v1/route/explain", CHAT),
    ):
        assert call(world, path, body).status == 200, path


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1/models/gpt-4o", "/v1/budgets", "/v1/usage", "/v1/usage?group_by=key"]
)
def test_nothing_else_may_be_whatever_the_key_may_do(world: World, key: ApiKey, path: str):
    ApiKey.objects.filter(pk=key.pk).update(scopes=ApiKey.Scope.values)
    assert code(world.gateway.request("GET", path, authorization=f"Bearer {token(world)}")) == (403, "missing_scope")


def test_it_is_taken_in_either_header(world: World, key: ApiKey):
    import json

    content = json.dumps(CHAT).encode()
    assert world.gateway.request("POST", "/v1/chat/completions", content, x_api_key=token(world)).status == 200


def test_one_that_has_expired_is_refused(world: World, key: ApiKey, simulator: Any):
    now = time.time()
    late = token(world, now=now - playground.LIFETIME_SECONDS - 1)
    assert code(call(world, secret=late)) == (401, "expired_playground_token")
    assert call(world, secret=token(world, now=now - playground.LIFETIME_SECONDS + 30)).status == 200
    assert len(simulator.requests()) == 1


def test_forged_ones_are_refused(world: World, key: ApiKey, simulator: Any):
    good = token(world)
    from gateway.quality import feedback_tokens

    other_purpose = playground.PREFIX + feedback_tokens.issue(world.tenant.pk, key.pk, "").removeprefix("tgf-")
    for forged in (
        good[:-1],
        good + "A",
        "tgp-",
        "tgp-é",
        "tgp-" + "A" * 5000,
        other_purpose,
        good.replace("tgp-", "tg-"),
    ):
        assert code(call(world, secret=forged)) == (401, "invalid_api_key")
    assert simulator.requests() == []


def test_another_tenants_token_reaches_that_tenant_only(world: World, key: ApiKey, gateway: Any):
    other = World.build(gateway, world.simulator_url)
    playground.open_for(other.tenant, by=None)
    world.model("own-model", "openai")
    reply = world.post("/v1/chat/completions", {**CHAT, "model": "own-model"}, secret=token(other))
    assert code(reply) == (404, "model_not_found")
    assert world.records_so_far() == []


def test_before_its_key_is_made_and_after_it_is_revoked_nothing_is_called(world: World, simulator: Any):
    assert code(call(world)) == (403, "playground_off")
    key = playground.open_for(world.tenant, by=None)
    assert call(world).status == 200
    api_keys.revoke(key)
    assert code(call(world)) == (401, "invalid_api_key")  # noticed on the way, as with any key
    assert code(call(world)) == (403, "playground_off")
    with pytest.raises(playground.SwitchedOff):
        playground.open_for(world.tenant, by=None)
    playground.switch_on(world.tenant, by=None)
    assert call(world).status == 200
    assert len(simulator.requests()) == 2


def test_a_tenant_that_is_switched_off_has_no_playground(world: World, key: ApiKey):
    world.tenant.is_active = False
    world.tenant.save()
    assert call(world).status == 401


def test_its_spending_is_bounded_by_its_own_limit(world: World, key: ApiKey):
    assert (key.usd_per_month, key.kind) == (Decimal(20), "playground")
    key.usd_per_month = Decimal("0.0000001")
    key.save()
    assert code(call(world)) == (429, "budget_spent")
    assert world.chat().status == 200  # an application's key is not concerned


def test_the_limits_of_its_key_are_kept_when_it_is_switched_on_again(world: World, key: ApiKey):
    key.usd_per_month, key.allowed_models = Decimal(3), ["gpt-4o"]
    key.save()
    api_keys.revoke(key)
    made = playground.switch_on(world.tenant, by=None)
    assert (made.pk != key.pk, made.usd_per_month, made.allowed_models) == (True, Decimal(3), ["gpt-4o"])
    assert playground.switch_on(world.tenant, by=None).pk == made.pk


def test_answers_are_rated_by_the_person_and_not_by_an_end_user(world: World, key: ApiKey):
    reply = call(world, body={**CHAT, "user": "customer-1"})
    world.records()
    rated = call(
        world, "/v1/feedback", {"request_id": reply.headers["x-request-id"], "rating": "down", "user": "customer-1"}
    )
    assert rated.status == 200
    (row,) = Feedback.objects.filter(tenant=world.tenant)
    assert (row.source, row.voter, row.end_user) == ("playground", "person:ada@acme.example", "ada@acme.example")
    call(
        world, "/v1/feedback", {"request_id": reply.headers["x-request-id"], "rating": "up"}, secret=token(world, "bob")
    )
    assert Feedback.objects.filter(tenant=world.tenant).count() == 2
    assert votes.match() >= 0


def test_an_ordinary_key_cannot_pass_for_somebody_in_the_playground(world: World):
    world.chat()
    (row,) = world.records()
    assert row.tags == []
