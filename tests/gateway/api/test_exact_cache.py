"""The very same request again is answered from the exact cache: at no cost, whole or as a stream, in either format."""

from __future__ import annotations

import json
import time

import pytest

from gateway.models import Task, TaskFallback
from tests.gateway.caches import FIRST, HIT, body, policy, said


@pytest.mark.parametrize("model", ["gpt-4o", "claude-sonnet-4-5"])
@pytest.mark.parametrize("surface", ["chat", "message"])
@pytest.mark.parametrize("kept_of_stream", [False, True], ids=["kept whole", "kept of a stream"])
def test_is_given_again_whole_and_as_a_stream(cached, simulator, model, surface, kept_of_stream):
    simulator.behave(output_text="Tolls are paid at the gate.")
    ask, began = getattr(cached, surface), time.monotonic()
    first = ask(model, stream=kept_of_stream)
    whole, stream = ask(model), ask(model, stream=True)
    assert (said(first), said(whole), said(stream)) == (FIRST, HIT, HIT)
    assert {reply.text() for reply in (first, whole, stream)} == {"Tolls are paid at the gate."}
    assert simulator.totals()["requests"] == 1
    assert {(reply.headers["x-tollgate-model"], reply.headers["x-tollgate-cost-usd"]) for reply in (whole, stream)} == {
        (model, "0.000000000")
    }
    saved = {reply.headers["x-tollgate-cache-saved-usd"] for reply in (whole, stream)}
    assert saved == {f"{cached.records(3)[0].cost_usd:.9f}"}
    assert 0 <= int(whole.headers["age"]) <= time.monotonic() - began
    assert "x-tollgate-max-tokens" not in whole.headers
    if not kept_of_stream:
        assert whole.body == first.body
    usage = whole.json()["usage"]
    assert usage.get("output_tokens", usage.get("completion_tokens")) > 0


def test_a_stream_has_the_usage_only_if_it_is_asked_for(cached):
    cached.chat()
    plain, asked = cached.chat(stream=True), cached.chat(stream=True, stream_options={"include_usage": True})
    assert (said(plain), said(asked)) == (HIT, HIT)
    assert b'"usage"' not in plain.body
    assert json.loads(asked.events()[-2].removeprefix(b"data: "))["usage"]["completion_tokens"] > 0
    assert plain.headers["cache-control"] == "no-cache"


def test_embeddings_are_given_again(cached, simulator):
    body = {"model": "text-embedding-3-small", "input": "hello"}
    first, again = (cached.post("/v1/embeddings", body) for _ in range(2))
    other = cached.post("/v1/embeddings", {**body, "encoding_format": "base64"})
    assert (said(first), said(again), said(other)) == (FIRST, HIT, FIRST)
    assert first.body == again.body
    assert simulator.totals()["requests"] == 2


def test_an_edited_route_begins_anew(world):
    policy(world)
    one = next(model for model in world.tenant_models() if model.name == "gpt-4o")
    two = world.model("gpt-4.1", "openai")
    task = Task.objects.create(tenant=world.tenant, slug="faq", name="FAQ", default_model=one)
    assert [said(world.chat("task/faq")) for _ in range(2)] == [FIRST, HIT]
    TaskFallback.objects.create(task=task, model=two, position=1)
    assert [said(world.chat("task/faq")) for _ in range(2)] == [FIRST, HIT]
    one.upstream_id = "gpt-4o-2024-08-06"
    one.save()
    assert said(world.chat("task/faq")) == FIRST


def test_with_an_idempotency_key_a_hit_is_kept_as_the_answer(cached, simulator):
    cached.chat()
    hit = cached.post("/v1/chat/completions", body(), idempotency_key="a")
    again = cached.post("/v1/chat/completions", body(), idempotency_key="a")
    assert (said(hit), hit.headers.get("idempotent-replayed")) == (HIT, None)
    assert (again.body, again.headers["idempotent-replayed"]) == (hit.body, "true")
    assert "x-tollgate-cache" not in again.headers
    assert cached.post("/v1/chat/completions", body(seed=1), idempotency_key="a").status == 400
