"""Votes on answers by API key: whose vote, on which answers, how it is changed, and what is refused."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from django_redis import get_redis_connection

from gateway import votes
from gateway.models import Feedback
from tenants import api_keys, redis_keys
from tenants.ids import uuid7
from tests.cast import request_row
from tests.gateway.live import Reply, World


def rate(world: World, request_id: str, rating: str = "up", **more: Any) -> Reply:
    secret = more.pop("secret", None)
    return world.post("/v1/feedback", {"request_id": request_id, "rating": rating, **more}, secret=secret)


def votes_of(world: World) -> list[Feedback]:
    return list(Feedback.objects.filter(tenant=world.tenant).order_by("created_at"))


@pytest.fixture(autouse=True)
def no_others(world: World) -> None:
    """`votes.match` goes through everybody's."""
    Feedback.objects.all().delete()


@pytest.fixture
def answered(world: World) -> str:
    """The id of a request that is answered and in the log."""
    request_id = world.chat(user="ada", metadata={"tags": ["beta"]}).headers["x-request-id"]
    world.records()
    return request_id


def test_a_thumb_is_written_down_with_what_the_log_knows_of_the_answer(world: World, answered: str):
    reply = rate(
        world, answered, "down", user="ada", reasons=["incorrect", " my own "], comment=" Wrong year.\r\nReally. "
    )
    assert reply.status == 200
    told = reply.json()
    times = told.pop("created_at"), told.pop("changed_at")
    assert times[0] == times[1]
    assert told == {
        "object": "feedback", "request_id": answered, "user": "ada", "rating": "down", "reasons": ["incorrect", "my own"],
        "comment": "Wrong year.\nReally.",
    }  # fmt: skip
    (row,) = votes_of(world)
    assert (row.request_id.hex, row.rating, row.end_user, row.source) == (answered[4:], "down", "ada", "api")
    assert (row.model, row.provider, row.task, row.cache) == ("gpt-4o", "openai", "", world.record(answered).cache)
    assert row.asked_at == world.record(answered).accepted_at
    assert row.api_key_id == world.record(answered).api_key_id
    assert row.matched_at is not None


def test_the_same_vote_again_changes_nothing(world: World, answered: str):
    first = rate(world, answered, comment="Good.").json()
    assert rate(world, answered, comment="Good.").json() == first
    assert rate(world, answered).json() == first
    assert len(votes_of(world)) == 1


def test_a_vote_can_be_changed_and_keeps_its_first_time(world: World, answered: str):
    first = rate(world, answered, "up", comment="Good.", reasons=["tone"]).json()
    said_more = rate(world, answered, "up", comment="Very good.").json()
    assert (said_more["comment"], said_more["reasons"], said_more["created_at"]) == (
        "Very good.",
        ["tone"],
        first["created_at"],
    )
    assert said_more["changed_at"] > first["changed_at"]
    emptied = rate(world, answered, "up", comment="", reasons=[]).json()
    assert (emptied["comment"], emptied["reasons"]) == ("", [])
    assert len(votes_of(world)) == 1


def test_what_was_said_of_a_good_answer_is_not_kept_when_it_is_a_bad_one(world: World, answered: str):
    rate(world, answered, "up", comment="Good.", reasons=["tone"])
    turned = rate(world, answered, "down").json()
    assert (turned["rating"], turned["comment"], turned["reasons"]) == ("down", "", [])


def test_each_end_user_has_a_vote_and_each_key_has_one(world: World, answered: str):
    other = api_keys.create(world.tenant, name="other").secret
    for more in (
        {"user": "ada"},
        {"user": "bob"},
        {},
        {"secret": other},
        {"secret": other, "user": "ada"},
        {"user": "ada"},
    ):
        assert rate(world, answered, **more).status == 200
    rows = votes_of(world)
    assert [row.end_user for row in rows] == ["ada", "bob", "", ""]
    assert len({row.api_key_id for row in rows if not row.end_user}) == 2


def test_an_answer_may_be_rated_before_it_is_in_the_log(world: World):
    request_id = world.chat(task="x").headers["x-request-id"]
    assert rate(world, request_id).status == 200
    (row,) = votes_of(world)
    assert (row.matched_at, row.model) == (None, "")
    assert votes.match() == 0
    world.records()
    assert votes.match() == 1
    (row,) = votes_of(world)
    assert (row.matched_at is not None, row.model) == (True, "gpt-4o")
    assert votes.match() == 0


def test_an_answer_may_be_rated_while_it_is_still_being_streamed(world: World):
    fresh = UUID(int=uuid7().int & ~0xFF)
    get_redis_connection("default").hset(redis_keys.holds(world.tenant.pk), fresh.hex, b"held")
    assert rate(world, f"req_{fresh.hex}").status == 200
    assert [row.request_id for row in votes_of(world)] == [fresh]


def test_a_vote_whose_request_never_appears_is_dropped_after_a_day(world: World, caplog: pytest.LogCaptureFixture):
    request_id = world.chat().headers["x-request-id"]
    rate(world, request_id)
    get_redis_connection("default").delete(redis_keys.usage_stream(world.tenant.pk))  # Redis has lost it
    now = timezone.now()
    assert votes.match(now + dt.timedelta(hours=23)) == 0
    assert len(votes_of(world)) == 1
    before = votes.DROPPED._value.get()
    assert votes.match(now + dt.timedelta(hours=25)) == 0
    assert votes_of(world) == []
    assert votes.DROPPED._value.get() == before + 1
    assert "there is no such answer" in caplog.text


