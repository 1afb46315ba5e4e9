"""Nobody gets what was answered to another question: not of another tenant, end user, key, instructions, tools, or any other field.

The fields and their values are those of `tests/gateway/caching/test_fingerprints.py`, which come from the structs that requests are made
of.
"""

from __future__ import annotations

from typing import Any

import pytest

from gateway.models import RoutingRule, RoutingTarget, Task
from gateway.types import Endpoint
from tenants import api_keys
from tests.gateway.caches import FIRST, HIT, entries, policy, said
from tests.gateway.caching.test_fingerprints import BASE, LOOK, PASSED, VARIED, fields_of
from tests.gateway.live import World

ADDRESSES = {
    Endpoint.CHAT: ("/v1/chat/completions", "gpt-4o"),
    Endpoint.MESSAGES: ("/v1/messages", "claude-sonnet-4-5"),
    Endpoint.EMBEDDINGS: ("/v1/embeddings", "text-embedding-3-small"),
}
# What a policy allows at most, so that nothing is passed by that might be given.
OPEN = {"max_temperature": 2, "with_tools": True, "embeddings": True}
NAMES = {"user": ["ada", "bo"], "safety_identifier": ["ada", "bo"], "metadata": [{"user_id": "ada"}, {"user_id": "bo"}]}


def body(endpoint: Endpoint, **fields: Any) -> dict[str, Any]:
    return {**BASE[endpoint], "model": ADDRESSES[endpoint][1], **fields}


@pytest.mark.parametrize("endpoint", list(ADDRESSES))
def test_a_request_that_differs_in_one_field_is_a_miss(world, simulator, endpoint):
    policy(world, **OPEN)
    for name in ("task/m", "M"):  # the values of `model`
        world.model(
            name, "anthropic" if endpoint is Endpoint.MESSAGES else "openai", upstream_id=ADDRESSES[endpoint][1]
        )
    address = ADDRESSES[endpoint][0]
    assert said(world.post(address, body(endpoint))) == FIRST
    asked = 0
    for name in fields_of(endpoint):
        for value in {**VARIED, **PASSED}[name]:
            reply = world.post(address, body(endpoint, **{name: value}))
            told = reply.headers.get("x-tollgate-cache")
            assert told in ("miss", "bypass") or reply.status >= 400, (name, value, reply.body)
            asked += 1
    assert asked > 50
    assert said(world.post(address, body(endpoint))) == HIT


@pytest.mark.parametrize("header", ["anthropic-beta", "anthropic-version", "openai-beta"])
def test_a_request_under_another_header_that_goes_to_the_provider_is_a_miss(world, header):
    policy(world)
    address = ADDRESSES[Endpoint.MESSAGES][0]
    given = [{}, {header: "2023-06-01"}, {header: "2026-10-21"}]
    assert [said(world.post(address, body(Endpoint.MESSAGES), **item)) for item in given] == [FIRST] * 3
    assert [said(world.post(address, body(Endpoint.MESSAGES), **item)) for item in given] == [HIT] * 3


def test_the_same_words_on_the_other_surface_are_a_miss(world):
    policy(world)
    assert said(world.chat("gpt-4o", max_tokens=500)) == FIRST
    assert said(world.message("gpt-4o")) == FIRST


def test_another_tenant_gets_nothing(world, gateway, simulator_process):
    neighbour = World.build(gateway, simulator_process.base_url)
    policy(world)
    policy(neighbour)
    assert [said(item.chat()) for item in (world, neighbour)] == [FIRST, FIRST]
    assert set(entries(world)).isdisjoint(entries(neighbour))
    assert [said(item.chat()) for item in (world, neighbour)] == [HIT, HIT]


@pytest.mark.parametrize("name", list(NAMES))
def test_where_end_users_are_kept_apart_another_one_gets_nothing(world, name):
    policy(world, scope="end_user")
    ada, bo = ({name: value} for value in NAMES[name])
    assert [said(world.chat(**user)) for user in (ada, bo, ada, bo)] == [FIRST, FIRST, HIT, HIT]
    assert said(world.chat()) == (200, "bypass", "no end user named")
    assert said(world.post(*chat(), x_tollgate_user="ada")) == HIT
    assert said(world.post(*chat(), x_tollgate_user="cy")) == FIRST


