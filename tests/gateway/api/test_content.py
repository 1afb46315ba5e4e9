"""Prompts and answers are stored where a tenant wants that, and nowhere else."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from django_redis import get_redis_connection

from gateway import answers, content_policies
from gateway.content import erasing, keeping, reading
from gateway.content.reading import Read
from gateway.models import ContentPolicy, RequestContent
from gateway.types import Surface
from tenants import redis_keys
from tests.gateway.live import Reply, World


def policy(world: World, **fields: Any) -> ContentPolicy:
    found = content_policies.of(world.tenant)
    for name, value in {"is_on": True, **fields}.items():
        setattr(found, name, value)
    content_policies.save(found)
    return found


def stored(world: World, reply: Reply) -> Read | None:
    keeping.store(get_redis_connection("default"), world.tenant.pk)
    return reading.of(world.tenant.pk, UUID(reply.headers["x-request-id"].removeprefix("req_")))


def said(turns: Any) -> list[tuple[str, str]]:
    return [(turn.role, "".join(part.text for part in turn.parts)) for turn in turns]


def test_nothing_is_stored_unless_the_tenant_says_so(world):
    assert world.chat().status == 200
    policy(world, is_on=False)
    assert world.chat().status == 200
    assert get_redis_connection("default").xlen(redis_keys.content_stream(world.tenant.pk)) == 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("ask", [World.chat, World.message])
def test_the_prompt_and_the_whole_answer_are_stored(world, simulator, ask, stream):
    policy(world)
    reply = ask(world, prompt="What is it? I am a@b.example", stream=stream)
    found = stored(world, reply)
    assert found is not None
    assert said(found.turns) == [("user", "What is it? I am [email]")]
    surface = Surface.ANTHROPIC if ask is World.message else Surface.OPENAI
    words = (answers.of_stream if stream else answers.of_whole)(surface, reply.body)
    assert words is not None
    assert len(words.text) > 20
    assert said(found.answers) == [("assistant", words.text.replace("a@b.example", "[email]"))]
    assert found.row.redactions == {"email": 2}  # the simulator quotes its user
    assert not found.row.is_cut
    # The model was asked what the caller wrote, and the caller got what the model said.
    assert "a@b.example" in str(simulator.requests()[-1])


def test_what_is_stored_is_encrypted(world):
    policy(world, redacts=False)
    reply = world.chat(prompt="the moon is made of cheese")
    found = stored(world, reply)
    assert found is not None
    assert said(found.turns) == [("user", "the moon is made of cheese")]
    assert b"cheese" not in bytes(found.row.sealed)


def test_only_the_tasks_that_the_policy_names_are_stored(world):
    policy(world, tasks=["other"])
    assert stored(world, world.chat()) is None
    policy(world, tasks=[])
    assert stored(world, world.chat()) is not None


def test_a_request_that_is_refused_leaves_nothing_and_one_that_failed_its_prompt(world, simulator):
    policy(world)
    assert stored(world, world.chat(model="no-such-model")) is None
    simulator.behave(status=400)
    reply = world.chat(prompt="Fail.")
    assert reply.status == 400
    found = stored(world, reply)
    assert found is not None
    assert (said(found.turns), found.answers) == ([("user", "Fail.")], ())


def test_storing_again_what_comes_again_stores_it_once(world):
    policy(world)
    reply = world.chat()
    redis = get_redis_connection("default")
    ((_, fields),) = redis.xrange(redis_keys.content_stream(world.tenant.pk))
    redis.xadd(redis_keys.content_stream(world.tenant.pk), fields)
    assert keeping.store(redis, world.tenant.pk) == 1
    assert keeping.store(redis, world.tenant.pk) is None
    assert stored(world, reply) is not None


def test_what_is_erased_does_not_come_back_with_what_was_under_way(world):
    policy(world)
    ann = stored(world, world.chat(user="ann"))
    late = world.chat(user="ann")  # waits in the stream
    bob = world.chat(user="bob")
    assert ann is not None
    assert erasing.forget(world.tenant, "ann", timezone.now()) == 1
    assert stored(world, bob) is not None
    assert stored(world, late) is None
    assert RequestContent.objects.filter(tenant=world.tenant, end_user="ann").count() == 0
    assert stored(world, world.chat(user="ann")) is not None


def test_content_goes_when_its_days_are_over(world):
    policy(world, days=7)
    reply = world.chat()
    assert stored(world, reply) is not None
    now = timezone.now()
    erasing.forget_old(now + dt.timedelta(days=6), seconds=5)
    assert stored(world, reply) is not None
    erasing.forget_old(now + dt.timedelta(days=8), seconds=5)
    assert stored(world, reply) is None


def test_where_nobody_stores_it_the_stream_stays_bounded(world):
    policy(world)
    redis, stream = get_redis_connection("default"), redis_keys.content_stream(world.tenant.pk)
    pipeline = redis.pipeline(transaction=False)
    for _ in range(20_000):
        pipeline.xadd(stream, {"c": b"x"})
    pipeline.execute()
    assert world.chat().status == 200
    assert redis.xlen(stream) == 20_000
    assert int(redis.get(f"{stream}:lost")) == 1
    redis.delete(stream)