def test_somebody_elses_request_is_one_that_does_not_exist(world: World, gateway, answered: str):
    other = World.build(gateway, world.simulator_url)
    waiting = world.chat().headers["x-request-id"]  # not drained yet
    unknown = f"req_{UUID(int=uuid7().int & ~0xFF).hex}"
    replies = [rate(other, request_id) for request_id in (answered, waiting, unknown)]
    assert [reply.status for reply in replies] == [404, 404, 404]
    assert {reply.json()["error"]["code"] for reply in replies} == {"request_not_found"}
    assert len({reply.body for reply in replies}) == 1
    assert votes_of(world) == votes_of(other) == []


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"request_id": "req_0"}, 400, "invalid_request", "request_id"),
        ({"request_id": None}, 400, "invalid_request", None),
        ({}, 400, "invalid_request", "request_id"),
        ({"request_id": "00000000000040008000000000000000"}, 404, "request_not_found", "request_id"),  # no id of ours
        (
            {"request_id": "ffffffffffff70008000000000000000"},
            404,
            "request_not_found",
            "request_id",
        ),  # in the year 10889
        ({"rating": "great"}, 400, "invalid_request", "rating"),
        ({"rating": None}, 400, "invalid_request", None),
        ({"reason": ["x"]}, 400, "invalid_request", None),
        ({"comment": "x" * 2001}, 400, "invalid_request", "comment"),
        ({"reasons": ["x" * 41]}, 400, "invalid_request", "reasons"),
        ({"reasons": ["a\nb"]}, 400, "invalid_request", "reasons"),
        ({"reasons": [str(number) for number in range(9)]}, 400, "invalid_request", "reasons"),
        ({"user": "x" * 201}, 400, "invalid_request", "user"),
    ],
)
def test_refuses_what_is_no_vote_and_writes_nothing(world: World, answered: str, body, status, code, param):
    content = {"rating": "up", **({"request_id": answered} if body and "request_id" not in body else {}), **body}
    reply = world.post("/v1/feedback", content)
    error = reply.json()["error"]
    assert (reply.status, error["code"], error["param"]) == (status, code, param)
    assert votes_of(world) == []


def test_what_just_fits_is_taken_and_stands_as_it_was_said(world: World, answered: str):
    comment = "<script>alert(1)</script> \u2028 𝄞 NUL:\x00" + "é" * 1900
    reply = rate(world, answered, reasons=["x" * 40, *map(str, range(7))], comment=comment, user="ü" * 200)
    assert reply.status == 200
    (row,) = votes_of(world)
    assert row.comment == comment.replace("\x00", "")
    assert (len(row.reasons), row.end_user) == (8, "ü" * 200)


def test_an_old_answer_cannot_be_rated_any_more(world: World):
    key = world.tenant.apikey_set.get()
    for days, status, code in ((31, 410, "feedback_too_late"), (29, 200, None)):
        row = request_row(world.tenant, key, accepted_at=timezone.now() - dt.timedelta(days=days))
        reply = rate(world, str(row))
        assert (reply.status, reply.json().get("error", {}).get("code")) == (status, code)
    assert len(votes_of(world)) == 1


def test_what_got_no_answer_cannot_be_rated(world: World):
    refused = world.chat("no-such-model").headers["x-request-id"]
    embedded = world.post("/v1/embeddings", {"model": "text-embedding-3-small", "input": "x"}).headers["x-request-id"]
    assert [rate(world, refused).status, rate(world, embedded).status] == [200, 200]  # nobody knows yet
    world.records(2)
    assert votes.match() == 0
    assert votes_of(world) == []
    for request_id in (refused, embedded):
        reply = rate(world, request_id)
        assert (reply.status, reply.json()["error"]["code"]) == (400, "nothing_to_rate")
    assert votes_of(world) == []


def test_a_key_without_the_scope_may_not(world: World, answered: str):
    narrow = api_keys.create(world.tenant, name="narrow", scopes=["chat"]).secret
    reply = rate(world, answered, secret=narrow)
    assert (reply.status, reply.json()["error"]["code"]) == (403, "missing_scope")
    assert rate(world, answered, secret="tg-nobody").status == 401
    assert rate(world, answered, secret="").status == 401
    assert votes_of(world) == []


def test_a_large_body_is_not_taken(world: World, answered: str):
    reply = world.post("/v1/feedback", b" " * 40_000)
    assert (reply.status, reply.json()["error"]["code"]) == (413, "body_too_large")
    assert votes_of(world) == []


def test_what_follows_from_a_vote_is_told_when_it_counts_and_when_it_turns(world: World, monkeypatch):
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(votes, "_followers", [lambda row: told.append((str(row), row.rating)), lambda row: 1 / 0])
    request_id = world.chat().headers["x-request-id"]
    voter = votes.Voter("key:x", Feedback.Source.API)

    def cast(rating: str) -> None:
        votes.by_key(world.tenant.pk, UUID(request_id[4:]), voter, votes.Vote(rating))

    cast("up")
    assert told == []  # not in the log: it may never be
    world.records()
    cast("up")
    cast("up")
    cast("down")
    assert votes.match() == 0
    assert told == [(request_id, "up"), (request_id, "down")]
    assert len(votes_of(world)) == 1
