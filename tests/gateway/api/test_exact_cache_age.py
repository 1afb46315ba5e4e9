"""How old an answer from the exact cache may be: by the policy, by its task, by Cache-Control, and where no model can answer."""

from __future__ import annotations

import time

import pytest

from gateway.models import Task, TaskFallback
from tests.gateway.budgets import budget, counter
from tests.gateway.caches import FIRST, HIT, body, entries, pass_time, policy, said


def test_the_answer_ages_and_is_made_anew(cached, simulator):
    began = time.monotonic()
    cached.chat()
    pass_time(cached, 3000)
    again = cached.chat()
    assert said(again) == HIT
    assert 3000 <= int(again.headers["age"]) <= 3000 + time.monotonic() - began
    pass_time(cached, 601)
    anew = cached.chat()
    assert said(anew) == (200, "miss", "too old")
    assert (said(cached.chat()), simulator.totals()["requests"]) == (HIT, 2)
    assert cached.records(4)[1].cache_age_ms >= 3_000_000


def test_a_shorter_time_counts_at_once_and_a_longer_one_for_what_is_made_from_now_on(world):
    row = policy(world, ttl_seconds=100)
    world.chat()
    pass_time(world, 50)
    row.ttl_seconds = 40
    row.save()
    assert said(world.chat()) == (200, "miss", "too old")
    pass_time(world, 50)
    row.ttl_seconds = 1000
    row.save()
    assert said(world.chat()) == (200, "miss", "too old")
    pass_time(world, 50)
    assert said(world.chat()) == HIT


CONTROLS = [
    ("no-cache", (200, "miss", "no-cache"), True),
    ("no-store", HIT, False),
    ("no-cache, no-store", (200, "miss", "no-cache; not kept: no-store"), False),
    ("max-age=60", HIT, False),
    ("max-age=4", (200, "miss", "too old"), True),
    ("max-age=0", (200, "miss", "max-age=0"), True),
    ("max-age=nonsense", (200, "miss", "max-age=0"), True),
    ("only-if-cached", HIT, False),
    ("only-if-cached, max-age=4", (504, "miss", "too old"), False),
    ("max-stale=5", HIT, False),
]


@pytest.mark.parametrize(("control", "wanted", "is_kept"), CONTROLS)
def test_cache_control_of_a_request(cached, simulator, control, wanted, is_kept):
    cached.chat()
    pass_time(cached, 5)
    before = entries(cached)
    reply = cached.post("/v1/chat/completions", body(), cache_control=control)
    assert said(reply) == wanted
    assert simulator.totals()["requests"] == 1 + (wanted[0] == 200 and wanted[1] == "miss")
    assert (entries(cached) != before) == is_kept


def test_an_answer_that_must_not_be_stored_is_not(cached, simulator):
    first = cached.post("/v1/chat/completions", body(), cache_control="no-store")
    assert said(first) == (200, "miss", "no entry; not kept: no-store")
    assert entries(cached) == {}


@pytest.mark.parametrize(
    ("path", "kind"), [("/v1/chat/completions", "server_error"), ("/v1/messages", "timeout_error")]
)
def test_only_if_cached_makes_no_call_and_takes_nothing(cached, simulator, path, kind):
    budget(cached, 10, "requests")
    reply = cached.post(path, body(max_tokens=50), cache_control="only-if-cached")
    error = reply.json()["error"]
    assert (reply.status, error["type"]) == (504, kind)
    assert error["message"] == "There is no cached answer (no entry), and only-if-cached forbids asking a model."
    assert reply.headers["x-should-retry"] == "false"
    assert said(reply) == (504, "miss", "no entry")
    assert (counter(cached, "requests"), simulator.totals()["requests"]) == ((0, 0), 0)
    (row,) = cached.records()
    assert (row.outcome, row.status, row.cache, row.attempt) == ("refused", 504, "miss", 0)