def chat(model: str = "gpt-4o", **fields: Any) -> tuple[str, dict[str, Any]]:
    return "/v1/chat/completions", {"model": model, "messages": BASE[Endpoint.CHAT]["messages"], **fields}


def test_a_key_gets_no_answer_of_a_model_that_it_may_not_use(world):
    policy(world)
    one = next(model for model in world.tenant_models() if model.name == "gpt-4o")
    two = world.model("gpt-4.1", "openai")
    task = Task.objects.create(tenant=world.tenant, slug="faq", name="FAQ", default_model=one)
    task.fallbacks.create(model=two, position=1)
    only_two = api_keys.create(world.tenant, name="narrow", allowed_models=["gpt-4.1"]).secret
    assert said(world.post(*chat("task/faq"))) == FIRST
    narrow = world.post(*chat("task/faq"), secret=only_two)
    assert (said(narrow), narrow.headers["x-tollgate-model"]) == (FIRST, "gpt-4.1")
    again = world.post(*chat("task/faq"), secret=only_two)
    assert (said(again), again.headers["x-tollgate-model"]) == (HIT, "gpt-4.1")
    assert world.post(*chat("gpt-4o"), secret=only_two).status == 403
    no_tasks = api_keys.create(world.tenant, name="other task", allowed_tasks=["other"]).secret
    assert world.post(*chat("task/faq"), secret=no_tasks).status == 403


def test_keys_of_the_same_rights_share_and_are_told_apart_in_the_log(world):
    policy(world)
    other = api_keys.create(world.tenant, name="other")
    assert said(world.post(*chat())) == FIRST
    assert said(world.post(*chat(), secret=other.secret)) == HIT
    assert world.records(2)[1].api_key_id == other.api_key.id


def test_who_is_sent_elsewhere_by_a_rule_gets_an_answer_from_there(world):
    policy(world)
    premium = world.model("gpt-4.1", "openai")
    rule = RoutingRule.objects.create(tenant=world.tenant, name="premium", tags=["premium"])
    RoutingTarget.objects.create(rule=rule, model=premium)
    assert said(world.chat()) == FIRST
    tagged = world.post(*chat(), x_tollgate_tags="premium")
    assert (said(tagged), tagged.headers["x-tollgate-model"]) == (FIRST, "gpt-4.1")
    assert world.chat().headers["x-tollgate-model"] == "gpt-4o"


def test_a_context_policy_that_changes_what_the_model_gets_makes_another_question(world):
    from gateway.models import ContextPolicy

    policy(world)
    one = next(model for model in world.tenant_models() if model.name == "gpt-4o")
    task = Task.objects.create(tenant=world.tenant, slug="faq", name="FAQ", default_model=one)
    said_before = [{"role": "user", "content": "a  b"}, {"role": "assistant", "content": "c  d"}]
    asked = {"model": "task/faq", "messages": [*said_before, {"role": "user", "content": "e"}]}
    assert [said(world.post("/v1/chat/completions", asked)) for _ in range(2)] == [FIRST, HIT]
    context = ContextPolicy.objects.create(task=task, keep_messages=None, collapses_whitespace=True)
    assert [said(world.post("/v1/chat/completions", asked)) for _ in range(2)] == [FIRST, HIT]
    context.keep_messages = 1
    context.block_messages = 1
    context.save()
    assert [said(world.post("/v1/chat/completions", asked)) for _ in range(2)] == [FIRST, HIT]


def test_a_body_that_parsers_read_differently_is_never_cached(world, simulator):
    """Who plants an answer under another question's fingerprint might do it with a name that stands twice."""
    policy(world)
    twice = b'{"model":"gpt-4o","messages":[{"role":"user","content":"planted","content":"hello"}]}'
    for _ in range(2):
        reply = world.post("/v1/chat/completions", twice)
        assert said(reply) == (200, "bypass", "a name stands twice in an object")
    assert said(world.chat()) == FIRST
    assert simulator.totals()["requests"] == 3


def test_tools_in_another_order_are_another_question(world):
    policy(world, with_tools=True)
    find = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
    assert [said(world.chat(tools=tools)) for tools in ([LOOK, find], [find, LOOK])] == [FIRST, FIRST]
