"""A question that means the same as an earlier one is given its answer: at no cost, whole or as a stream, in either format; and only
where policy, caller, guards, verifier and what was measured let it.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from gateway import tasks
from gateway.models import Model, SemanticCheck, SemanticEntry, SemanticHit, SemanticLabel, SemanticWatch, Task
from gateway.semantic.terms import of as terms_of
from tests.gateway.budgets import budget, counter
from tests.gateway.caches import FIRST, HIT, policy, said
from tests.gateway.live import Gateway, Reply, World, wait_until

QUESTION = "How do I reset my password?"
SIMILAR = "How can I reset my password?"  # similarity 0.992, score 0.71
OTHER = "What are your opening hours on Sundays?"
FAR = (200, "miss", "no entry; semantic: nothing near enough")


def kept(world: World) -> list[SemanticEntry]:
    """As the worker keeps it, within seconds."""
    tasks.keep_answers()
    return list(SemanticEntry.objects.filter(tenant=world.tenant))


def semantic(reply: Reply) -> tuple[int, str | None]:
    return reply.status, reply.headers.get("x-tollgate-cache")


def asked(world: World, *messages: dict[str, Any], **headers: str) -> Reply:
    body = {"model": "gpt-4o", "messages": [{"role": "system", "content": "Be brief."}, *messages]}
    return world.post("/v1/chat/completions", body, **headers)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


@pytest.mark.parametrize("surface", ["chat", "message"])
@pytest.mark.parametrize("kept_of_stream", [False, True], ids=["kept whole", "kept of a stream"])
def test_is_given_whole_and_as_a_stream(meaning, simulator, surface, kept_of_stream):
    budget(meaning, 100, "requests")
    simulator.behave(output_text="Click on “Forgot password”.")
    ask = getattr(meaning, surface)
    first = ask("claude-sonnet-4-5", QUESTION, stream=kept_of_stream)
    assert said(first) == FAR
    (entry,) = kept(meaning)
    whole = ask("claude-sonnet-4-5", SIMILAR)
    stream = ask("claude-sonnet-4-5", SIMILAR, stream=True)
    assert [semantic(reply) for reply in (whole, stream)] == [(200, "semantic")] * 2
    assert {reply.text() for reply in (first, whole, stream)} == {"Click on “Forgot password”."}
    assert simulator.totals()["requests"] == 1

    made, *given = meaning.records(3)
    for reply, record in zip((whole, stream), given, strict=True):
        headers = reply.headers
        assert 0.98 < float(headers["x-tollgate-similarity"]) < 1
        assert headers["x-tollgate-cache-reason"].startswith("verified: 0.71")
        assert headers["x-tollgate-cache-saved-usd"] == f"{made.cost_usd:.9f}"
        assert headers["x-tollgate-cost-usd"] == "0.000000000"
        assert 0 <= int(headers["age"]) < 60
        assert headers["x-tollgate-model"] == "claude-sonnet-4-5"
        assert (record.cache, record.cost_usd, record.saved_usd) == ("semantic", 0, made.cost_usd)
        assert (record.cache_reason, record.attempt) == (headers["x-tollgate-cache-reason"], 1)
        assert record.cache_similarity == pytest.approx(float(headers["x-tollgate-similarity"]), abs=0.001)
        assert (record.status, record.outcome, record.model_served) == (200, "ok", "claude-sonnet-4-5")
    assert counter(meaning, "requests") == (3, 0)

    assert tasks.note_hits() >= 2
    entry.refresh_from_db()
    assert entry.hits == 2
    told = meaning.get("/v1/cache").json()["semantic"]
    assert (told["entries"], told["hits"], told["saved_usd"]) == (1, 2, f"{2 * made.cost_usd:.9f}")
    assert told["oldest_at"] is not None
    assert SemanticHit.objects.filter(tenant=meaning.tenant).count() == 2


def test_the_very_same_is_the_exact_cache_s_and_another_question_is_a_miss(meaning, simulator):
    assert said(meaning.chat(prompt=QUESTION)) == FAR
    kept(meaning)
    assert said(meaning.chat(prompt=QUESTION)) == HIT
    assert said(meaning.chat(prompt=OTHER)) == FAR
    assert simulator.totals()["requests"] == 2


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize(
    ("one", "two", "guard"),
    [
        ("How do I convert miles to kilometres?", "How do I convert kilometres to miles?", "order"),
        ("How do I pay 20 euros?", "How do I pay 30 euros?", "numbers"),
        ("How do I enable dark mode?", "How do I disable dark mode?", "opposites"),
    ],
)
def test_what_differs_in_what_matters_is_a_miss_however_similar(world, simulator, verified, one, two, guard):
    policy(world, semantic=True, semantic_threshold="0.8", semantic_verified=verified)
    world.chat(prompt=one)
    kept(world)
    assert said(world.chat(prompt=two)) == (200, "miss", f"no entry; semantic: not the same: {guard}")
    assert simulator.totals()["requests"] == 2


def test_what_the_verifier_doubts_is_a_miss_unless_the_policy_does_without_it(world):
    row = policy(world, semantic=True)
    world.chat(prompt=QUESTION)
    kept(world)
    doubted = world.chat(prompt=SIMILAR)
    assert doubted.headers["x-tollgate-cache-reason"] == "no entry; semantic: verified: 0.710 below 0.950"
    row.semantic_verified = False
    row.save()
    given = world.chat(prompt=SIMILAR.upper())
    assert (semantic(given), given.headers["x-tollgate-cache-reason"]) == (
        (200, "semantic"),
        "similarity 0.992 of at least 0.950",
    )
    row.semantic_threshold = "0.999"
    row.save()
    assert said(world.chat(prompt=SIMILAR.lower())) == FAR


def test_a_caller_may_ask_for_more_similarity_and_never_for_less(world):
    policy(world, semantic=True, semantic_threshold="0.99", semantic_verified=False)
    asked(world, user(QUESTION))
    kept(world)
    assert semantic(asked(world, user(SIMILAR), x_tollgate_least_similarity="0.999")) == (200, "miss")
    assert semantic(asked(world, user(SIMILAR + " "), x_tollgate_least_similarity="0.99")) == (200, "semantic")
    assert semantic(asked(world, user("Resetting my password"), x_tollgate_least_similarity="0")) == (200, "miss")
    for wrong in ("-1", "1.1", "much", "nan"):
        reply = asked(world, user(QUESTION), x_tollgate_least_similarity=wrong)
        assert (reply.status, reply.json()["error"]["message"]) == (
            400,
            "x-tollgate-least-similarity takes a number from 0 to 1.",
        )


def test_cache_control_is_heard(meaning, simulator):
    asked(meaning, user(QUESTION), cache_control="no-store")
    assert kept(meaning) == []
    asked(meaning, user(QUESTION))
    (entry,) = kept(meaning)
    fresh = asked(meaning, user(SIMILAR), cache_control="no-cache, no-store")
    assert said(fresh) == (200, "miss", "no-cache; not kept: no-store")
    SemanticEntry.objects.filter(id=entry.id).update(answered_at=timezone.now() - dt.timedelta(minutes=5))
    assert said(asked(meaning, user(SIMILAR), cache_control="no-store, max-age=60")) == (
        200,
        "miss",
        "no entry; semantic: nothing near enough; not kept: no-store",
    )
    old = asked(meaning, user(SIMILAR), cache_control="max-age=600")
    assert (semantic(old), int(old.headers["age"]) // 60) == ((200, "semantic"), 5)
    assert simulator.totals()["requests"] == 4


def test_what_is_past_its_time_is_not_given(meaning):
    asked(meaning, user(QUESTION))
    kept(meaning)
    SemanticEntry.objects.filter(tenant=meaning.tenant).update(expires_at=timezone.now())
    assert said(asked(meaning, user(SIMILAR))) == FAR


CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
TURN = [
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "found"},
]


def test_agents_turns_pass_it_by_unless_the_policy_says_otherwise(world, simulator):
    row = policy(world, semantic=True, semantic_threshold="0.8", target_false_percent=15)
    for text in (QUESTION, SIMILAR):
        assert said(asked(world, user(text), *TURN)) == (200, "miss", "no entry; semantic: a tool's result")
    assert kept(world) == []
    row.semantic_agent_turns = True
    row.save()
    assert said(asked(world, user(QUESTION + " "), *TURN)) == FAR
    kept(world)
    assert semantic(asked(world, user(SIMILAR + " "), *TURN)) == (200, "semantic")
    other = [TURN[0], {**TURN[1], "content": "found nothing"}]
    assert said(asked(world, user(SIMILAR + " "), *other)) == FAR


def test_a_result_of_anthropic_s_tools_is_one_too(meaning):
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "found"}
    use = {"type": "tool_use", "id": "t1", "name": "look", "input": {}}
    messages = [user(QUESTION), {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    reply = meaning.post("/v1/messages", {"model": "claude-sonnet-4-5", "max_tokens": 50, "messages": messages})
    assert reply.headers["x-tollgate-cache-reason"] == "no entry; semantic: a tool's result"


def test_it_is_off_unless_a_policy_switches_it_on_and_works_without_the_exact_cache(world):
    row = policy(world)
    assert said(asked(world, user(QUESTION))) == FIRST
    assert kept(world) == []
    row.exact, row.semantic = False, True
    row.save()
    assert said(asked(world, user(QUESTION))) == (200, "miss", "semantic: nothing near enough")
    assert len(kept(world)) == 1
    again = asked(world, user(QUESTION.lower()))
    assert (semantic(again), again.headers["x-tollgate-similarity"]) == ((200, "semantic"), "1.000")
    assert said(asked(world, user(QUESTION), *TURN)) == (200, "bypass", "semantic: a tool's result")


def test_a_policy_of_the_task_goes_before_the_tenant_s(meaning):
    model = Model.objects.get(tenant=meaning.tenant, name="gpt-4o")
    task = Task.objects.create(tenant=meaning.tenant, slug="faq", name="FAQ", default_model=model)
    policy(meaning, task=task, semantic=False, target_false_percent=7)
    meaning.chat("task/faq", QUESTION)
    assert kept(meaning) == []
    targets = [terms_of(meaning.tenant.id, slug).target for slug in ("faq", "", "other")]
    assert targets == pytest.approx([0.07, 0.15, 0.15])


def test_what_was_measured_asks_for_more_or_switches_it_off(meaning):
    asked(meaning, user(QUESTION))
    kept(meaning)
    watch = SemanticWatch.objects.create(tenant=meaning.tenant, threshold=0.8, measure="score", check_percent=0)
    doubted = asked(meaning, user(SIMILAR))
    assert doubted.headers["x-tollgate-cache-reason"] == "no entry; semantic: verified: 0.710 below 0.800"
    watch.is_off = True
    watch.save()
    off = asked(meaning, user(SIMILAR + " "))
    assert said(off) == (200, "miss", "no entry; semantic: it has switched itself off")
    watch.is_off, watch.threshold = False, None
    watch.save()
    assert semantic(asked(meaning, user(SIMILAR + "  "))) == (200, "semantic")


def test_a_thumb_down_takes_the_answer_out(meaning):
    asked(meaning, user(QUESTION))
    kept(meaning)
    given = asked(meaning, user(SIMILAR))
    wait_until(
        lambda: any(f"req_{row.request_id.hex}" == given.headers["x-request-id"] for row in meaning.records_so_far())
    )
    from tenants import api_keys

    key = api_keys.create(meaning.tenant, name="rates", scopes=["feedback"]).secret
    vote = {"request_id": given.headers["x-request-id"], "rating": "down"}
    rated = meaning.post("/v1/feedback", vote, secret=key)
    assert rated.status in (200, 201), rated.body
    wait_until(lambda: not SemanticEntry.objects.filter(tenant=meaning.tenant).exists())
    label = SemanticLabel.objects.get(tenant=meaning.tenant)
    assert (label.is_right, label.source) == (False, "thumb")
    assert said(asked(meaning, user(SIMILAR))) == FAR


def test_a_share_of_the_hits_waits_to_be_checked_with_its_request(meaning):
    SemanticWatch.objects.create(tenant=meaning.tenant, check_percent=100)
    asked(meaning, user(QUESTION))
    (entry,) = kept(meaning)
    given = asked(meaning, user(SIMILAR))
    tasks.note_hits()
    check = SemanticCheck.objects.get(tenant=meaning.tenant)
    assert (f"req_{check.request_id.hex}", check.entry_id) == (given.headers["x-request-id"], entry.id)
    assert SIMILAR in check.sealed
    assert check.score == pytest.approx(0.710, abs=0.001)


@pytest.mark.parametrize("what", ["all", "task", "key", "tag", "end_user"])
def test_a_purge_has_it_forget_what_was_kept_and_what_is_on_its_way(meaning, what):
    model = Model.objects.get(tenant=meaning.tenant, name="gpt-4o")
    Task.objects.create(tenant=meaning.tenant, slug="faq", name="FAQ", default_model=model)
    from tenants import api_keys

    key = api_keys.create(meaning.tenant, name="purges", scopes=["chat", "cache"])
    subjects = {"all": True, "task": "faq", "key": str(key.api_key.id), "tag": "beta", "end_user": "ada"}

    def ask(text: str) -> Reply:
        body = {"model": "task/faq", "user": "ada", "messages": [user(text)]}
        return meaning.post("/v1/chat/completions", body, secret=key.secret, x_tollgate_tags="beta")

    ask(QUESTION)
    assert len(kept(meaning)) == 1
    told = meaning.get("/v1/cache", secret=key.secret).json()["semantic"]
    assert (told["entries"], told["hits"], told["saved_usd"]) == (1, 0, "0.000000000")
    ask(OTHER)  # on its way
    assert meaning.post("/v1/cache/purge", {what: subjects[what]}, secret=key.secret).status == 200
    assert kept(meaning) == []
    assert semantic(ask(SIMILAR)) == (200, "miss")


def test_where_no_model_can_answer_it_stands_in_past_its_time(meaning, simulator):
    asked(meaning, user(QUESTION))
    kept(meaning)
    began = time.monotonic()
    long_ago = timezone.now() - dt.timedelta(days=1, hours=2)
    row = SemanticEntry.objects.filter(tenant=meaning.tenant)
    row.update(answered_at=long_ago, expires_at=timezone.now() - dt.timedelta(hours=2))
    simulator.behave(fault="500")
    stale = asked(meaning, user(SIMILAR))
    assert said(stale) == (200, "stale", "no model could answer")
    assert 26 * 3600 <= int(stale.headers["age"]) <= 26 * 3600 + time.monotonic() - began
    assert stale.headers["x-tollgate-similarity"] == "0.992"
    assert asked(meaning, user(OTHER)).status == 502
    row.update(answered_at=timezone.now() - dt.timedelta(days=2, hours=1))  # fresh for a day, standing in for another
    assert asked(meaning, user(SIMILAR)).status == 502


def test_each_end_user_s_own_stays_so_even_where_no_model_can_answer(world, simulator):
    policy(world, scope="end_user", semantic=True, semantic_threshold="0.8", target_false_percent=15)
    model = Model.objects.get(tenant=world.tenant, name="gpt-4o")
    Task.objects.create(tenant=world.tenant, slug="help", name="Help", default_model=model, replays_when_down=True)

    def ask(text: str, end_user: str) -> Reply:
        return world.chat("task/help", text, user=end_user)

    ask(QUESTION, "ada")
    kept(world)
    assert semantic(ask(SIMILAR, "ada")) == (200, "semantic")
    assert said(ask(SIMILAR, "bo")) == FAR
    simulator.behave(fault="500")
    assert semantic(ask(SIMILAR + " ", "ada")) == (200, "semantic")
    assert ask(QUESTION, "cy").status == 502
    simulator.reset()


def test_while_postgresql_hangs_requests_go_on_without_it(meaning, simulator_process, tmp_path):
    asked(meaning, user(QUESTION))
    kept(meaning)
    with Gateway.running(tmp_path, TOLLGATE_SEMANTIC_WAIT="30") as quick:
        there = World(quick, simulator_process.base_url, meaning.tenant, secret=meaning.secret)
        asked(there, user(OTHER))  # embeds, so that only the search is late
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE gateway_semanticentry IN ACCESS EXCLUSIVE MODE")
            late = asked(there, user(SIMILAR))
        assert said(late) == (200, "miss", "no entry; semantic: search late")