def test_only_if_cached_where_nothing_is_cached_says_why(world, simulator):
    reply = world.post("/v1/chat/completions", body(), cache_control="only-if-cached")
    assert said(reply) == (504, "bypass", "no policy")
    assert simulator.totals()["requests"] == 0


def test_a_task_s_policy_goes_before_the_tenant_s(world):
    model = next(model for model in world.tenant_models() if model.name == "gpt-4o")
    faq, chat = (
        Task.objects.create(tenant=world.tenant, slug=slug, name=slug, default_model=model) for slug in ("faq", "chat")
    )
    policy(world, ttl_seconds=100)
    policy(world, task=chat, is_active=False)
    policy(world, task=faq, ttl_seconds=1000)
    assert [said(world.chat("task/chat")) for _ in range(2)] == [(200, "bypass", "no policy")] * 2
    assert [said(world.chat(name)) for name in ("task/faq", "gpt-4o", "task/faq", "gpt-4o")] == [FIRST, FIRST, HIT, HIT]
    pass_time(world, 500)
    assert [said(world.chat(name)) for name in ("task/faq", "gpt-4o")] == [HIT, (200, "miss", "too old")]


def test_what_a_fallback_answered_is_kept_for_a_minute_only(world, simulator):
    policy(world)
    one = next(model for model in world.tenant_models() if model.name == "gpt-4o")
    two = world.model("gpt-4.1", "openai")
    task = Task.objects.create(tenant=world.tenant, slug="faq", name="FAQ", default_model=one)
    TaskFallback.objects.create(task=task, model=two, position=1)
    simulator.behave(fault="500", model="gpt-4o")
    assert world.chat("task/faq").headers["x-tollgate-model"] == "gpt-4.1"
    again = world.chat("task/faq")
    assert (said(again), again.headers["x-tollgate-model"]) == (HIT, "gpt-4.1")
    simulator.reset()
    pass_time(world, 61)
    anew = world.chat("task/faq")
    assert (said(anew), anew.headers["x-tollgate-model"]) == ((200, "miss", "too old"), "gpt-4o")


@pytest.mark.parametrize("stream", [False, True])
def test_where_no_model_can_answer_the_stale_answer_is_given_first(cached, simulator, stream):
    began = time.monotonic()
    fresh = cached.chat()
    pass_time(cached, 4000)
    simulator.behave(fault="500")
    reply = cached.chat(stream=stream)
    assert said(reply) == (200, "stale", "no model could answer")
    assert reply.headers["x-tollgate-degraded-by"] == "no model could answer"
    assert 4000 <= int(reply.headers["age"]) <= 4000 + time.monotonic() - began
    assert reply.text() == fresh.text()
    assert "x-tollgate-similarity" not in reply.headers
    record = cached.record(reply.headers["x-request-id"])
    assert (record.cache, record.attempt, record.saved_usd, record.cost_usd) == ("stale", 0, None, 0)
    assert record.cache_age_ms >= 4_000_000
    assert counter(cached, "requests")[1] == 0


@pytest.mark.parametrize("control", ["no-cache", "max-age=60"])
def test_not_to_who_wants_none_that_old(cached, simulator, control):
    cached.chat()
    pass_time(cached, 4000)
    simulator.behave(fault="500")
    assert cached.post("/v1/chat/completions", body(), cache_control=control).status == 502


@pytest.mark.parametrize("fields", [{"stale_seconds": 0}, {"stale_seconds": 100}])
def test_not_for_longer_than_the_policy_says(world, simulator, fields):
    policy(world, ttl_seconds=100, **fields)
    world.chat()
    pass_time(world, 201)
    simulator.behave(fault="500")
    assert world.chat().status == 502


def test_a_stale_answer_is_not_kept_again(cached, simulator):
    cached.chat()
    pass_time(cached, 4000)
    before = entries(cached)
    simulator.behave(fault="500")
    assert cached.chat().headers["x-tollgate-cache"] == "stale"
    assert entries(cached) == before
