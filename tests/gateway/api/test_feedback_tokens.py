"""Votes by the token that an answer carries: from any browser, without a key, for that one answer and reader."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from gateway import votes
from gateway.models import Feedback
from gateway.quality import feedback_tokens
from tenants.ids import uuid7
from tests.cast import request_row
from tests.gateway.live import Reply, World

ASKED = {"x_tollgate_feedback": "token"}


def ask(world: World, **body: Any) -> Reply:
    content = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], **body}
    return world.post("/v1/chat/completions", content, **ASKED)


def token_of(reply: Reply) -> str:
    return reply.headers["x-tollgate-feedback-token"]


def rate(world: World, token: str, rating: str = "up", **more: Any) -> Reply:
    """As a browser does: without a key."""
    content = json.dumps({"token": token, "rating": rating, **more}).encode()
    return world.gateway.request("POST", "/v1/feedback", content, content_type="application/json")


def votes_of(world: World) -> list[Feedback]:
    return list(Feedback.objects.filter(tenant=world.tenant).order_by("created_at"))


def test_an_answer_carries_a_token_if_it_is_asked_for(world: World):
    assert "x-tollgate-feedback-token" not in world.chat().headers
    message = {"model": "claude-sonnet-4-5", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
    for reply in (
        ask(world),
        ask(world, stream=True),
        world.post("/v1/messages", message, **ASKED),
        world.post("/v1/messages", {**message, "stream": True}, **ASKED),
    ):
        ticket = feedback_tokens.read(token_of(reply))
        assert reply.status == 200
        assert ticket is not None
        assert (ticket.tenant_id, f"req_{ticket.request_id.hex}") == (world.tenant.pk, reply.headers["x-request-id"])


def test_what_was_refused_carries_none(world: World):
    assert "x-tollgate-feedback-token" not in ask(world, model="no-such-model").headers


def test_its_reader_rates_the_answer_at_once_and_as_the_end_user(world: World):
    reply = ask(world, user="ada@example.com")
    rated = rate(world, token_of(reply), "down", reasons=["tone"], comment="Rude.")
    assert rated.status == 200
    assert (rated.json()["user"], rated.json()["request_id"]) == (None, reply.headers["x-request-id"])
    world.records()
    assert votes.match() >= 1
    (row,) = votes_of(world)
    assert (row.end_user, row.source, row.rating, row.comment) == ("ada@example.com", "token", "down", "Rude.")
    assert (row.model, row.api_key_id) == ("gpt-4o", None)


def test_the_end_user_has_one_vote_whether_it_comes_by_token_or_by_key(world: World):
    reply = ask(world, user="ada")
    rate(world, token_of(reply), "up")
    world.post("/v1/feedback", {"request_id": reply.headers["x-request-id"], "rating": "down", "user": "ada"})
    (row,) = votes_of(world)
    assert (row.rating, row.source) == ("down", "api")
    rate(world, token_of(reply), "up")
    (row,) = votes_of(world)
    assert (row.rating, row.source) == ("up", "token")
    world.post("/v1/feedback", {"request_id": reply.headers["x-request-id"], "rating": "down", "user": "bob"})
    assert len(votes_of(world)) == 2


def test_without_an_end_user_the_token_has_the_vote(world: World):
    token = token_of(ask(world))
    for rating in ("up", "down"):
        rate(world, token, rating)
    assert [(row.voter, row.rating) for row in votes_of(world)] == [("reader", "down")]


def test_no_name_stands_in_a_token_and_it_is_short():
    token = feedback_tokens.issue(UUID(int=uuid7().int & ~0xFF), UUID(int=uuid7().int & ~0xFF), "ada@example.com")
    assert len(token) == 79
    assert token.removeprefix("tgf-").replace("-", "").replace("_", "").isalnum()
    import base64

    assert b"ada@" not in base64.urlsafe_b64decode(token.removeprefix("tgf-") + "==")


def test_forged_and_foreign_tokens_are_refused_and_write_nothing(world: World, gateway):
    token = token_of(ask(world))
    other = World.build(gateway, world.simulator_url)
    theirs = feedback_tokens.read(token_of(ask(other)))
    assert theirs is not None
    import base64

    data = bytearray(base64.urlsafe_b64decode(token.removeprefix("tgf-") + "=="))
    data[:16] = theirs.tenant_id.bytes
    moved = "tgf-" + base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    from tenants import playground

    other_purpose = "tgf-" + playground.issue(world.tenant.pk, "ada").removeprefix("tgp-")
    for forged in (
        token[:-1],
        token + "A",
        token[:30] + ("A" if token[30] != "A" else "B") + token[31:],
        moved,
        "tgf-",
        "x",
        other_purpose,
        "tgf-é",
    ):
        reply = rate(world, forged)
        assert (reply.status, reply.json()["error"]["code"]) == (404, "invalid_feedback_token"), forged
        assert "feedback token" in reply.json()["error"]["message"]
    assert votes_of(world) == votes_of(other) == []


def test_a_late_token_is_refused(world: World):
    key = world.tenant.apikey_set.get()
    for days, status in ((31, 410), (29, 200)):
        row = request_row(world.tenant, key, accepted_at=timezone.now() - dt.timedelta(days=days))
        reply = rate(world, feedback_tokens.issue(world.tenant.pk, row.request_id, ""))
        assert reply.status == status
        if status == 410:
            assert reply.json()["error"]["code"] == "feedback_too_late"
            assert "too old" in reply.json()["error"]["message"]
    assert len(votes_of(world)) == 1


def test_a_token_of_a_tenant_that_is_switched_off_is_refused(world: World):
    token = token_of(ask(world))
    world.tenant.is_active = False
    world.tenant.save()
    reply = rate(world, token)
    assert (reply.status, reply.json()["error"]["code"]) == (410, "feedback_closed")
    assert votes_of(world) == []


def test_a_token_says_itself_which_answer_and_whose_vote_it_is(world: World):
    reply = ask(world)
    for more in ({"request_id": reply.headers["x-request-id"]}, {"user": "eve"}):
        assert (rate(world, token_of(reply), **more).status, votes_of(world)) == (400, [])


def test_browsers_of_any_site_may_send_one_but_no_cookies(world: World):
    asked = world.gateway.request(
        "OPTIONS",
        "/v1/feedback",
        origin="https://shop.example",
        access_control_request_method="POST",
        access_control_request_headers="content-type",
    )
    sent = rate(world, token_of(ask(world)))
    refused = rate(world, "tgf-x")
    assert (asked.status, sent.status, refused.status) == (204, 200, 404)
    for reply in (asked, sent, refused):
        assert reply.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in reply.headers
        assert "set-cookie" not in reply.headers
    assert asked.headers["access-control-allow-methods"] == "POST"
    assert "content-type" in asked.headers["access-control-allow-headers"]
    assert "access-control-allow-origin" not in world.chat().headers


def test_one_token_votes_so_often_in_a_minute_and_no_more(world: World):
    token = token_of(ask(world))
    replies = [rate(world, token, ("up", "down")[number % 2]) for number in range(votes.VOTES_PER_TOKEN + 2)]
    assert [reply.status for reply in replies] == [200] * votes.VOTES_PER_TOKEN + [429] * 2
    assert replies[-1].json()["error"]["code"] == "feedback_rate_limited"
    assert int(replies[-1].headers["retry-after"]) == 60
    assert rate(world, token_of(ask(world))).status == 200  # another answer's


def test_one_address_votes_so_often_in_a_minute_and_no_more(world: World, settings: Any):
    settings.GATEWAY_FEEDBACK_PER_MINUTE = 3
    key = world.tenant.apikey_set.get()
    tokens = [
        feedback_tokens.issue(world.tenant.pk, request_row(world.tenant, key).request_id, f"user-{number}")
        for number in range(5)
    ]
    given = votes.Vote("up")
    for token in tokens[:3]:
        votes.by_token(token, given, address="192.0.2.1")
    with pytest.raises(votes.RateLimited):
        votes.by_token(tokens[3], given, address="192.0.2.1")
    votes.by_token(tokens[4], given, address="192.0.2.2")
    assert len(votes_of(world)) == 4
