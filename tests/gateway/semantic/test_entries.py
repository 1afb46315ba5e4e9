"""What is kept and what is not; twice, at once, and after a purge."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
import zlib
from uuid import uuid4

import msgspec
import pytest
from django.db import connection
from django_redis import get_redis_connection

from gateway import emptying
from gateway.caching.semantic import Given
from gateway.models import SemanticEntry
from gateway.semantic import entries
from gateway.semantic.purges import ALL, END_USER, KEY, TAG, TASK, Purge
from tenants import redis_keys
from tenants.models import Tenant
from tests.gateway.semantic.memory import EMBEDDER, OTHER_SCOPE, Memory, as_bytes, at_angle, embed, whole


def test_an_answer_is_kept_with_all_that_is_known_of_it(memory: Memory):
    key_id = uuid4()
    given = memory.given(
        "How do I reset my password?", key_id=str(key_id), end_user="ann", tags=("beta", "de"), model_asked="task/help"
    )
    memory.hand_over(given)
    assert memory.work_off() == 1
    (row,) = memory.rows()
    assert (row.question, row.task, row.model_asked, row.api_key_id) == (given.question, "help", "task/help", key_id)
    assert (row.end_user, row.tags, row.embedder, row.model, row.provider) == (
        "ann",
        ["beta", "de"],
        EMBEDDER,
        "gpt-4o",
        "openai",
    )
    assert (bytes(row.scope), bytes(row.kin), row.request_id.bytes) == (given.scope, given.kin, given.request_id)
    assert zlib.decompress(row.body) == given.body
    assert (row.input_tokens, row.output_tokens, row.cost_nanousd, row.hits) == (12, 34, 5600, 0)
    assert row.answered_at == dt.datetime.fromtimestamp(given.at_ms / 1000, dt.UTC)
    assert (row.expires_at - row.answered_at, row.stale_until - row.expires_at) == (
        dt.timedelta(hours=1),
        dt.timedelta(days=1),
    )
    assert list(row.embedding) == pytest.approx(at_angle(0), abs=1e-3)


def test_the_gateway_s_own_vector_is_taken(memory: Memory):
    memory.keep("0", vector=as_bytes(at_angle(90)), embedder="whichever made it")
    assert memory.found(90) == ["0"]


def test_the_same_question_is_kept_once_with_its_latest_answer(memory: Memory):
    now = int(time.time() * 1000)
    memory.keep("0", answer="old", at_ms=now - 5000)
    (first,) = memory.rows()
    memory.keep("0", answer="new", at_ms=now)
    memory.keep("0", answer="late", at_ms=now - 3000)
    memory.keep("0", answer="elsewhere", scope=OTHER_SCOPE)
    kept = [row for row in memory.rows() if bytes(row.scope) != OTHER_SCOPE]
    assert [(row.id, zlib.decompress(row.body)) for row in kept] == [(first.id, whole("new"))]


def test_a_batch_that_comes_twice_is_kept_once(memory: Memory):
    given = [memory.given(str(number)) for number in range(5)]
    memory.hand_over(*given)
    assert memory.work_off() == 5
    memory.hand_over(*given)
    memory.work_off()
    assert memory.questions() == ["0", "1", "2", "3", "4"]
    assert get_redis_connection("default").xlen(redis_keys.given_answers(memory.id)) == 0


def test_workers_at_once_keep_each_once(memory: Memory):
    memory.hand_over(*(memory.given(str(number % 60)) for number in range(180)))

    def work() -> None:
        memory.work_off()
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(memory.rows()) == 60


TOOL_CALL = {"index": 0, "finish_reason": "tool_calls", "message": {"content": None, "tool_calls": [{"id": "1"}]}}
NOT_KEPT = {
    "broken off": {"body": whole("half an ans", "length")},
    "filtered": {"body": whole("x", "content_filter")},
    "empty": {"body": whole("  ")},
    "a tool call": {"body": json.dumps({"choices": [TOOL_CALL]}).encode()},
    "no answer": {"body": b"{"},
    "no question": {"question": " "},
    "of no scope": {"scope": b"short"},
    "of another embedder": {"embedder": "another"},
    "on no surface": {"surface": "gopher"},
    "of no key": {"key_id": "nobody"},
}


@pytest.mark.parametrize("name", NOT_KEPT)
def test_what_could_not_be_given_again_is_not_kept_and_holds_up_nobody(memory: Memory, name):
    memory.hand_over(memory.given(**{"question": "1", **NOT_KEPT[name]}), memory.given("0"))
    assert memory.work_off() == 1
    assert memory.questions() == ["0"]


def test_what_is_no_record_holds_up_nobody(memory: Memory):
    memory.hand_over(b"no record", msgspec.msgpack.encode(["too", "short"]), memory.given("0"))
    assert memory.work_off() == 1


def test_what_postgresql_refuses_is_left_out_alone(memory: Memory):
    memory.hand_over(memory.given("0"), memory.given("1", model="m" * 500), memory.given("nul \x00 byte"))
    assert memory.work_off() == 2
    assert memory.questions() == ["0", "nul � byte"]


def test_answers_of_a_tenant_that_is_gone_are_dropped(memory: Memory):
    gone = uuid4()
    redis = get_redis_connection("default")
    redis.xadd(redis_keys.given_answers(gone), {"r": msgspec.msgpack.encode(memory.given())})
    assert emptying.waiting(redis, [gone, memory.id], redis_keys.given_answers) == [gone]
    assert entries.keep(redis, gone, EMBEDDER, embed) == 0
    assert redis.xlen(redis_keys.given_answers(gone)) == 0


def test_an_embedder_that_fails_leaves_the_answers_waiting(memory: Memory):
    def broken(texts: list[str]) -> list[list[float]]:
        raise RuntimeError("no model")

    redis = get_redis_connection("default")
    memory.hand_over(memory.given("0"))
    with pytest.raises(RuntimeError):
        entries.keep(redis, memory.id, EMBEDDER, broken)
    assert memory.work_off() == 1


def test_an_evicted_entry_is_gone(memory: Memory):
    memory.keep("0", "1")
    row = SemanticEntry.objects.get(tenant=memory.tenant, question="0")
    assert entries.evict(memory.id, row.id)
    assert not entries.evict(memory.id, row.id)
    assert memory.found(0, least=0.99) == ["1"]


KEYS = {"one": "0b7c1f7e-4a53-4c0f-8f0e-5d2f6f3a9c11", "two": "5f0a9d52-6c3b-4b8e-9a7d-3e1c2b4d6f80"}  # in tests' names
PURGES = {
    Purge(ALL): [],
    Purge(TASK, "help"): ["c"],
    Purge(KEY, KEYS["one"]): ["b", "c"],
    Purge(TAG, "beta"): ["b"],
    Purge(END_USER, "ann"): ["a"],
    Purge(END_USER, "nobody"): ["a", "b", "c"],
}


@pytest.mark.parametrize("what", PURGES, ids=lambda purge: purge.name)
def test_a_purge_takes_what_belongs_to_it_on_its_way_or_not(memory: Memory, what):
    def given() -> list[Given]:
        return [
            memory.given("a", key_id=KEYS["one"], tags=("beta",)),
            memory.given("b", key_id=KEYS["two"], end_user="ann"),
            memory.given("c", task="other", key_id=KEYS["two"], tags=("alpha", "beta"), end_user="ann"),
        ]

    memory.hand_over(*given())
    memory.work_off()
    waiting = given()
    memory.hand_over(*waiting)
    assert entries.purge(get_redis_connection("default"), memory.id, what) == 3 - len(PURGES[what])
    assert memory.questions() == PURGES[what]
    memory.work_off()
    assert memory.questions() == PURGES[what]
    memory.hand_over(*(msgspec.structs.replace(one, at_ms=one.at_ms + 60_000) for one in waiting))
    memory.work_off()
    assert memory.questions() == ["a", "b", "c"]


def test_a_tenant_s_entries_go_with_it(memory: Memory):
    memory.keep("0")
    Tenant.objects.get(id=memory.id).delete()
    assert memory.rows() == []
