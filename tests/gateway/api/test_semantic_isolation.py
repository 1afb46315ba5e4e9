"""Nobody gets what was answered to another question in the same words: at similarity 1.0, whatever field of the request differs, nothing is
found; nor of another tenant, end user, key, or surface.

The fields and their values are those of `tests/gateway/caching/test_fingerprints.py`, which come from the structs that requests are made
of. The exact cache is off, so that it is the semantic one that is asked.
"""

from __future__ import annotations

from typing import Any

import pytest

from gateway import tasks
from gateway.models import Model, SemanticEntry, Task
from gateway.types import Endpoint
from tenants import api_keys
from tests.gateway.api.test_cache_isolation import ADDRESSES
from tests.gateway.caches import policy
from tests.gateway.caching.test_fingerprints import HELLO, LOOK, PASSED, VARIED, fields_of
from tests.gateway.live import Reply, World

# What a policy allows at most: no verifier, no similarity that is too low, nothing that is passed by.
OPEN = {
    "exact": False,
    "semantic": True,
    "semantic_verified": False,
    "semantic_threshold": "0.5",
    "semantic_agent_turns": True,
    "max_temperature": 2,
    "with_tools": True,
}
BASE = {Endpoint.CHAT: {"messages": HELLO}, Endpoint.MESSAGES: {"messages": HELLO, "max_tokens": 50}}
QUESTION = "Which of our customers pay late?"
SURROUNDINGS = [
    [{"role": "system", "content": "hello"}, *HELLO],
    [{"role": "developer", "content": "Be brief."}, *HELLO],
    [*HELLO, {"role": "assistant", "content": "Hi"}],
    [*HELLO, {"role": "assistant", "content": "Hi"}, *HELLO],
    [*HELLO, *HELLO],
    [{"role": "user", "content": "hello", "name": "ada"}],
    [{"role": "user", "content": "hello", "x_unknown": 1}],
    [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
    [{"role": "user", "content": [{"type": "text", "text": "hello"}, {"type": "text", "text": " "}]}],
    [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "hello"},
                {"type": "image_url", "image_url": {"url": "https://x/1.png"}},
            ],
        }
    ],
]


def body(endpoint: Endpoint, **fields: Any) -> dict[str, Any]:
    return {**BASE[endpoint], "model": ADDRESSES[endpoint][1], **fields}


def status(reply: Reply) -> str | None:
    return reply.headers.get("x-tollgate-cache")


@pytest.mark.parametrize("endpoint", list(BASE))
def test_the_same_words_with_one_field_that_differs_are_a_miss(world, endpoint):
    policy(world, **OPEN)
    for name in ("task/m", "M"):  # the values of `model`
        kind = "anthropic" if endpoint is Endpoint.MESSAGES else "openai"
        world.model(name, kind, upstream_id=ADDRESSES[endpoint][1])
    address = ADDRESSES[endpoint][0]
    assert status(world.post(address, body(endpoint))) == "miss"
    tasks.keep_answers()
    varied = {**VARIED, **PASSED, "messages": SURROUNDINGS}
    asked = 0
    for name in fields_of(endpoint):
        for value in varied[name]:
            reply = world.post(address, body(endpoint, **{name: value}), cache_control="no-store")
            assert status(reply) in ("miss", "bypass") or reply.status >= 400, (name, value, reply.body)
            asked += status(reply) == "miss"
    assert asked > 50
    reply = world.post(address, body(endpoint))
    assert (status(reply), reply.headers["x-tollgate-similarity"]) == ("semantic", "1.000")
    assert SemanticEntry.objects.filter(tenant=world.tenant).count() == 1


@pytest.mark.parametrize("header", ["anthropic-beta", "anthropic-version"])
def test_under_another_header_that_goes_to_the_provider_it_is_a_miss(world, header):
    policy(world, **OPEN)
    address = ADDRESSES[Endpoint.MESSAGES][0]
    given = [{}, {header: "2023-06-01"}, {header: "2026-10-21"}]
    assert [status(world.post(address, body(Endpoint.MESSAGES), **item)) for item in given[:1]] == ["miss"]
    tasks.keep_answers()
    told = [status(world.post(address, body(Endpoint.MESSAGES), **item)) for item in given]
    assert told == ["semantic", "miss", "miss"]


def test_neither_another_tenant_nor_the_other_surface_gets_anything(world, gateway, simulator_process):
    neighbour = World.build(gateway, simulator_process.base_url)
    for one in (world, neighbour):
        policy(one, **OPEN)
    ask = {"max_tokens": 500}
    assert status(world.chat("gpt-4o", QUESTION, **ask)) == "miss"
    tasks.keep_answers()
    assert status(neighbour.chat("gpt-4o", QUESTION, **ask)) == "miss"
    assert status(world.message("gpt-4o", QUESTION)) == "miss"
    assert status(world.chat("gpt-4o", QUESTION, **ask)) == "semantic"


def test_where_end_users_are_kept_apart_another_one_gets_nothing(world):
    policy(world, **OPEN, scope="end_user")
    assert status(world.chat(prompt=QUESTION, user="ada")) == "miss"
    tasks.keep_answers()
    assert [status(world.chat(prompt=QUESTION, user=name)) for name in ("bo", "ada")] == ["miss", "semantic"]
    nobody = world.chat(prompt=QUESTION)
    assert (status(nobody), nobody.headers["x-tollgate-cache-reason"]) == ("bypass", "no end user named")


def test_a_key_gets_no_answer_of_a_model_that_it_may_not_use(world):
    policy(world, **OPEN)
    task = Task.objects.create(
        tenant=world.tenant,
        slug="faq",
        name="FAQ",
        default_model=Model.objects.get(tenant=world.tenant, name="gpt-4o"),
    )
    task.fallbacks.create(model=world.model("gpt-4.1", "openai"), position=1)
    only_two = api_keys.create(world.tenant, name="narrow", allowed_models=["gpt-4.1"]).secret
    asked = {"model": "task/faq", "messages": [{"role": "user", "content": QUESTION}]}
    world.post("/v1/chat/completions", asked)
    tasks.keep_answers()
    assert status(world.post("/v1/chat/completions", asked)) == "semantic"
    assert status(world.post("/v1/chat/completions", asked, secret=only_two)) == "miss"


def test_with_other_tools_it_is_a_miss(world):
    policy(world, **OPEN)
    world.chat(prompt=QUESTION, tools=[LOOK])
    tasks.keep_answers()
    for other in ({}, {"tools": [{**LOOK, "strict": True}]}, {"tools": [LOOK, LOOK]}):
        assert status(world.chat(prompt=QUESTION, **other)) == "miss"
    assert status(world.chat(prompt=QUESTION, tools=[LOOK])) == "semantic"


def test_a_body_that_parsers_read_differently_is_passed_by(world):
    policy(world, **OPEN)
    twice = b'{"model":"gpt-4o","messages":[{"role":"user","content":"planted","content":"hello"}]}'
    reply = world.post("/v1/chat/completions", twice)
    assert reply.headers["x-tollgate-cache-reason"] == "semantic: a name stands twice in an object"
    tasks.keep_answers()
    assert not SemanticEntry.objects.filter(tenant=world.tenant).exists()
