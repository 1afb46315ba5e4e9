"""Where no model can answer, an earlier answer to a similar question of the task is given, and marked as such."""

from __future__ import annotations

import json
import zlib

import pytest
from django.utils import timezone
from django_redis import get_redis_connection

from gateway import answers, tasks
from gateway.models import SemanticEntry, Task
from gateway.semantic import tending
from gateway.types import Surface
from tests.gateway.budgets import budget, counter
from tests.gateway.live import World

QUESTION = "How do I reset my password?"
SIMILAR = "How can I reset my password?"
OTHER = "What are your opening hours on Sundays?"


@pytest.fixture
def helpdesk(world: World) -> World:
    """A task that may give earlier answers, asked over one model."""
    model = next(model for model in world.tenant_models() if model.name == "gpt-4o")
    Task.objects.create(tenant=world.tenant, slug="help", name="Help", default_model=model, replays_when_down=True)
    return world


def answered(world: World, simulator, text: str = "Click on “Forgot password”.", **fields) -> None:
    simulator.reset()
    simulator.behave(output_text=text)
    assert world.chat("task/help", QUESTION, **fields).status == 200
    world.records_so_far()
    tasks.keep_answers()
    simulator.behave(fault="500")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("kept_of", [False, True], ids=["kept of whole", "kept of stream"])
def test_the_answer_to_a_similar_question_is_given(helpdesk, simulator, stream, kept_of):
    budget(helpdesk, 100, "requests")
    answered(helpdesk, simulator, stream=kept_of)
    reply = helpdesk.chat("task/help", SIMILAR, stream=stream)
    assert reply.status == 200
    assert reply.headers["x-tollgate-cache"] == "stale"
    assert 0.85 <= float(reply.headers["x-tollgate-similarity"]) < 1
    assert 0 <= int(reply.headers["age"]) < 60
    assert reply.headers["x-tollgate-model"] == "gpt-4o"
    if stream:
        assert reply.events()[-1] == b"data: [DONE]"
        said = json.loads(reply.events()[1].removeprefix(b"data: "))["choices"][0]["delta"]["content"]
    else:
        said = reply.json()["choices"][0]["message"]["content"]
    assert said == "Click on “Forgot password”."
    record = helpdesk.record(reply.headers["x-request-id"])
    assert (record.status, record.outcome, record.cache, record.attempt, record.cost_usd) == (200, "ok", "stale", 0, 0)
    assert record.error_type == "upstream_failed"
    assert counter(helpdesk, "requests") == (2, 0)


def test_in_the_other_format_too(helpdesk, simulator):
    answered(helpdesk, simulator)
    reply = helpdesk.message("task/help", QUESTION)
    assert reply.json()["content"] == [{"type": "text", "text": "Click on “Forgot password”."}]
    assert reply.headers["x-tollgate-similarity"] == "1.000"


def test_not_to_another_question_nor_under_another_system_prompt(helpdesk, simulator):
    answered(helpdesk, simulator)
    assert helpdesk.chat("task/help", OTHER).status == 502
    messages = [{"role": "system", "content": "Answer in French."}, {"role": "user", "content": QUESTION}]
    assert helpdesk.post("/v1/chat/completions", {"model": "task/help", "messages": messages}).status == 502


def test_not_in_the_middle_of_a_conversation(helpdesk, simulator):
    answered(helpdesk, simulator)
    said = [
        {"role": "user", "content": OTHER},
        {"role": "assistant", "content": "Ten."},
        {"role": "user", "content": QUESTION},
    ]
    assert helpdesk.post("/v1/chat/completions", {"model": "task/help", "messages": said}).status == 502


def test_not_for_a_fault_of_the_request_s_own(helpdesk, simulator):
    answered(helpdesk, simulator)
    simulator.behave(fault="400")
    assert helpdesk.chat("task/help", QUESTION).status == 400


def test_not_another_tenant_s(helpdesk, simulator, gateway, simulator_process):
    answered(helpdesk, simulator)
    neighbour = World.build(gateway, simulator_process.base_url)
    model = next(model for model in neighbour.tenant_models() if model.name == "gpt-4o")
    Task.objects.create(tenant=neighbour.tenant, slug="help", name="Help", default_model=model, replays_when_down=True)
    assert neighbour.chat("task/help", QUESTION).status == 502


def test_not_where_the_task_does_not_allow_it(helpdesk, simulator):
    answered(helpdesk, simulator)
    task = Task.objects.get(tenant=helpdesk.tenant)
    task.replays_when_down = False
    task.save()
    assert helpdesk.chat("task/help", QUESTION).status == 502


def test_the_latest_answer_to_a_question_stays(helpdesk, simulator):
    answered(helpdesk, simulator, "the old one")
    answered(helpdesk, simulator, "the new one")
    (entry,) = SemanticEntry.objects.filter(tenant=helpdesk.tenant)
    words = answers.of_whole(Surface.OPENAI, zlib.decompress(entry.body))
    assert words is not None
    assert words.text == "the new one"


def test_refused_and_cut_answers_are_not_kept(helpdesk, simulator):
    for finish in ("length", "refusal"):
        simulator.behave(finish=finish)
        helpdesk.chat("task/help", QUESTION)
    tasks.keep_answers()
    assert not SemanticEntry.objects.filter(tenant=helpdesk.tenant).exists()


def test_old_answers_are_forgotten_and_not_given(helpdesk, simulator):
    answered(helpdesk, simulator)
    SemanticEntry.objects.filter(tenant=helpdesk.tenant).update(stale_until=timezone.now())
    assert helpdesk.chat("task/help", QUESTION).status == 502
    tending.tend([helpdesk.tenant.id], timezone.now())
    assert not SemanticEntry.objects.filter(tenant=helpdesk.tenant).exists()


def test_what_cannot_be_read_holds_up_nobody(helpdesk, simulator):
    get_redis_connection("default").xadd(f"tg:{{{helpdesk.tenant.id}}}:given", {"r": b"no answer"})
    answered(helpdesk, simulator)
    assert SemanticEntry.objects.filter(tenant=helpdesk.tenant).count() == 1
